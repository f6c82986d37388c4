//! What becomes of the prepayment invoice when an order that waits for its money is edited.

use super::*;

impl Bench {
    /// A prepayment order that is booked and waits for its money.
    async fn waiting(key: &str) -> (Self, Order) {
        let bench = Self::new().await;
        let mut order = prepayment(key);
        for action in BOOK {
            bench.done(&mut order, action).await;
        }
        (bench, order)
    }

    /// Amount and status of each invoice, after none was doubled and nothing was refused by the stand-in.
    fn invoices(&self) -> Vec<(String, String)> {
        let report = self.sound_report();
        assert_eq!((report.refused, report.misfit_invoices), (0, vec![]));
        report.invoices.into_iter().map(|invoice| (invoice.gross, invoice.status)).collect()
    }

    fn find_money(&self, order: &mut Order, amount: &str) {
        assert!(self.erp.state().pay(&order.key.to_string()));
        paid(order, amount);
    }
}

fn elsewhere(parts: &mut OrderDraft) {
    parts.shipping.as_mut().or(parts.billing.as_mut()).unwrap().street = "Neue Gasse 3".to_owned();
}

fn live(gross: &str) -> (String, String) {
    (gross.to_owned(), "OPEN_ITEM_CREATED".to_owned())
}

fn gone(gross: &str) -> (String, String) {
    (gross.to_owned(), "CANCELLED".to_owned())
}

#[tokio::test]
async fn an_edited_order_that_waits_for_its_money_gets_a_new_prepayment_invoice() {
    let (bench, mut order) = Bench::waiting("kaffee/1").await;
    edit(&mut order, more_of_it);
    let finish = bench.settled(&mut order, Action::ErpUpdate, "1", Past::Clean).await;
    assert_eq!(finish.result, StepResult::Updated { booked: Booked::of(&order.facts).unwrap() });
    // The order, its shipments, its invoices, the open item; the invoice read and cancelled; the order read, opened, written,
    // confirmed; its invoices.
    assert_eq!(finish.calls, 11);
    assert_eq!(bench.invoices(), [gone("34.80"), live("39.80")]);
    // Once more, it holds.
    bench.settled(&mut order, Action::ErpUpdate, "1", Past::Unknown).await;
    assert_eq!(bench.invoices(), [gone("34.80"), live("39.80")]);
    // And back again, a cent less.
    edit(&mut order, |parts| {
        parts.lines[0].total = euro("29.69");
        parts.total = euro("39.79");
    });
    bench.settled(&mut order, Action::ErpUpdate, "2", Past::Clean).await;
    assert_eq!(bench.invoices(), [gone("34.80"), gone("39.80"), live("39.79")]);
    bench.find_money(&mut order, "39.79");
    for action in [Action::ErpPayment, Action::ErpShipment, Action::ErpInvoice] {
        bench.done(&mut order, action).await;
    }
    assert_eq!(bench.invoices(), [gone("34.80"), gone("39.80"), live("39.79"), live("39.79")]);
    assert_eq!(bench.sound_report().unpaid_shipments, 0);
}

#[tokio::test]
async fn whichever_answer_is_lost_there_is_one_prepayment_invoice_over_the_new_total() {
    // Cancelled, opened, written, confirmed.
    for nth in 1..=4 {
        let (bench, mut order) = Bench::waiting("kaffee/1").await;
        edit(&mut order, more_of_it);
        bench.erp.state().lose_answer(nth);
        let error = bench.step(&order, Action::ErpUpdate, "1", Past::Clean).await.unwrap_err();
        assert!(matches!(error.remedy(), Remedy::Reconcile { .. }), "{nth}: {error:?}");
        bench.settled(&mut order, Action::ErpUpdate, "1", Past::Unknown).await;
        assert_eq!(bench.invoices(), [gone("34.80"), live("39.80")], "{nth}");
        let there = bench.sales_order(&order).await;
        assert_eq!(
            (&there["grossAmount"], &there["status"]),
            (&serde_json::json!("39.80"), &serde_json::json!("ORDER_CONFIRMATION_PRINTED")),
            "{nth}"
        );
    }
}

#[tokio::test]
async fn money_that_came_in_for_the_new_invoice_before_the_repeat_stays_where_it_is() {
    let (bench, mut order) = Bench::waiting("kaffee/1").await;
    edit(&mut order, more_of_it);
    bench.erp.state().lose_answer(4);
    bench.step(&order, Action::ErpUpdate, "1", Past::Clean).await.unwrap_err();
    bench.find_money(&mut order, "39.80");
    bench.settled(&mut order, Action::ErpUpdate, "1", Past::Unknown).await;
    assert_eq!(bench.invoices(), [gone("34.80"), live("39.80")]);
    assert_eq!(bench.sales_order(&order).await["advancePaymentStatus"], "PAID");
}

