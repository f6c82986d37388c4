//! What a credit note holds, so that it comes to the amount that went back: whole pieces where the shop names them, carriage,
//! and for the rest an amount under each tax the invoice has, in the proportion in which the invoice has it.

use std::collections::BTreeSet;

use kontor_domain::{ChargeKind, Line, OrderDraft, Refund, TaxMode};
use kontor_flow::CallError;
use rust_decimal::Decimal;

use super::amounts::{DIGITS, line_article, rounded};
use super::wire::{InvoiceRow, Number, SalesInvoice};
use crate::config::ErpArticles;

/// A part of what went back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The article it is credited as, by its number.
    pub(super) article: String,
    /// What it is called; the article's own name if none.
    title: Option<String>,
    /// How many pieces; one of an amount.
    quantity: Decimal,
    /// How much of it, tax included.
    gross: Decimal,
    of: Of,
}

/// What a part is of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    /// Pieces of a line.
    Pieces { price: Decimal },
    /// A line whose price was lowered; the article's number.
    Lowered { sku: String },
    /// Carriage; in the list of positions if nothing else stands there, because a document needs a position.
    Carriage { listed: bool },
    /// Nothing in particular.
    Amount,
}

/// A row of a credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The row of the invoice it credits.
    pub(super) credits: Option<String>,
    /// The article's number.
    pub(super) article: String,
    pub(super) title: Option<String>,
    pub(super) quantity: Decimal,
    /// With tax or without, as the prices of the order.
    pub(super) unit_price: Decimal,
    pub(super) tax: Option<String>,
    pub(super) is_carriage: bool,
}

/// The parts of `amount`. What the refund says it is for counts if nothing of it is credited otherwise: `amount` is all of it.
///
/// # Errors
/// [`CallError::Unmapped`] for a line without a SKU.
pub(super) fn parts(
    refund: &Refund,
    amount: Decimal,
    order: &OrderDraft,
    articles: &ErpArticles,
) -> Result<Vec<Part>, CallError> {
    let mut parts = Vec::new();
    let whole = !refund.cumulative && refund.amount.amount() == amount;
    let lines = refund.lines.iter().filter(|line| whole && !line.amount.is_zero());
    for told in lines {
        // A line the shop has taken off the order since is a part of the rest.
        let Some(line) = order.lines.iter().find(|line| line.id == told.line) else { continue };
        let sku = line_article(line, articles)?;
        let gross = told.amount.amount();
        parts.push(match told.quantity {
            Some(quantity) => Part {
                article: sku,
                title: None,
                quantity: quantity.count(),
                gross,
                of: Of::Pieces { price: line.total.amount() / line.quantity.count() },
            },
            None => lowered(line, sku, gross, articles),
        });
    }
    let carriage = refund.shipping.filter(|carriage| whole && !carriage.is_zero());
    let carriage = carriage.map_or(Decimal::ZERO, |carriage| carriage.amount());
    let rest = amount - carriage - parts.iter().map(|part| part.gross).sum::<Decimal>();
    if !rest.is_zero() {
        parts.push(Part {
            article: articles.discount.clone(),
            title: None,
            quantity: Decimal::ONE,
            gross: rest,
            of: Of::Amount,
        });
    }
    if !carriage.is_zero() {
        let listed = parts.is_empty();
        let charge = order.charges.iter().find(|charge| charge.kind == ChargeKind::Shipping);
        parts.push(Part {
            article: if listed { articles.discount.clone() } else { articles.shipping.clone() },
            title: charge.map(|charge| charge.title.clone()),
            quantity: Decimal::ONE,
            gross: carriage,
            of: Of::Carriage { listed },
        });
    }
    Ok(parts)
}

fn lowered(line: &Line, sku: String, gross: Decimal, articles: &ErpArticles) -> Part {
    let title = Some(line.title.clone());
    let (article, quantity) = (articles.discount.clone(), Decimal::ONE);
    Part { article, title, quantity, gross, of: Of::Lowered { sku } }
}

impl Part {
    /// The numbers of the articles that have to be known for it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &String> {
        let line = match &self.of {
            Of::Lowered { sku } => Some(sku),
            Of::Pieces { .. } | Of::Carriage { .. } | Of::Amount => None,
        };
        std::iter::once(&self.article).chain(line)
    }
}

