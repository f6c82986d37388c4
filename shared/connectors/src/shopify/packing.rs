//! Which pieces of which place a shipment takes: what the warehouse says it packed, matched with what the shop has open.

use std::collections::BTreeMap;

use kontor_domain::PackedLine;
use rust_decimal::prelude::ToPrimitive as _;

use super::parcels::{self, FulfillmentOrderInput, LineInput, OpenLine};

/// What one place is to ship, all its lines known.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Its fulfilment order.
    pub(super) id: String,
    /// Where it ships from; empty where Shopify does not say.
    pub(super) location: String,
    /// Whether it ships now.
    pub(super) is_open: bool,
    /// Whether it is kept from shipping.
    pub(super) is_held: bool,
    pub(super) lines: Vec<OpenLine>,
}

impl Place {
    /// Whether anything is left to ship.
    pub(super) fn has_rest(&self) -> bool {
        self.lines.iter().any(|line| line.remaining_quantity > 0)
    }
}

/// Why a shipment can't be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    /// The order has no such article.
    Unknown(String),
    /// A part of a piece.
    Fraction,
    /// The shop keeps it from being shipped.
    Held,
}

/// What is shipped from where.
pub(super) type Packing<'a> = BTreeMap<&'a str, Vec<FulfillmentOrderInput<'a>>>;

/// Pieces that are wanted of an article.
struct Want<'a> {
    packed: &'a PackedLine,
    left: u64,
}

/// Everything that is left, wherever it is.
pub(super) fn all(places: &[Place]) -> Packing<'_> {
    let mut packing = Packing::new();
    for place in places.iter().filter(|place| place.is_open && place.has_rest()) {
        let whole = FulfillmentOrderInput {
            fulfillment_order_id: &place.id,
            fulfillment_order_line_items: Vec::new(),
        };
        packing.entry(&place.location).or_default().push(whole);
    }
    packing
}

/// What is left to be told of `packed`, of which `told` is known to the shop already. Empty if it knows all of it.
///
/// A place that has everything is taken before several that have a part each. What nobody has open is taken to have been
/// shipped by hand.
pub(super) fn pack<'a>(
    packed: &[PackedLine],
    told: &[parcels::PackedLine],
    places: &'a [Place],
) -> Result<Packing<'a>, Misfit> {
    let mut wants = wants(packed, told, places)?;
    let mut open: Vec<&Place> = places.iter().filter(|place| place.is_open).collect();
    open.sort_by_key(|place| {
        std::cmp::Reverse(wants.iter().map(|want| covered(want, place, places)).sum::<u64>())
    });
    let mut packing = Packing::new();
    for place in open {
        let taken = take(&mut wants, place, places);
        if !taken.is_empty() {
            let part = FulfillmentOrderInput {
                fulfillment_order_id: &place.id,
                fulfillment_order_line_items: taken,
            };
            packing.entry(&place.location).or_default().push(part);
        }
    }
    let is_held = |want: &Want<'_>| {
        let held = places.iter().filter(|place| place.is_held);
        want.left > 0 && held.map(|place| covered(want, place, places)).sum::<u64>() > 0
    };
    if wants.iter().any(is_held) { Err(Misfit::Held) } else { Ok(packing) }
}

fn wants<'p>(
    packed: &'p [PackedLine],
    told: &[parcels::PackedLine],
    places: &[Place],
) -> Result<Vec<Want<'p>>, Misfit> {
    let mut told: Vec<parcels::PackedLine> = told.to_vec();
    let mut wants = Vec::new();
    for packed in packed {
        let count = packed.quantity.count();
        let mut left = count.is_integer().then(|| count.to_u64()).flatten().ok_or(Misfit::Fraction)?;
        let mut is_known =
            places.iter().flat_map(|place| &place.lines).any(|line| matches(packed, line, places));
        for line in &mut told {
            let article = Article { id: &line.line_item.id, sku: line.line_item.sku.as_deref() };
            if article.is(packed) {
                is_known = true;
                let pieces = line.quantity.unwrap_or(0).min(left);
                line.quantity = line.quantity.map(|quantity| quantity - pieces);
                left -= pieces;
            }
        }
        if !is_known {
            let names =
                [packed.sku.as_ref().map(|sku| sku.as_str()), packed.line.as_ref().map(|line| line.as_str())];
            return Err(Misfit::Unknown(names.into_iter().flatten().next().unwrap_or_default().to_owned()));
        }
        wants.push(Want { packed, left });
    }
    Ok(wants)
}

/// An article of the shop.
struct Article<'a> {
    id: &'a str,
    sku: Option<&'a str>,
}

impl Article<'_> {
    fn has_id(&self, packed: &PackedLine) -> bool {
        packed.line.as_ref().is_some_and(|line| self.id.rsplit('/').next() == Some(line.as_str()))
    }

    fn is(&self, packed: &PackedLine) -> bool {
        let sku = packed.sku.as_ref().map(|sku| sku.as_str());
        self.has_id(packed) || packed.line.is_none() && sku.is_some() && self.sku == sku
    }
}

/// Whether a line is the article that was packed: by its id; by its number where the shop has no line of that id.
fn matches(packed: &PackedLine, line: &OpenLine, places: &[Place]) -> bool {
    fn article(line: &OpenLine) -> Article<'_> {
        Article { id: &line.line_item.id, sku: line.sku.as_deref() }
    }
    if article(line).has_id(packed) {
        return true;
    }
    let mut lines = places.iter().flat_map(|place| &place.lines);
    let by_id = packed.line.is_some() && lines.any(|other| article(other).has_id(packed));
    let sku = packed.sku.as_ref().map(|sku| sku.as_str());
    !by_id && sku.is_some() && line.sku.as_deref() == sku
}

fn covered(want: &Want<'_>, place: &Place, places: &[Place]) -> u64 {
    let lines = place.lines.iter().filter(|line| matches(want.packed, line, places));
    lines.map(|line| line.remaining_quantity).sum::<u64>().min(want.left)
}

fn take<'a>(wants: &mut [Want<'_>], place: &'a Place, places: &[Place]) -> Vec<LineInput<'a>> {
    let mut taken = Vec::new();
    for line in &place.lines {
        let mut pieces = 0;
        for want in wants.iter_mut().filter(|want| matches(want.packed, line, places)) {
            let more = want.left.min(line.remaining_quantity - pieces);
            want.left -= more;
            pieces += more;
        }
        if pieces > 0 {
            taken.push(LineInput { id: &line.id, quantity: pieces });
        }
    }
    taken
}