#[tokio::test]
async fn an_address_is_changed_and_the_prepayment_invoice_stays_paid_or_not() {
    for (is_paid, nth) in [(false, 0), (true, 0), (false, 1), (false, 2), (true, 3)] {
        let (bench, mut order) = Bench::waiting("kaffee/1").await;
        if is_paid {
            bench.find_money(&mut order, "34.80");
        }
        let before = bench.sound_report().invoices;
        edit(&mut order, elsewhere);
        let mut past = Past::Clean;
        if nth > 0 {
            bench.erp.state().lose_answer(nth);
            bench.step(&order, Action::ErpUpdate, "1", past).await.unwrap_err();
            past = Past::Unknown;
        }
        bench.settled(&mut order, Action::ErpUpdate, "1", past).await;
        assert_eq!(bench.sound_report().invoices, before, "{is_paid} {nth}");
        let there = bench.sales_order(&order).await;
        assert_eq!(there["status"], "ORDER_CONFIRMATION_PRINTED");
        assert_eq!(there["advancePaymentStatus"], if is_paid { "PAID" } else { "OPEN" });
        let streets = [&there["invoiceAddress"]["street1"], &there["deliveryAddress"]["street1"]];
        assert!(streets.contains(&&serde_json::json!("Neue Gasse 3")), "{there:#}");
    }
}

#[tokio::test]
async fn a_paid_prepayment_invoice_over_another_amount_is_for_a_person_to_decide() {
    let (bench, mut order) = Bench::waiting("kaffee/1").await;
    bench.find_money(&mut order, "34.80");
    edit(&mut order, more_of_it);
    let error = bench.step(&order, Action::ErpUpdate, "1", Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park, "{error:?}");
    assert!(error.to_string().contains("is paid already"), "{error}");
    assert_eq!(bench.invoices(), [live("34.80")]);
    assert_eq!(bench.sales_order(&order).await["status"], "ORDER_CONFIRMATION_PRINTED", "nothing was begun");
}

#[tokio::test]
async fn an_order_that_can_not_be_written_keeps_its_prepayment_invoice() {
    let (bench, mut order) = Bench::waiting("kaffee/1").await;
    edit(&mut order, |parts| {
        more_of_it(parts);
        parts.lines[0].sku = Some(kontor_domain::Sku::parse("NO-SUCH-ARTICLE").unwrap());
    });
    let error = bench.step(&order, Action::ErpUpdate, "1", Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park, "{error:?}");
    assert_eq!(bench.invoices(), [live("34.80")]);
}

#[tokio::test]
async fn beside_another_invoice_the_prepayment_invoice_is_left_alone() {
    let (bench, mut order) = Bench::waiting("kaffee/1").await;
    bench.find_money(&mut order, "34.80");
    bench.done(&mut order, Action::ErpInvoice).await;
    edit(&mut order, elsewhere);
    let error = bench.step(&order, Action::ErpUpdate, "1", Past::Clean).await.unwrap_err();
    let last = bench.erp.report().invoices.remove(1);
    assert_eq!(last.kind, "FINAL_INVOICE");
    assert!(error.to_string().contains(&format!("but invoice {} of", last.number)), "{error}");
    assert_eq!(bench.invoices(), [live("34.80"), live("34.80")]);
}

#[tokio::test]
async fn of_several_prepayment_invoices_a_person_chooses() {
    let (_, mut order) = Bench::waiting("kaffee/1").await;
    edit(&mut order, more_of_it);
    let id = order.facts.sales_order_id().unwrap().to_string();
    let invoice = |number: &str| {
        serde_json::json!({
            "id": number, "version": "0", "status": "OPEN_ITEM_CREATED", "salesInvoiceType": "PREPAYMENT_INVOICE",
            "salesOrders": [{ "id": id }], "grossAmount": "39.80", "paymentStatus": "OPEN",
        })
    };
    let there = serde_json::json!({ "id": id, "version": "1", "status": "ORDER_CONFIRMATION_PRINTED" });
    let found = |body: serde_json::Value| ResponseTemplate::new(200).set_body_json(body);
    let several = serde_json::json!({ "result": [invoice("71"), invoice("72")] });
    let order_path = format!("/webapp/api/v2/salesOrder/id/{id}");
    let (server, weclapp) = server(vec![
        ("GET", &order_path, found(there)),
        ("GET", "/webapp/api/v2/shipment", found(serde_json::json!({ "result": [] }))),
        ("GET", "/webapp/api/v2/salesInvoice", found(several)),
    ])
    .await;
    let error = perform(&weclapp, &order, Action::ErpUpdate, Past::Clean).await.unwrap_err();
    assert_eq!(error.remedy(), Remedy::Park, "{error:?}");
    assert!(error.to_string().contains("It is one of several"), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 3, "nothing is written");
}