/// The parts as rows of a credit note of `invoice`. `id_of` knows the ERP's ids of articles.
pub(super) fn rows(
    parts: &[Part],
    invoice: &SalesInvoice,
    order: &OrderDraft,
    id_of: impl Fn(&str) -> Option<String>,
) -> Vec<Row> {
    let (mode, decimals) = (order.tax_mode, order.currency.decimals());
    let (items, carriage) = (&invoice.sales_invoice_items, &invoice.shipping_cost_items);
    let mut used = BTreeSet::new();
    let mut rows = Vec::new();
    for part in parts {
        let taxed: Vec<&InvoiceRow> = match &part.of {
            Of::Pieces { price } => {
                let found = fitting(items, &used, id_of(&part.article).as_deref(), *price, mode);
                used.extend(found.map(|row| row.id.as_str()));
                rows.push(pieces(part, found, items, mode));
                continue;
            }
            Of::Lowered { sku } => {
                let article = id_of(sku);
                items.iter().filter(|row| article.is_some() && row.article_id == article).collect()
            }
            Of::Carriage { .. } => carriage.iter().collect(),
            Of::Amount => Vec::new(),
        };
        let all = || items.iter().chain(carriage).collect();
        let taxed = if taxed.is_empty() { all() } else { taxed };
        for share in spread(part.gross, &taxed, decimals) {
            rows.push(Row {
                credits: None,
                article: part.article.clone(),
                title: part.title.clone(),
                quantity: Decimal::ONE,
                unit_price: rounded(stated(share.gross, share.net_part, mode), decimals),
                tax: share.tax,
                is_carriage: part.of == Of::Carriage { listed: false },
            });
        }
    }
    rows
}

/// The row of the invoice the pieces are on; of several of the article the one with the price nearest to the line's.
fn fitting<'r>(
    items: &'r [InvoiceRow],
    used: &BTreeSet<&str>,
    article: Option<&str>,
    price: Decimal,
    mode: TaxMode,
) -> Option<&'r InvoiceRow> {
    let free = items.iter().filter(|row| {
        article.is_some() && row.article_id.as_deref() == article && !used.contains(row.id.as_str())
    });
    free.min_by_key(|row| {
        let amount = match mode {
            TaxMode::Gross => row.gross_amount,
            TaxMode::Net | TaxMode::TaxFree => row.net_amount,
        };
        let each = amount.zip(row.quantity).and_then(|(amount, quantity)| amount.0.checked_div(quantity.0));
        each.map_or(Decimal::MAX, |each| (each - price).abs())
    })
}

/// Of an article the invoice does not have (its number was changed since), what the invoice has in tax all in all is taken.
fn pieces(part: &Part, found: Option<&InvoiceRow>, items: &[InvoiceRow], mode: TaxMode) -> Row {
    let all = |pick: fn(&InvoiceRow) -> Option<Number>| {
        items.iter().filter_map(pick).map(|amount| amount.0).sum::<Decimal>()
    };
    let on_average = || all(|row| row.net_amount).checked_div(all(|row| row.gross_amount));
    let net_part = found.and_then(net_part).or_else(on_average).unwrap_or(Decimal::ONE);
    Row {
        credits: found.map(|row| row.id.clone()),
        article: part.article.clone(),
        title: found.and_then(|row| row.title.clone()),
        quantity: part.quantity,
        unit_price: rounded(stated(part.gross, net_part, mode) / part.quantity, DIGITS),
        tax: found.and_then(|row| row.tax_id.clone()),
        is_carriage: false,
    }
}

/// A share of an amount, under one tax.
struct Share {
    tax: Option<String>,
    gross: Decimal,
    /// What is left of one without the tax.
    net_part: Decimal,
}

/// The amount under each tax of the rows, in the proportion of what they come to. The last share takes what rounding leaves.
fn spread(gross: Decimal, rows: &[&InvoiceRow], decimals: u32) -> Vec<Share> {
    let mut taxes: Vec<(Option<&String>, Decimal, Decimal)> = Vec::new();
    for row in rows {
        let amounts =
            (row.net_amount.map_or(Decimal::ZERO, |n| n.0), row.gross_amount.map_or(Decimal::ZERO, |g| g.0));
        match taxes.iter_mut().find(|(tax, _, _)| *tax == row.tax_id.as_ref()) {
            Some((_, net, all)) => (*net, *all) = (*net + amounts.0, *all + amounts.1),
            None => taxes.push((row.tax_id.as_ref(), amounts.0, amounts.1)),
        }
    }
    taxes.retain(|(_, _, all)| *all > Decimal::ZERO);
    let sum: Decimal = taxes.iter().map(|(_, _, all)| *all).sum();
    let mut left = gross;
    let mut shares: Vec<Share> = Vec::new();
    for (tax, net, all) in &taxes {
        let share = rounded(gross * *all / sum, decimals);
        left -= share;
        shares.push(Share { tax: tax.cloned(), gross: share, net_part: *net / *all });
    }
    match shares.last_mut() {
        Some(last) => last.gross += left,
        None => shares.push(Share { tax: None, gross, net_part: Decimal::ONE }),
    }
    shares.retain(|share| !share.gross.is_zero());
    shares
}

/// What is left of one without tax.
fn net_part(row: &InvoiceRow) -> Option<Decimal> {
    row.net_amount?.0.checked_div(row.gross_amount?.0)
}

