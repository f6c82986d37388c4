//! An order's amounts as positions of a sales order. weclapp reckons every position itself: quantity by unit price,
//! rounded to cents. The positions made here come to the shop's total exactly, whatever was ordered.

use kontor_domain::{Charge, ChargeKind, Line, LineKind, OrderDraft, TaxMode, TaxPart, TaxRate};
use kontor_flow::CallError;
use rust_decimal::{Decimal, RoundingStrategy};

use super::rates::by_rate;
use super::unmapped;
use crate::config::ErpArticles;

/// Digits weclapp keeps behind the point of a price or a quantity (OpenAPI: `[0-9]{1,13}([.][0-9]{1,5})?`).
pub(super) const DIGITS: u32 = 5;

/// One position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// The article's number in the ERP.
    pub(super) article: String,
    /// What it is called on documents.
    pub(super) title: String,
    /// How many; one for carriage.
    pub(super) quantity: Decimal,
    /// The price of one, as stated in the order (with or without tax).
    pub(super) unit_price: Decimal,
    /// The rate the shop used, where it used one alone.
    pub(super) rate: Option<TaxRate>,
    /// Carriage goes into a list of its own.
    pub(super) is_carriage: bool,
}

impl Position {
    /// What weclapp makes of it, with `decimals` digits behind the point.
    pub(super) fn booked(&self, decimals: u32) -> Decimal {
        rounded(self.quantity * self.unit_price, decimals)
    }
}

/// The positions of an order. What unit prices of five digits cannot say goes into a rounding position.
///
/// # Errors
/// [`CallError::Unmapped`] for a line without a SKU and for a quantity with more digits than weclapp keeps.
pub(super) fn positions(order: &OrderDraft, articles: &ErpArticles) -> Result<Vec<Position>, CallError> {
    let decimals = order.currency.decimals();
    let mut positions =
        Vec::with_capacity(order.lines.len() + order.charges.len() + order.discounts.len() + 1);
    for line in &order.lines {
        positions.extend(line_positions(line, articles, decimals)?);
    }
    let each = |position: Position, taxes: &[TaxPart]| each_rate(position, taxes, order.tax_mode, decimals);
    for charge in &order.charges {
        positions.extend(each(charge_position(charge, articles), &charge.taxes));
    }
    for discount in &order.discounts {
        let position = Position {
            article: articles.discount.clone(),
            title: discount.code.clone(),
            quantity: Decimal::ONE,
            unit_price: discount.amount.amount(),
            rate: only_rate(&discount.taxes),
            is_carriage: false,
        };
        let off = |position: Position| Position { unit_price: -position.unit_price, ..position };
        positions.extend(each(position, &discount.taxes).into_iter().map(off));
    }
    for position in &mut positions {
        position.unit_price = rounded(position.unit_price, DIGITS);
    }
    let booked: Decimal = positions.iter().map(|position| position.booked(decimals)).sum();
    let missing = rounded(stated_total(order), decimals) - booked;
    if !missing.is_zero() {
        positions.push(rounding_position(missing, articles));
    }
    Ok(positions)
}

/// What the parts come to as they are stated: with tax that is the shop's total, without tax it is the net sum.
fn stated_total(order: &OrderDraft) -> Decimal {
    match order.tax_mode {
        TaxMode::Gross | TaxMode::TaxFree => order.total.amount(),
        TaxMode::Net => {
            let lines = order.lines.iter().map(|line| line.total.amount());
            let charges = order.charges.iter().map(|charge| charge.total.amount());
            let discounts = order.discounts.iter().map(|discount| -discount.amount.amount());
            lines.chain(charges).chain(discounts).sum::<Decimal>() + order.rounding.amount()
        }
    }
}

fn line_positions(line: &Line, articles: &ErpArticles, decimals: u32) -> Result<Vec<Position>, CallError> {
    let quantity = line.quantity.count();
    if quantity.normalize().scale() > DIGITS {
        return Err(unmapped(format!(
            "line {} has a quantity with more than {DIGITS} digits behind the point",
            line.id
        )));
    }
    let (total, article) = (line.total.amount(), line_article(line, articles)?);
    let position = |quantity: Decimal, unit_price: Decimal| Position {
        article: article.clone(),
        title: line.title.clone(),
        quantity,
        unit_price,
        rate: only_rate(&line.taxes),
        is_carriage: false,
    };
    let whole = position(quantity, rounded(total / quantity, DIGITS));
    if whole.booked(decimals) == rounded(total, decimals) {
        return Ok(vec![whole]);
    }
    Ok(match split(total, quantity) {
        Some([(few, dear), (many, cheap)]) => vec![position(few, dear), position(many, cheap)],
        None => vec![whole],
    })
}

