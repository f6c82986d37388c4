//! The prepayment invoice of an order that is edited. It stays as long as its amount holds; it is cancelled, and replaced by the
//! order's confirmation, as long as nobody has paid it; where money came in for it, a person decides.

use kontor_domain::{Money, OrderDraft};
use kontor_flow::CallError;
use kontor_flow::ports::Job;
use rust_decimal::Decimal;

use super::chain::{invoices_of, is_prepayment, open_item};
use super::client::Session;
use super::order::roundings;
use super::update::counts;
use super::wire::{
    AdvancePayment, InvoiceStatus, OpenItem, PaymentStatus, PaymentType, SalesInvoice, SalesOrder,
};
use super::{document_id, parts, refused, settles, unmapped};

/// The call an invoice is read by.
const READ: &str = "GET /salesInvoice/id/{id}";

/// What becomes of the prepayment invoice when the order is written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It asks for what is to be paid, or there is none.
    Holds,
    /// It has to be cancelled first.
    Outdated {
        /// Its id.
        invoice: String,
    },
}

/// What becomes of the prepayment invoice `invoice` of the sales order `there`.
///
/// # Errors
/// [`CallError::Refused`] if it is over another amount than the order is now, and money came in for it.
pub(super) async fn standing(
    session: &Session<'_>,
    job: &Job<'_>,
    there: &SalesOrder,
    invoice: Option<&SalesInvoice>,
    positions: usize,
) -> Result<Standing, CallError> {
    let Some(invoice) = invoice else { return Ok(Standing::Holds) };
    if holds(invoice, job, parts(job)?, positions) {
        return Ok(Standing::Holds);
    }
    unpaid(session, job, there, invoice).await?;
    Ok(Standing::Outdated { invoice: invoice.id.clone() })
}

/// Whether the invoice asks for what the order comes to now. Cents that the ERP reckoned otherwise are let pass only where the
/// order comes to what it was booked with: an edit may be over cents, too.
fn holds(invoice: &SalesInvoice, job: &Job<'_>, order: &OrderDraft, positions: usize) -> bool {
    let booked = job.order.facts.booked().map(|(_, last)| last);
    if booked.is_some_and(|last| last.total.currency() != order.currency) {
        return false;
    }
    // Of a booking that was only found nobody knows what it came to.
    let is_as_booked = booked.is_some_and(|last| !last.revision.is_empty() && last.total == order.total);
    let bound = if is_as_booked { roundings(order, positions) } else { Decimal::ZERO };
    is_over(invoice, order.total, bound)
}

fn is_over(invoice: &SalesInvoice, total: Money, bound: Decimal) -> bool {
    let difference = invoice.gross_amount.and_then(|gross| gross.0.checked_sub(total.amount()));
    difference.is_some_and(|difference| difference.abs() <= bound)
}

/// Refuses what somebody has paid for.
async fn unpaid(
    session: &Session<'_>,
    job: &Job<'_>,
    there: &SalesOrder,
    invoice: &SalesInvoice,
) -> Result<(), CallError> {
    if there.paid || there.advance_payment_status == Some(AdvancePayment::Paid) {
        return Err(paid(job, there, invoice, "is paid already"));
    }
    let item = open_item(session, &invoice.id).await?;
    money_on(invoice, item.as_ref()).map_or(Ok(()), |money| Err(paid(job, there, invoice, &money)))
}

fn paid(job: &Job<'_>, there: &SalesOrder, invoice: &SalesInvoice, money: &str) -> CallError {
    let (name, order) = (name(invoice), there.order_number.as_deref().unwrap_or(&there.id));
    let title = format!(
        "the order was changed in the shop, but prepayment invoice {name} of sales order {order} {money}, and its amount would \
         no longer fit. Decide what becomes of the money: collect or pay back the difference and correct the sales order in \
         the ERP by hand, or undo the change in the shop; {}",
        settles(job)
    );
    refused("GET /salesInvoice", "paid", title)
}

/// What says that money came in for the invoice, as the end of a sentence.
fn money_on(invoice: &SalesInvoice, item: Option<&OpenItem>) -> Option<String> {
    match &invoice.payment_status {
        Some(PaymentStatus::Paid) => return Some("is paid already".to_owned()),
        Some(PaymentStatus::Other(status)) => return Some(format!("has the payment status {status}")),
        Some(PaymentStatus::Open | PaymentStatus::NoOpenItem) | None => {}
    }
    let item = item?;
    let has_some = item.amount_paid.is_some_and(|paid| !paid.0.is_zero());
    (item.cleared || has_some).then(|| "is paid at least in part".to_owned())
}

/// Cancels the prepayment invoice with the id `invoice`, unless that is done or it was paid in the meantime.
///
/// # Errors
/// [`CallError::Refused`] if it is paid, [`CallError::Unmapped`] if weclapp does not cancel it, and as any call.
pub(super) async fn cancel(
    session: &Session<'_>,
    job: &Job<'_>,
    there: &SalesOrder,
    invoice: &str,
) -> Result<(), CallError> {
    // A list may answer an old version.
    let Some(found) = live(session, invoice).await? else { return Ok(()) };
    if let Some(money) = money_on(&found, None) {
        return Err(paid(job, there, &found, &money));
    }
    let call = "POST /salesInvoice/id/{id}/cancel";
    let answered: SalesInvoice = session.act(call, "salesInvoice", invoice, "cancel").await?;
    if answered.id == invoice && answered.status == InvoiceStatus::Cancelled {
        return Ok(());
    }
    // What the action answers may be older than what it did.
    match live(session, invoice).await? {
        None => Ok(()),
        Some(found) => Err(unmapped(format!(
            "prepayment invoice {} is still {} after its cancellation",
            name(&found),
            found.status.as_str()
        ))),
    }
}