/// An amount as prices are stated in the order.
fn stated(gross: Decimal, net_part: Decimal, mode: TaxMode) -> Decimal {
    match mode {
        TaxMode::Gross | TaxMode::TaxFree => gross,
        TaxMode::Net => gross * net_part,
    }
}

/// What is missing in the rows until they come to `amount`, where that can be known before the ERP reckons: it is not where
/// tax is put on top.
pub(super) fn missing(rows: &[Row], amount: Decimal, order: &OrderDraft) -> Decimal {
    let decimals = order.currency.decimals();
    match order.tax_mode {
        TaxMode::Gross | TaxMode::TaxFree => {
            amount - rows.iter().map(|row| rounded(row.quantity * row.unit_price, decimals)).sum::<Decimal>()
        }
        TaxMode::Net => Decimal::ZERO,
    }
}

/// A row over what rounding leaves.
pub(super) fn rounding(missing: Decimal, articles: &ErpArticles) -> Row {
    Row {
        credits: None,
        article: articles.rounding.clone(),
        title: None,
        quantity: Decimal::ONE,
        unit_price: missing,
        tax: None,
        is_carriage: false,
    }
}

#[cfg(test)]
mod tests {
    use kontor_domain::{LineId, Money, Quantity, RefundId, RefundLine};
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, draft, euro};
    use proptest::prelude::*;

    use super::super::wire::InvoiceStatus;
    use super::*;

    fn articles() -> ErpArticles {
        ErpArticles {
            shipping: "SHIPPING".to_owned(),
            fee: "FEE".to_owned(),
            discount: "DISCOUNT".to_owned(),
            rounding: "ROUNDING".to_owned(),
            gift_card: None,
        }
    }

    fn row(id: &str, tax: &str, quantity: i64, net: &str, gross: &str) -> InvoiceRow {
        let number = |text: &str| Some(Number(text.parse().unwrap()));
        InvoiceRow {
            id: id.to_owned(),
            article_id: Some(format!("a{id}")),
            title: Some(format!("row {id}")),
            quantity: Some(Number(quantity.into())),
            tax_id: Some(tax.to_owned()),
            net_amount: number(net),
            gross_amount: number(gross),
            credited_invoice_item_id: None,
        }
    }

    /// The invoice of the usual order, its second line at seven percent.
    fn invoice() -> SalesInvoice {
        SalesInvoice {
            id: "900".to_owned(),
            version: "3".to_owned(),
            status: InvoiceStatus::OpenItemCreated,
            sales_invoice_type: None,
            invoice_number: None,
            payment_status: None,
            sales_orders: Vec::new(),
            preceding_sales_invoice_id: None,
            commission: None,
            gross_amount: Some(Number("34.80".parse().unwrap())),
            created_date: None,
            sales_invoice_items: vec![row("1", "19", 2, "16.64", "19.80"), row("2", "7", 1, "9.44", "10.10")],
            shipping_cost_items: vec![row("s", "19", 1, "4.12", "4.90")],
        }
    }

    fn id_of(number: &str) -> Option<String> {
        Some(match number {
            "ESP-1000" => "a1".to_owned(),
            "FIL-0250" => "a2".to_owned(),
            other => other.to_owned(),
        })
    }

    fn refund(amount: &str, lines: &[(&str, Option<i64>, &str)], shipping: Option<&str>) -> Refund {
        let lines = lines.iter().map(|(line, pieces, amount)| RefundLine {
            line: LineId::parse(line).unwrap(),
            quantity: pieces.map(|n| Quantity::new(n.into()).unwrap()),
            amount: euro(amount),
            restock: false,
        });
        let lines = lines.collect();
        let id = RefundId::parse("r1").unwrap();
        let shipping = shipping.map(euro);
        Refund { lines, shipping, ..Refund::of(id, euro(amount), time(BEGINNING)) }
    }

    fn all_rows(refund: &Refund, amount: Money) -> Vec<Row> {
        let order = draft("#1");
        let parts = parts(refund, amount.amount(), &order, &articles()).unwrap();
        rows(&parts, &invoice(), &order, id_of)
    }

    /// Each row as `article×quantity@price/tax`, with `*` before what credits a row of the invoice.
    fn told(refund: &Refund, amount: &str) -> Vec<String> {
        let rows = all_rows(refund, euro(amount));
        let tell = |row: &Row| {
            let (mark, tax) =
                (if row.credits.is_some() { "*" } else { "" }, row.tax.as_deref().unwrap_or("-"));
            let kind = if row.is_carriage { " carriage" } else { "" };
            format!("{mark}{}×{}@{}/{tax}{kind}", row.article, row.quantity, row.unit_price.normalize())
        };
        rows.iter().map(tell).collect()
    }

    #[test]
    fn what_went_back_is_credited_as_what_it_was() {
        let one = refund("9.90", &[("1", Some(1), "9.90")], None);
        assert_eq!(told(&one, "9.90"), ["*ESP-1000×1@9.9/19"]);
        let both = refund("24.70", &[("1", Some(2), "19.80")], Some("4.90"));
        assert_eq!(told(&both, "24.70"), ["*ESP-1000×2@9.9/19", "SHIPPING×1@4.9/19 carriage"]);
        let carriage = refund("4.90", &[], Some("4.90"));
        assert_eq!(told(&carriage, "4.90"), ["DISCOUNT×1@4.9/19"], "a document needs a position");
        let cheaper = refund("2.00", &[("2", None, "2.00")], None);
        assert_eq!(told(&cheaper, "2.00"), ["DISCOUNT×1@2/7"]);
        let gone = refund("3.00", &[("99", Some(1), "3.00")], None);
        assert_eq!(told(&gone, "3.00"), ["DISCOUNT×1@2.13/19", "DISCOUNT×1@0.87/7"]);
    }

    #[test]
    fn an_amount_is_spread_over_the_taxes_of_the_invoice() {
        let plain = refund("10.00", &[], None);
        assert_eq!(told(&plain, "10.00"), ["DISCOUNT×1@7.1/19", "DISCOUNT×1@2.9/7"]);
        let less = refund("9.90", &[("1", Some(1), "9.90")], None);
        assert_eq!(
            told(&less, "5.00"),
            ["DISCOUNT×1@3.55/19", "DISCOUNT×1@1.45/7"],
            "a part is credited otherwise"
        );
        let fee = refund("8.90", &[("1", Some(1), "9.90")], None);
        assert_eq!(
            told(&fee, "8.90"),
            ["*ESP-1000×1@9.9/19", "DISCOUNT×1@-0.71/19", "DISCOUNT×1@-0.29/7"],
            "something was kept back"
        );
    }

    #[test]
    fn of_two_rows_of_an_article_the_one_with_the_lines_price_is_credited() {
        let mut invoice = invoice();
        invoice
            .sales_invoice_items
            .insert(0, InvoiceRow { id: "0".to_owned(), ..row("1", "19", 2, "5.00", "5.95") });
        let order = draft("#1");
        let refund = refund("19.80", &[("1", Some(1), "9.90"), ("1", Some(1), "9.90")], None);
        let parts = parts(&refund, "19.80".parse().unwrap(), &order, &articles()).unwrap();
        let credited: Vec<_> =
            rows(&parts, &invoice, &order, id_of).into_iter().map(|row| row.credits).collect();
        assert_eq!(credited, [Some("1".to_owned()), Some("0".to_owned())], "and each row once");
    }

    #[test]
    fn without_tax_in_prices_the_tax_is_taken_off() {
        let mut order = draft("#1");
        order.tax_mode = TaxMode::Net;
        let refund = refund("29.90", &[("1", Some(2), "19.80"), ("2", Some(1), "10.10")], None);
        let parts = parts(&refund, "29.90".parse().unwrap(), &order, &articles()).unwrap();
        let told = |id_of: fn(&str) -> Option<String>| -> Vec<_> {
            let rows = rows(&parts, &invoice(), &order, id_of).into_iter();
            rows.map(|row| (row.credits.is_some(), rounded(row.quantity * row.unit_price, 2).to_string()))
                .collect()
        };
        assert_eq!(told(id_of), [(true, "16.64".to_owned()), (true, "9.44".to_owned())]);
        let renamed = |number: &str| Some(number.to_owned());
        assert_eq!(told(renamed), [(false, "17.27".to_owned()), (false, "8.81".to_owned())], "on average");
    }

    proptest! {
        /// Whatever the refund says it is for, the rows come to what is to be credited.
        #[test]
        fn the_rows_come_to_the_amount(
            cents in 1_i64..3_480,
            pieces in prop::option::of(1_i64..3),
            line in 0_i64..2_000,
            carriage in prop::option::of(0_i64..490),
            credited in 1_i64..3_480,
        ) {
            let cent = |n: i64| Decimal::new(n, 2).to_string();
            let carriage = carriage.map(cent);
            let refund = refund(&cent(cents), &[("1", pieces, &cent(line))], carriage.as_deref());
            for amount in [cents, credited] {
                let amount = Decimal::new(amount, 2);
                let order = draft("#1");
                let mut rows = all_rows(&refund, Money::new(amount, order.currency));
                let missing = missing(&rows, amount, &order);
                prop_assert!(missing.abs() <= Decimal::new(3, 2), "{missing} left to rounding");
                rows.push(rounding(missing, &articles()));
                let sum: Decimal = rows.iter().map(|row| rounded(row.quantity * row.unit_price, 2)).sum();
                prop_assert_eq!(sum, amount);
            }
        }
    }
}
