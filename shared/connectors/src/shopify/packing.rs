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

/// How an article that was packed is found: by its line where the shop has that line, else by its number.
#[derive(Clone, Copy)]
enum Key<'a> {
    Line(&'a str),
    Sku(&'a str),
}

impl<'a> Key<'a> {
    fn of(packed: &'a PackedLine, places: &[Place], told: &[parcels::PackedLine]) -> Option<Self> {
        let ids = places.iter().flat_map(|place| &place.lines).map(|line| line.line_item.id.as_str());
        let mut ids = ids.chain(told.iter().map(|line| line.line_item.id.as_str()));
        let by_line = packed.line.as_ref().map(|line| Self::Line(line.as_str()));
        let by_line = by_line.filter(|key| ids.any(|id| key.is(id, None)));
        by_line.or_else(|| packed.sku.as_ref().map(|sku| Self::Sku(sku.as_str())))
    }

    /// Whether a line of the shop is that article.
    fn is(self, id: &str, sku: Option<&str>) -> bool {
        match self {
            Self::Line(line) => id.rsplit('/').next() == Some(line),
            Self::Sku(ours) => sku == Some(ours),
        }
    }

    fn is_open(self, line: &OpenLine) -> bool {
        self.is(&line.line_item.id, line.sku.as_deref())
    }

    fn is_packed(self, line: &parcels::PackedLine) -> bool {
        self.is(&line.line_item.id, line.line_item.sku.as_deref())
    }
}

/// Pieces that are wanted of an article.
struct Want<'a> {
    key: Key<'a>,
    left: u64,
}

impl Want<'_> {
    /// How much of it a place has.
    fn covered(&self, place: &Place) -> u64 {
        let lines = place.lines.iter().filter(|line| self.key.is_open(line));
        lines.map(|line| line.remaining_quantity).sum::<u64>().min(self.left)
    }
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
    let mut told = told.to_vec();
    let mut wants = wants(packed, &mut told, places)?;
    let mut open: Vec<&Place> = places.iter().filter(|place| place.is_open).collect();
    open.sort_by_key(|place| std::cmp::Reverse(wants.iter().map(|want| want.covered(place)).sum::<u64>()));
    let mut packing = Packing::new();
    for place in open {
        let taken = take(&mut wants, place);
        if !taken.is_empty() {
            let part = FulfillmentOrderInput {
                fulfillment_order_id: &place.id,
                fulfillment_order_line_items: taken,
            };
            packing.entry(&place.location).or_default().push(part);
        }
    }
    let mut held = places.iter().filter(|place| place.is_held);
    if held.any(|place| wants.iter().any(|want| want.covered(place) > 0)) {
        return Err(Misfit::Held);
    }
    Ok(packing)
}

/// Takes what was packed off the lines of parcels.
pub(super) fn without(lines: &mut Vec<parcels::PackedLine>, packed: &[PackedLine]) {
    // What the shop has not is in none of its parcels.
    for packed in packed {
        let Some(key) = Key::of(packed, &[], lines) else { continue };
        take_off(lines, key, packed.quantity.count().to_u64().unwrap_or(0));
    }
    lines.retain(|line| line.quantity.unwrap_or(0) > 0);
}

/// Takes up to `pieces` off the lines; answers how many are left to take.
fn take_off(lines: &mut [parcels::PackedLine], key: Key<'_>, mut pieces: u64) -> u64 {
    for line in lines.iter_mut().filter(|line| key.is_packed(line)) {
        let taken = line.quantity.unwrap_or(0).min(pieces);
        line.quantity = line.quantity.map(|quantity| quantity - taken);
        pieces -= taken;
    }
    pieces
}

fn wants<'p>(
    packed: &'p [PackedLine],
    told: &mut [parcels::PackedLine],
    places: &[Place],
) -> Result<Vec<Want<'p>>, Misfit> {
    let mut wants = Vec::new();
    for packed in packed {
        let count = packed.quantity.count();
        let pieces = count.is_integer().then(|| count.to_u64()).flatten().ok_or(Misfit::Fraction)?;
        let key = Key::of(packed, places, told).ok_or_else(|| unknown(packed))?;
        let open = places.iter().flat_map(|place| &place.lines).any(|line| key.is_open(line));
        if !open && !told.iter().any(|line| key.is_packed(line)) {
            return Err(unknown(packed));
        }
        wants.push(Want { key, left: take_off(told, key, pieces) });
    }
    Ok(wants)
}

fn unknown(packed: &PackedLine) -> Misfit {
    let names = [packed.sku.as_ref().map(|sku| sku.as_str()), packed.line.as_ref().map(|line| line.as_str())];
    Misfit::Unknown(names.into_iter().flatten().next().unwrap_or_default().to_owned())
}

fn take<'a>(wants: &mut [Want<'_>], place: &'a Place) -> Vec<LineInput<'a>> {
    let mut taken = Vec::new();
    for line in &place.lines {
        let mut pieces = 0;
        for want in wants.iter_mut().filter(|want| want.key.is_open(line)) {
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
