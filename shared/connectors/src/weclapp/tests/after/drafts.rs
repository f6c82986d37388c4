//! Drafts of credit notes that somebody else made on the same invoice.

use super::*;

/// The step is requested since then.
fn requested(order: &mut Order, since: &str) {
    let key = StepKey::item(step(step_name(Action::ErpCreditNote)).step, "r1");
    let command = Command {
        order: order.key.clone(),
        step: key.clone(),
        action: Action::ErpCreditNote,
        template: None,
        undo: false,
    };
    order.steps.insert(key, StepState::Requested { command, attempt: 1, since: time(since) });
}

async fn invoiced(bench: &Bench) -> Order {
    let mut order = bench.booked("kaffee/1", &INVOICED).await;
    refunded(&mut order, "r1", "9.90", &[("1", 1, "9.90")], None);
    order
}

async fn somebodys_draft(bench: &Bench, order: &Order) {
    let invoice = order.facts.invoice_id().unwrap();
    let url = format!("{}/webapp/api/v2/salesInvoice/id/{invoice}/createCreditNote", bench.erp.url);
    let request = reqwest::Client::new().post(url).header("AuthenticationToken", "sandbox-token");
    let answer = request.header("content-type", "application/json").body("{}").send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

async fn is_left_alone(bench: &Bench, order: &Order) {
    let before = bench.erp.report().credit_notes;
    let error = bench.step(order, Action::ErpCreditNote, "r1", Past::Unknown).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park);
    let text = error.to_string();
    for note in &before {
        assert!(text.contains(&note.id.to_string()), "{text}");
    }
    assert!(text.contains("write \"kaffee/1 refund r1\" into its commission"), "{text}");
    assert_eq!(bench.erp.report().credit_notes, before, "nothing is replaced or finalised");
}

#[tokio::test]
async fn a_draft_that_is_older_than_the_first_attempt_is_left_alone() {
    let bench = Bench::new().await;
    let mut order = invoiced(&bench).await;
    somebodys_draft(&bench, &order).await;
    requested(&mut order, "2100-01-01T00:00:00Z");
    is_left_alone(&bench, &order).await;
    // Since when it was tried is not known any more.
    let key = order.steps.keys().next().unwrap().clone();
    order.steps.insert(key, StepState::Skipped { because: "replayed".to_owned() });
    is_left_alone(&bench, &order).await;
}

#[tokio::test]
async fn of_two_drafts_none_is_taken_for_ours() {
    let bench = Bench::new().await;
    let mut order = invoiced(&bench).await;
    requested(&mut order, order::BEGINNING);
    bench.erp.state().lose_answer(1);
    bench.step(&order, Action::ErpCreditNote, "r1", Past::Clean).await.unwrap_err();
    somebodys_draft(&bench, &order).await;
    assert_eq!(bench.erp.report().credit_notes.len(), 2);
    is_left_alone(&bench, &order).await;
}
