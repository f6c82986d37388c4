//! A placed order: what was bought, for how much, by whom, to where. Its parts add up exactly, or it cannot be built.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::limits::{self, DIGITS, LONGEST_TEXT, MOST_PARTS};
use crate::{
    Address, Charge, Currency, Discount, Email, GiftCard, Line, LineId, LineKind, Money, MoneyError,
    OrderNumber, TaxPart,
};

/// How the amounts of lines and charges are stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// With the tax in them; the tax parts say how much of it is tax.
    Gross,
    /// Without tax; the tax parts come on top.
    Net,
    /// No tax is owed (export, reverse charge).
    TaxFree,
}

/// When the merchant gets the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentTerms {
    /// At once, through a payment provider that confirms it.
    Prepaid,
    /// By bank transfer before the goods leave (Vorkasse).
    Prepayment,
    /// After delivery, against an invoice.
    Invoice,
    /// To the carrier at the door.
    CashOnDelivery,
}

impl PaymentTerms {
    /// The word used in configuration, flows and the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Prepayment => "prepayment",
            Self::Invoice => "invoice",
            Self::CashOnDelivery => "cash_on_delivery",
        }
    }
}

/// How the customer chose to pay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaymentChoice {
    /// The shop's code of the method, as in `bacs` or `shopify_payments`.
    pub code: String,
    /// What the customer read.
    pub title: String,
    /// What that means for the merchant, by the shop's configuration.
    pub terms: PaymentTerms,
}

/// Who ordered. Personal data: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Customer {
    /// The shop's id of the customer; none for guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where to write to; shops have orders without one (drafts, point of sale).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Language of the customer, as in `de`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// VAT identification number, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
    /// The customer group by the shop's configuration or data, `B2B` or `B2C` if nothing else is known.
    pub group: String,
    /// Tags or roles the shop has on the customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Customer(… {:?})", self.group)
    }
}

/// Where the order stands in the shop, as far as that binds the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderLife {
    /// To be carried out.
    Open,
    /// The shop holds it back (payment under review, fraud check).
    OnHold,
    /// Done, as far as the shop is concerned.
    Completed,
    /// Not to be carried out any more.
    Cancelled,
    /// Gone from the shop.
    Deleted,
}

/// Why a set of parts is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not a number of pieces.
    #[error("{count} is no quantity of an article")]
    Quantity {
        /// What was given.
        count: Decimal,
    },
    /// Nothing was ordered.
    #[error("the order has no lines")]
    NoLines,
    /// The parts and the shop's total differ by more than rounding explains.
    #[error(
        "the parts of the order come to {parts}, but the shop's total is {total}: {difference} is unexplained"
    )]
    Unbalanced {
        /// What the parts come to.
        parts: Money,
        /// What the shop says.
        total: Money,
        /// `total` less `parts`.
        difference: Money,
    },
    /// An amount that must not be negative is.
    #[error("{what} is negative: {amount}")]
    Negative {
        /// Which amount.
        what: &'static str,
        /// The amount.
        amount: Money,
    },
    /// Two lines with the same id.
    #[error("line {id} is there twice")]
    SameLine {
        /// The id.
        id: LineId,
    },
    /// More lines, charges, discounts, gift cards or taxes than an order of people has.
    #[error("the order has {count} {what}, at most {MOST_PARTS} are carried out")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A number that no document has room for.
    #[error("{what} has more than {DIGITS} digits before the point")]
    TooLarge {
        /// Which number.
        what: &'static str,
    },
    /// A text that nobody wrote by hand.
    #[error("{what} has more than {LONGEST_TEXT} bytes")]
    TooLong {
        /// Which text.
        what: &'static str,
    },
    /// Money that cannot be added.
    #[error("the amounts of the order cannot be added")]
    Money(#[from] MoneyError),
}

/// The parts of an order, not yet checked. [`OrderDraft::build`] makes an order of them. `Debug` shows nothing of who
/// ordered, or what they wrote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderDraft {
    /// The number the customer sees.
    pub number: OrderNumber,
    /// When it was placed, by the shop's clock.
    pub placed_at: Timestamp,
    /// The currency of every amount in it.
    pub currency: Currency,
    /// How lines, charges and discounts are stated.
    pub tax_mode: TaxMode,
    /// Who ordered.
    pub customer: Customer,
    /// Where the invoice goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<Address>,
    /// Where the goods go; the billing address if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Address>,
    /// The articles.
    pub lines: Vec<Line>,
    /// Carriage and fees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<Charge>,
    /// Discounts on the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<Discount>,
    /// Gift cards used for paying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gift_cards: Vec<GiftCard>,
    /// What the shop's rounding adds (or takes, if negative), tax included.
    pub rounding: Money,
    /// What the shop says the order is worth, tax included, before gift cards.
    pub total: Money,
    /// How it is paid.
    pub payment: PaymentChoice,
    /// What the customer wrote to the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// A test order of the shop: never carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

