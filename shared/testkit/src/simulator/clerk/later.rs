//! What follows after an order was booked: changes of it, and credit notes.

use kontor_domain::RefundId;
use kontor_flow::ports::Job;
use kontor_flow::{Booked, StepResult};

use super::{
    CONFIRM, FIND_INVOICE, Outcome, Session, document, is_withdrawn, must_look, parts, sales_order_id,
    unmapped,
};
use crate::simulator::erp::Credit;
use crate::simulator::outside::request;

request!(CREDIT, Weclapp, "POST /salesInvoice/id/{id}/createCreditNote", writes: true);

pub(super) async fn update(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let (id, total) = (sales_order_id(job)?, parts(job)?.total);
    session.call(CONFIRM, move |s| s.update_order(CONFIRM, id, total)).await?;
    let booked =
        Booked::of(&job.order.facts).ok_or_else(|| unmapped("the shop has not told the order yet"))?;
    Ok(StepResult::Updated { booked })
}

pub(super) async fn credit(session: &Session<'_>, job: &Job<'_>) -> Outcome {
    let order = sales_order_id(job)?;
    let refund = job.command.step.item.clone().unwrap_or_default();
    let id = RefundId::parse(&refund).map_err(|_| unmapped("no id of a refund"))?;
    let amount =
        job.order.facts.to_credit(&id).ok().flatten().ok_or_else(|| unmapped("no refund of that id"))?;
    let existing = if must_look(job) {
        let refund = refund.clone();
        session
            .call(FIND_INVOICE, move |s| {
                let now = s.now;
                let fits = |c: &&Credit| c.order == order && c.refund == refund && c.found_from <= now;
                Ok(s.erp.credits.iter().find(fits).cloned())
            })
            .await?
    } else {
        None
    };
    let credit = match existing {
        Some(credit) => credit,
        None if is_withdrawn(job) => return Ok(StepResult::Withdrawn),
        None => session.call(CREDIT, move |s| Ok(s.create_credit(order, refund, amount))).await?,
    };
    Ok(StepResult::Credited { id: document(credit.id), number: None, amount: credit.amount })
}
