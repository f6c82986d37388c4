//! What an attempt left behind whose answer was lost: a draft on the invoice that has no key of ours yet. A draft like that may
//! be somebody's own work, so only one that is surely ours is taken over.

use jiff::{SignedDuration, Timestamp};
use kontor_flow::plan::under_way_for;
use kontor_flow::ports::Job;
use kontor_flow::{CallError, StepState};

use super::super::party::by_age;
use super::super::wire::{InvoiceStatus, InvoiceType, Millis, SalesInvoice};
use super::super::{refused, settles};

/// By how much weclapp's clock may be behind ours.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(2);

/// The draft of an attempt that was lost, out of the credit notes on the invoice.
///
/// # Errors
/// [`CallError::Refused`] if it can't be told whose the drafts are.
pub(super) fn draft(
    job: &Job<'_>,
    key: &str,
    notes: Vec<SalesInvoice>,
) -> Result<Option<SalesInvoice>, CallError> {
    let ours = format!("{} refund ", job.command.order);
    let mut drafts: Vec<SalesInvoice> = notes
        .into_iter()
        .filter(|note| {
            note.sales_invoice_type == Some(InvoiceType::CreditNote)
                && note.status == InvoiceStatus::New
                && !note.commission.as_deref().is_some_and(|named| named.starts_with(&ours))
        })
        .collect();
    drafts.sort_by(|a, b| by_age(&a.id, &b.id));
    let since = begun(job);
    let is_ours = |note: &SalesInvoice| {
        let created = note.created_date.and_then(Millis::timestamp);
        since.zip(created).is_some_and(|(since, created)| created >= since)
    };
    let ids = drafts.iter().map(|note| note.id.as_str()).collect::<Vec<_>>().join(", ");
    match (drafts.pop(), drafts.is_empty()) {
        (None, _) => Ok(None),
        (Some(one), true) if is_ours(&one) => Ok(Some(one)),
        (Some(_), _) => Err(refused(
            "GET /salesInvoice",
            "credit_note",
            format!(
                "the invoice has credit notes that are drafts, {ids}, and whether one of them was begun for this refund \
                 cannot be told. If so, write {key:?} into its commission in the ERP; finish or delete the others; then \
                 replay. If the refund is credited by hand, {}",
                settles(job)
            ),
        )),
    }
}

/// Since when the command is being tried, less what clocks may be apart; none if that is not known any more.
fn begun(job: &Job<'_>) -> Option<Timestamp> {
    match job.order.steps.get(&job.command.step)? {
        StepState::Requested { attempt, since, .. } => {
            let first = since.checked_sub(under_way_for(*attempt, *since, *since)).ok()?;
            first.checked_sub(CLOCKS_APART).ok()
        }
        StepState::Waiting { .. }
        | StepState::Done { .. }
        | StepState::Skipped { .. }
        | StepState::Failed { .. } => None,
    }
}