impl fmt::Debug for OrderDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order({} of {}, {} lines)", self.number, self.total, self.lines.len())
    }
}

impl OrderDraft {
    /// Puts what is missing to the shop's total into the rounding line, if rounding explains it: at most one
    /// smallest amount per line, charge and discount, and half a coin where the total is one that coins can pay. Shops round
    /// every part for itself and the total once more.
    ///
    /// # Errors
    /// [`OrderError::Unbalanced`] if more is missing; [`OrderError::Money`] if the amounts cannot be added.
    pub fn balanced(mut self) -> Result<Self, OrderError> {
        let parts = self.parts()?;
        let difference = self.total.minus(parts)?;
        let roundings = self.lines.len() + self.charges.len() + self.discounts.len();
        let bound = self.currency.smallest().amount() * Decimal::from(roundings) + self.to_coins();
        if difference.abs().amount() > bound {
            return Err(OrderError::Unbalanced { parts, total: self.total, difference });
        }
        self.rounding = self.rounding.plus(difference)?;
        Ok(self)
    }

    /// By how much rounding the total to coins may change it.
    fn to_coins(&self) -> Decimal {
        let coin = self.currency.smallest_coin();
        let pays = self.total.amount().checked_rem(coin.amount()).is_some_and(|rest| rest.is_zero());
        if pays && coin != self.currency.smallest() { coin.amount() / Decimal::TWO } else { Decimal::ZERO }
    }

    /// Checks the parts and makes an order of them, with the house numbers of its addresses behind the streets.
    ///
    /// # Errors
    /// [`OrderError`] if there are no lines or too many, a line is there twice, an amount is too large or has the wrong
    /// sign, or the parts do not come to the shop's total exactly.
    pub fn build(self) -> Result<PlacedOrder, OrderError> {
        if self.lines.is_empty() {
            return Err(OrderError::NoLines);
        }
        limits::counts(&self)?;
        let mut ids = BTreeSet::new();
        if let Some(twice) = self.lines.iter().find(|line| !ids.insert(&line.id)) {
            return Err(OrderError::SameLine { id: twice.id.clone() });
        }
        limits::texts(&self)?;
        limits::sizes(&self)?;
        self.check_signs()?;
        let parts = self.parts()?;
        if parts != self.total {
            let difference = self.total.minus(parts)?;
            return Err(OrderError::Unbalanced { parts, total: self.total, difference });
        }
        let (billing, shipping) = (self.billing.map(Address::in_order), self.shipping.map(Address::in_order));
        Ok(PlacedOrder(Self { billing, shipping, ..self }))
    }

    fn check_signs(&self) -> Result<(), OrderError> {
        let lines =
            self.lines.iter().flat_map(|l| [("a line's total", l.total), ("a line's discount", l.discount)]);
        let discounts = self.discounts.iter().map(|d| ("a discount", d.amount));
        let cards = self.gift_cards.iter().map(|c| ("a gift card", c.amount));
        let all = lines.chain(discounts).chain(cards).chain([("the total", self.total)]);
        for (what, amount) in all {
            if amount.is_negative() {
                return Err(OrderError::Negative { what, amount });
            }
        }
        Ok(())
    }

    /// Lines and charges less discounts, with rounding, and with the taxes where they come on top.
    fn parts(&self) -> Result<Money, MoneyError> {
        let plus = self.lines.iter().map(|l| (l.total, &l.taxes));
        let plus = plus.chain(self.charges.iter().map(|c| (c.total, &c.taxes)));
        let mut sum = self.rounding.plus(Money::zero(self.currency))?;
        for (amount, taxes) in plus {
            sum = sum.plus(self.with_tax(amount, taxes)?)?;
        }
        for discount in &self.discounts {
            sum = sum.minus(self.with_tax(discount.amount, &discount.taxes)?)?;
        }
        Ok(sum)
    }

    fn with_tax(&self, amount: Money, taxes: &[TaxPart]) -> Result<Money, MoneyError> {
        match self.tax_mode {
            TaxMode::Gross | TaxMode::TaxFree => Ok(amount),
            TaxMode::Net => amount.plus(Money::sum(self.currency, taxes.iter().map(|t| t.amount))?),
        }
    }
}