/// The invoice, unless it was cancelled or is gone.
async fn live(session: &Session<'_>, id: &str) -> Result<Option<SalesInvoice>, CallError> {
    let found = session.find::<SalesInvoice>(READ, "salesInvoice", id).await?;
    Ok(found.filter(counts))
}

/// Sees that a prepayment order that was confirmed anew has one prepayment invoice, over what the order comes to.
///
/// # Errors
/// [`CallError::Unmapped`] if it has none, several, or one over another amount, and as any call.
pub(super) async fn check(
    session: &Session<'_>,
    job: &Job<'_>,
    confirmed: &SalesOrder,
    positions: usize,
) -> Result<(), CallError> {
    if confirmed.sales_order_payment_type != Some(PaymentType::Prepayment) {
        return Ok(());
    }
    let invoices = invoices_of(session, &document_id(&confirmed.id)?).await?;
    let asks = |invoice: &SalesInvoice| counts(invoice) && is_prepayment(invoice.sales_invoice_type.as_ref());
    let live: Vec<SalesInvoice> = invoices.into_iter().filter(asks).collect();
    match wrong_with(&live, parts(job)?, positions) {
        None => Ok(()),
        Some(wrong) => {
            let order = confirmed.order_number.as_deref().unwrap_or(&confirmed.id);
            Err(unmapped(format!(
                "sales order {order} was brought up to date and confirmed, but {wrong}. See to it in the ERP that it has one \
                 prepayment invoice over that amount, {}",
                settles(job)
            )))
        }
    }
}

/// What is wrong with the prepayment invoices that were not cancelled.
fn wrong_with(live: &[SalesInvoice], order: &OrderDraft, positions: usize) -> Option<String> {
    let total = order.total;
    match live {
        [only] if is_over(only, total, roundings(order, positions)) => None,
        [only] => {
            let gross = only.gross_amount.map(|gross| Money::new(gross.0, order.currency).to_string());
            let (name, gross) = (name(only), gross.unwrap_or_else(|| "nothing that is told".to_owned()));
            Some(format!("prepayment invoice {name} is over {gross}, and the order comes to {total}"))
        }
        [] => Some(format!("there is no prepayment invoice, and the order comes to {total}")),
        [..] => {
            let names: Vec<&str> = live.iter().map(name).collect();
            let names = names.join(", ");
            Some(format!("there are several prepayment invoices ({names}), and the order comes to {total}"))
        }
    }
}

fn name(invoice: &SalesInvoice) -> &str {
    invoice.invoice_number.as_deref().unwrap_or(&invoice.id)
}

#[cfg(test)]
mod tests {
    use kontor_testkit::order::{draft, euro};
    use serde_json::{Value, json};

    use super::*;

    fn invoice(more: &Value) -> SalesInvoice {
        let mut all =
            json!({"id": "7", "version": "0", "status": "OPEN_ITEM_CREATED", "invoiceNumber": "RE-7"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn money_is_seen_wherever_it_shows() {
        let item = |paid: &str, cleared: bool| -> OpenItem {
            serde_json::from_value(json!({"id": "8", "amountPaid": paid, "cleared": cleared})).unwrap()
        };
        for (status, item, wanted) in [
            ("OPEN", None, None),
            ("NO_OPEN_ITEM", None, None),
            ("OPEN", Some(item("0.00", false)), None),
            ("OPEN", Some(item("10.00", false)), Some("is paid at least in part")),
            ("OPEN", Some(item("0.00", true)), Some("is paid at least in part")),
            ("PAID", None, Some("is paid already")),
            ("UNKNOWN", None, Some("has the payment status UNKNOWN")),
        ] {
            let money = money_on(&invoice(&json!({ "paymentStatus": status })), item.as_ref());
            assert_eq!(money.as_deref(), wanted, "{status}");
        }
    }

    #[test]
    fn one_invoice_over_the_total_is_right_and_nothing_else() {
        let order = draft("#1010");
        assert_eq!(order.total, euro("34.80"));
        let over = |gross: &str| invoice(&json!({ "grossAmount": gross }));
        let told = |live: &[SalesInvoice]| wrong_with(live, &order, 3).unwrap_or_default();
        for near in ["34.80", "34.77", "34.83"] {
            assert_eq!(told(&[over(near)]), "");
        }
        let all = [
            told(&[]),
            told(&[over("34.84")]),
            told(&[invoice(&json!({}))]),
            told(&[over("34.80"), over("34.80")]),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        there is no prepayment invoice, and the order comes to 34.80 EUR
        prepayment invoice RE-7 is over 34.84 EUR, and the order comes to 34.80 EUR
        prepayment invoice RE-7 is over nothing that is told, and the order comes to 34.80 EUR
        there are several prepayment invoices (RE-7, RE-7), and the order comes to 34.80 EUR
        ");
    }
}