/// The number of the article a line is booked as.
///
/// # Errors
/// [`CallError::Unmapped`] for a line without a SKU.
pub(super) fn line_article(line: &Line, articles: &ErpArticles) -> Result<String, CallError> {
    match (&line.sku, line.kind) {
        (Some(sku), LineKind::Physical | LineKind::Digital | LineKind::GiftCard) => {
            Ok(sku.as_str().to_owned())
        }
        (None, LineKind::GiftCard) => articles.gift_card.clone().ok_or_else(|| {
            unmapped(format!(
                "line {} is a gift card without a SKU; name an article in erp.articles.gift_card",
                line.id
            ))
        }),
        (None, LineKind::Physical | LineKind::Digital) => {
            Err(unmapped(format!("line {} has no SKU; give the article one in the shop", line.id)))
        }
    }
}

/// A thousand pieces and more: no price of five digits fits all of them, so some cost one hundred-thousandth more.
fn split(total: Decimal, quantity: Decimal) -> Option<[(Decimal, Decimal); 2]> {
    let step = Decimal::new(1, DIGITS);
    let cheap = (total / quantity).round_dp_with_strategy(DIGITS, RoundingStrategy::ToNegativeInfinity);
    let few = ((total - cheap * quantity) / step).normalize();
    let fits = quantity.is_integer() && few.is_integer() && few > Decimal::ZERO && few < quantity;
    fits.then(|| [(few, cheap + step), (quantity - few, cheap)])
}

fn charge_position(charge: &Charge, articles: &ErpArticles) -> Position {
    let (article, is_carriage) = match charge.kind {
        ChargeKind::Shipping => (&articles.shipping, true),
        ChargeKind::Payment | ChargeKind::Other => (&articles.fee, false),
    };
    Position {
        article: article.clone(),
        title: charge.title.clone(),
        quantity: Decimal::ONE,
        unit_price: charge.total.amount(),
        rate: only_rate(&charge.taxes),
        is_carriage,
    }
}

/// The position as it is, or one for each rate of tax in it: a position has one tax in weclapp.
fn each_rate(position: Position, taxes: &[TaxPart], mode: TaxMode, decimals: u32) -> Vec<Position> {
    let Some(parts) = by_rate(position.unit_price, taxes, mode, decimals) else { return vec![position] };
    let part = |(rate, unit_price)| Position { rate: Some(rate), unit_price, ..position.clone() };
    parts.into_iter().map(part).collect()
}

fn rounding_position(missing: Decimal, articles: &ErpArticles) -> Position {
    Position {
        article: articles.rounding.clone(),
        title: articles.rounding.clone(),
        quantity: Decimal::ONE,
        unit_price: missing,
        rate: None,
        is_carriage: false,
    }
}

fn only_rate(taxes: &[TaxPart]) -> Option<TaxRate> {
    match taxes {
        [] => Some(TaxRate::ZERO),
        [one] => Some(one.rate),
        _ => None,
    }
}