/// An order as it was placed or last changed in the shop. Its parts come to its total exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "OrderDraft", into = "OrderDraft")]
pub struct PlacedOrder(OrderDraft);

impl fmt::Debug for PlacedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PlacedOrder {
    /// The parts, to read.
    #[must_use]
    pub fn parts(&self) -> &OrderDraft {
        &self.0
    }

    /// What is left to pay after gift cards.
    ///
    /// # Errors
    /// [`MoneyError`] if the gift cards are in another currency.
    pub fn payable(&self) -> Result<Money, MoneyError> {
        self.0.total.minus(Money::sum(self.0.currency, self.0.gift_cards.iter().map(|c| c.amount))?)
    }

    /// Whether anything has to be packed.
    #[must_use]
    pub fn is_physical(&self) -> bool {
        self.0.lines.iter().any(|line| line.kind == LineKind::Physical)
    }

    /// Where the goods go: the shipping address, or the billing address where there is none.
    #[must_use]
    pub fn delivery_address(&self) -> Option<&Address> {
        self.0.shipping.as_ref().filter(|a| !a.is_blank()).or(self.0.billing.as_ref())
    }

    /// Where the invoice goes: the billing address, or the shipping address where there is none.
    #[must_use]
    pub fn invoice_address(&self) -> Option<&Address> {
        self.0.billing.as_ref().filter(|a| !a.is_blank()).or(self.0.shipping.as_ref())
    }
}

impl TryFrom<OrderDraft> for PlacedOrder {
    type Error = OrderError;
    fn try_from(draft: OrderDraft) -> Result<Self, OrderError> {
        draft.build()
    }
}

impl From<PlacedOrder> for OrderDraft {
    fn from(order: PlacedOrder) -> Self {
        order.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ChargeKind, Quantity, TaxRate};

    fn cents(amount: i64) -> Money {
        Money::new(Decimal::new(amount, 2), Currency::EUR)
    }

    fn taxes(amount: i64) -> Vec<TaxPart> {
        vec![TaxPart { rate: TaxRate::percent(Decimal::from(19)).unwrap(), amount: cents(amount) }]
    }

    fn line(nth: usize, total: i64, tax: i64) -> Line {
        Line {
            id: LineId::parse(&format!("l{nth}")).unwrap(),
            sku: None,
            title: "Tasse".to_owned(),
            quantity: Quantity::new(Decimal::ONE).unwrap(),
            total: cents(total),
            discount: cents(0),
            taxes: taxes(tax),
            kind: LineKind::Physical,
        }
    }

    fn charge(total: i64, tax: i64) -> Charge {
        let (kind, code, title) = (ChargeKind::Shipping, "dhl".to_owned(), "DHL".to_owned());
        Charge { kind, code, title, total: cents(total), taxes: taxes(tax) }
    }

    fn draft(mode: TaxMode, lines: &[(i64, i64)], charges: &[(i64, i64)], discounts: &[i64]) -> OrderDraft {
        let customer = Customer {
            id: None,
            email: None,
            language: None,
            vat_id: None,
            group: "B2C".to_owned(),
            tags: vec![],
        };
        OrderDraft {
            number: OrderNumber::parse("1").unwrap(),
            placed_at: Timestamp::UNIX_EPOCH,
            currency: Currency::EUR,
            tax_mode: mode,
            customer,
            billing: None,
            shipping: None,
            lines: lines.iter().enumerate().map(|(nth, (total, tax))| line(nth, *total, *tax)).collect(),
            charges: charges.iter().map(|(total, tax)| charge(*total, *tax)).collect(),
            discounts: discounts
                .iter()
                .map(|amount| Discount { code: "zehn".to_owned(), amount: cents(*amount), taxes: vec![] })
                .collect(),
            gift_cards: vec![],
            rounding: cents(0),
            total: cents(0),
            payment: PaymentChoice {
                code: "x".to_owned(),
                title: "X".to_owned(),
                terms: PaymentTerms::Prepaid,
            },
            note: None,
            test: false,
        }
    }

    /// What the parts come to, reckoned in whole cents, in another way than the order does it.
    fn expected(mode: TaxMode, lines: &[(i64, i64)], charges: &[(i64, i64)], discounts: &[i64]) -> i64 {
        let parts = lines.iter().chain(charges);
        let plus: i64 =
            parts.map(|(total, tax)| if mode == TaxMode::Net { total + tax } else { *total }).sum();
        plus - discounts.iter().sum::<i64>()
    }