/// Rounded as money is.
pub(super) fn rounded(amount: Decimal, digits: u32) -> Decimal {
    amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use kontor_domain::{Currency, Discount, LineId, Money, OrderDraft, Quantity, Sku};
    use kontor_testkit::order::{draft, line};
    use proptest::prelude::*;

    use super::*;

    fn articles() -> ErpArticles {
        ErpArticles {
            shipping: "SHIPPING".to_owned(),
            fee: "FEE".to_owned(),
            discount: "DISCOUNT".to_owned(),
            rounding: "ROUNDING".to_owned(),
            gift_card: Some("GIFTCARD".to_owned()),
        }
    }

    fn money(cents: i64) -> Money {
        Money::new(Decimal::new(cents, 2), Currency::EUR)
    }

    fn one_line(quantity: Decimal, cents: i64) -> OrderDraft {
        let mut order = draft("#1");
        let mut only = line("1", "TASSE-01", 1, "0.00", "0.00");
        only.quantity = Quantity::new(quantity).unwrap();
        only.total = money(cents);
        order.lines = vec![only];
        order.charges = Vec::new();
        order.total = money(cents);
        order
    }

    fn booked(order: &OrderDraft) -> Decimal {
        positions(order, &articles()).unwrap().iter().map(|position| position.booked(2)).sum()
    }

    #[test]
    fn a_price_that_divides_is_one_position() {
        let order = one_line(Decimal::from(3), 2990);
        let positions = positions(&order, &articles()).unwrap();
        assert_eq!(positions.len(), 1);
        assert_eq!(positions[0].unit_price, "9.96667".parse().unwrap());
        assert_eq!(positions[0].booked(2), "29.90".parse().unwrap());
    }

    #[test]
    fn thousands_of_pieces_are_split_into_two_prices() {
        let order = one_line(Decimal::from(3_000), 100_001);
        let positions = positions(&order, &articles()).unwrap();
        let prices: Vec<_> = positions.iter().map(|p| (p.quantity, p.unit_price)).collect();
        let price = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(prices, [(price("2000"), price("0.33334")), (price("1000"), price("0.33333"))]);
        assert_eq!(booked(&order), price("1000.01"));
    }

    #[test]
    fn carriage_fees_discounts_and_rounding_have_articles_of_their_own() {
        let mut order = draft("#1");
        let fee = Charge { kind: ChargeKind::Payment, total: money(200), ..order.charges[0].clone() };
        order.charges.push(fee);
        order.discounts.push(Discount { code: "HERBST".to_owned(), amount: money(500), taxes: Vec::new() });
        order.rounding = money(1);
        order.total = money(3480 + 200 - 500 + 1);
        let positions = positions(&order, &articles()).unwrap();
        let told: Vec<_> =
            positions.iter().map(|p| (p.article.as_str(), p.unit_price.to_string(), p.is_carriage)).collect();
        assert_eq!(
            told[2..],
            [
                ("SHIPPING", "4.90".to_owned(), true),
                ("FEE", "2.00".to_owned(), false),
                ("DISCOUNT", "-5.00".to_owned(), false),
                ("ROUNDING", "0.01".to_owned(), false),
            ]
            .map(|(a, p, c)| (a, p.parse::<Decimal>().unwrap().normalize().to_string(), c))
        );
        assert_eq!(booked(&order), order.total.amount());
    }

    #[test]
    fn lines_without_a_sku_are_named() {
        let mut order = draft("#1");
        order.lines[0].sku = None;
        let error = positions(&order, &articles()).unwrap_err();
        assert!(error.to_string().contains("line 1 has no SKU"), "{error}");
        order.lines[0].kind = LineKind::GiftCard;
        assert_eq!(positions(&order, &articles()).unwrap()[0].article, "GIFTCARD");
        order.lines[0].quantity = Quantity::new("0.000001".parse().unwrap()).unwrap();
        assert!(positions(&order, &articles()).is_err(), "six digits were taken");
    }

    proptest! {
        #[test]
        fn the_positions_come_to_the_shops_total_exactly(
            lines in prop::collection::vec((1_i64..2_000_000, 0_u32..6, 0_i64..50_000_000), 1..12),
            carriage in 0_i64..5_000,
            discount in 0_i64..5_000,
            rounding in -5_i64..5,
        ) {
            let mut order = draft("#1");
            let mut sum = carriage - discount + rounding;
            order.lines = lines.iter().enumerate().map(|(at, (quantity, scale, cents))| {
                sum += cents;
                let mut one = line("1", "TASSE-01", 1, "0.00", "0.00");
                one.id = LineId::parse(&at.to_string()).unwrap();
                one.sku = Some(Sku::parse(&format!("SKU-{at}")).unwrap());
                one.quantity = Quantity::new(Decimal::new(*quantity, *scale)).unwrap();
                one.total = money(*cents);
                one
            }).collect();
            order.charges[0].total = money(carriage);
            order.discounts = vec![Discount { code: "A".to_owned(), amount: money(discount), taxes: Vec::new() }];
            order.rounding = money(rounding);
            order.total = money(sum);
            prop_assert_eq!(booked(&order), order.total.amount());
            for position in positions(&order, &articles()).unwrap() {
                prop_assert!(position.unit_price.scale() <= DIGITS);
            }
        }

        #[test]
        fn no_piece_is_lost_by_splitting(quantity in 1_i64..5_000_000, cents in 0_i64..100_000_000) {
            let order = one_line(Decimal::from(quantity), cents);
            let positions = positions(&order, &articles()).unwrap();
            let pieces: Decimal = positions.iter().filter(|p| p.article == "TASSE-01").map(|p| p.quantity).sum();
            prop_assert_eq!(pieces, Decimal::from(quantity));
            let off: Decimal = positions.iter().filter(|p| p.article == "ROUNDING").map(|p| p.unit_price.abs()).sum();
            prop_assert!(off <= Decimal::new(1, 2), "rounding of {}", off);
        }
    }
}