    fn mode() -> impl Strategy<Value = TaxMode> {
        prop_oneof![Just(TaxMode::Gross), Just(TaxMode::Net), Just(TaxMode::TaxFree)]
    }

    fn parts(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((1_000_i64..1_000_000, 0_i64..1_000), count)
    }

    proptest! {
        #[test]
        fn an_order_whose_parts_add_up_can_be_built_and_stored(
            mode in mode(), lines in parts(1..12), charges in parts(0..3), discounts in prop::collection::vec(0_i64..300, 0..3)
        ) {
            let mut draft = draft(mode, &lines, &charges, &discounts);
            draft.total = cents(expected(mode, &lines, &charges, &discounts));
            let order = draft.build().unwrap();
            let json = serde_json::to_string(&order).unwrap();
            prop_assert_eq!(serde_json::from_str::<PlacedOrder>(&json).unwrap(), order);
        }

        #[test]
        fn an_order_that_is_a_cent_off_cannot_be_built_or_read(
            mode in mode(), lines in parts(1..12), off in prop_oneof![-5_000_i64..0, 1_i64..5_000]
        ) {
            let mut draft = draft(mode, &lines, &[], &[]);
            draft.total = cents((expected(mode, &lines, &[], &[]) + off).max(0));
            let json = serde_json::to_string(&draft).unwrap();
            prop_assert!(matches!(draft.build(), Err(OrderError::Unbalanced { .. })), "built");
            prop_assert!(serde_json::from_str::<PlacedOrder>(&json).is_err(), "read");
        }

        #[test]
        fn only_what_rounding_explains_goes_into_the_rounding_line(
            mode in mode(), lines in parts(1..12), charges in parts(0..3), off in -30_i64..30
        ) {
            let mut draft = draft(mode, &lines, &charges, &[]);
            draft.total = cents(expected(mode, &lines, &charges, &[]) + off);
            let roundings = i64::try_from(lines.len() + charges.len()).unwrap();
            match draft.balanced() {
                Ok(balanced) => {
                    prop_assert!(off.abs() <= roundings);
                    prop_assert_eq!(balanced.rounding, cents(off));
                    prop_assert!(balanced.build().is_ok());
                }
                Err(error) => {
                    prop_assert!(off.abs() > roundings);
                    prop_assert!(matches!(error, OrderError::Unbalanced { .. }), "{error}");
                }
            }
        }
    }

    #[test]
    fn debug_shows_nothing_of_who_ordered() {
        let mut draft = draft(TaxMode::Gross, &[(1_000, 160)], &[], &[]);
        (draft.total, draft.note) = (cents(1_000), Some("Erika is not at home before ten".to_owned()));
        assert_eq!(format!("{draft:?}"), "Order(1 of 10.00 EUR, 1 lines)");
        assert_eq!(format!("{:?}", draft.build().unwrap()), "Order(1 of 10.00 EUR, 1 lines)");
    }

    #[test]
    fn the_addresses_of_an_order_have_their_house_numbers_behind_the_streets() {
        let mut order = draft(TaxMode::Gross, &[(1_000, 160)], &[], &[]);
        order.total = cents(1_000);
        let address = Address { street: "Ring".to_owned(), street2: "17 a".to_owned(), ..Address::default() };
        (order.billing, order.shipping) = (Some(address.clone()), Some(address));
        let built = order.build().unwrap();
        for address in [built.delivery_address(), built.invoice_address()] {
            let Address { street, street2, .. } = address.unwrap();
            assert_eq!((street.as_str(), street2.as_str()), ("Ring 17 a", ""));
        }
        let again = OrderDraft::from(built.clone()).build().unwrap();
        assert_eq!(again, built, "putting it in order twice changes nothing");
    }

    #[test]
    fn a_total_in_swiss_coins_may_be_two_rappen_off() {
        let chf = Currency::parse("CHF").unwrap();
        for (line_total, total, explained) in
            [(1_997, 1_995, true), (1_998, 2_000, true), (1_991, 1_995, false), (1_997, 1_994, false)]
        {
            let mut order = draft(TaxMode::Gross, &[(line_total, 0)], &[], &[]);
            let francs = |cents: i64| Money::new(Decimal::new(cents, 2), chf);
            order.currency = chf;
            order.lines[0].total = francs(line_total);
            order.lines[0].discount = francs(0);
            order.lines[0].taxes = vec![];
            (order.rounding, order.total) = (francs(0), francs(total));
            let built = order.balanced().and_then(OrderDraft::build);
            assert_eq!(built.is_ok(), explained, "{line_total} for {total}: {built:?}");
            if let Ok(order) = built {
                assert_eq!(order.parts().rounding, francs(total - line_total));
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let good = || {
            let mut draft = draft(TaxMode::Gross, &[(1_000, 160)], &[], &[]);
            draft.total = cents(1_000);
            draft
        };
        assert!(good().build().is_ok());
        let empty = OrderDraft { lines: vec![], total: cents(0), ..good() };
        assert_eq!(empty.build(), Err(OrderError::NoLines));
        let twice = OrderDraft { lines: vec![line(1, 500, 0), line(1, 500, 0)], ..good() };
        assert!(matches!(twice.build(), Err(OrderError::SameLine { .. })));
        let negative = OrderDraft { lines: vec![line(1, 1_100, 0), line(2, -100, 0)], ..good() };
        assert!(matches!(negative.build(), Err(OrderError::Negative { .. })));
        assert!(Quantity::new(Decimal::ZERO).is_err() && Quantity::new(-Decimal::ONE).is_err());
        let mixed = OrderDraft { rounding: Money::zero(Currency::parse("USD").unwrap()), ..good() };
        assert!(matches!(mixed.build(), Err(OrderError::Money(_))));
    }

    #[test]
    fn what_no_document_has_room_for_is_refused() {
        let with = |total: i64, tax: i64, quantity: Decimal| {
            let mut draft = draft(TaxMode::Gross, &[(total, tax)], &[], &[]);
            draft.total = cents(total);
            draft.lines[0].quantity = Quantity::new(quantity).unwrap();
            draft.build()
        };
        let (most, one) = (999_999_999_999_999, Decimal::ONE);
        assert!(with(most, most, Decimal::from(9_999_999_999_999_i64)).is_ok());
        let too_large = [
            with(most + 1, 0, one),
            with(1, most + 1, one),
            with(1, 0, Decimal::from(10_000_000_000_000_i64)),
        ];
        for order in too_large {
            assert!(matches!(order, Err(OrderError::TooLarge { .. })), "{order:?}");
        }
    }

    /// A line that is compared with every other takes hours where there are this many.
    #[test]
    fn an_order_has_ten_thousand_lines_and_no_more() {
        let lines = |count: usize| {
            let mut draft = draft(TaxMode::Gross, &vec![(1, 0); count], &[], &[]);
            draft.total = cents(i64::try_from(count).unwrap());
            draft.build()
        };
        assert!(lines(MOST_PARTS).is_ok());
        assert_eq!(
            lines(MOST_PARTS + 1).unwrap_err(),
            OrderError::TooMany { what: "lines", count: MOST_PARTS + 1 }
        );
        assert!(lines(200_000).is_err());
        let mut taxed = draft(TaxMode::Gross, &[(1_000, 160)], &[], &[]);
        taxed.lines[0].taxes = vec![taxed.lines[0].taxes[0]; MOST_PARTS + 1];
        taxed.total = cents(1_000);
        assert!(matches!(taxed.build(), Err(OrderError::TooMany { .. })));
    }

    #[test]
    fn a_text_nobody_wrote_by_hand_is_refused() {
        let good = || {
            let mut draft = draft(TaxMode::Gross, &[(1_000, 160)], &[], &[]);
            draft.total = cents(1_000);
            draft
        };
        let long = "a".repeat(LONGEST_TEXT + 1);
        let address = Address { street2: long.clone(), ..Address::default() };
        let mut titled = good();
        titled.lines[0].title.clone_from(&long);
        let mut tagged = good();
        tagged.customer.tags = vec![long.clone()];
        let noted = OrderDraft { note: Some(long), ..good() };
        let addressed = OrderDraft { shipping: Some(address), ..good() };
        for draft in [titled, tagged, noted, addressed] {
            assert!(matches!(draft.build(), Err(OrderError::TooLong { .. })));
        }
        assert!(OrderDraft { note: Some("a".repeat(LONGEST_TEXT)), ..good() }.build().is_ok());
    }

    #[test]
    fn gift_cards_lower_what_is_left_to_pay_and_not_what_it_is_worth() {
        let mut draft = draft(TaxMode::Gross, &[(1_000, 160)], &[], &[]);
        draft.total = cents(1_000);
        draft.gift_cards = vec![GiftCard { hint: "…9f".to_owned(), amount: cents(400) }];
        let order = draft.build().unwrap();
        assert_eq!((order.parts().total, order.payable().unwrap()), (cents(1_000), cents(600)));
    }
}
