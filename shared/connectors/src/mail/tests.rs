//! What customers are asked for.

use std::sync::Mutex;

use kontor_domain::{GiftCard, Payment, PaymentId, PaymentSource};
use kontor_flow::ports::Past;
use kontor_flow::told::Told;
use kontor_flow::{Action, Command};
use kontor_testkit::{clock, order as made};

use super::*;

/// Keeps what was sent.
#[derive(Default)]
struct Outbox(Mutex<Vec<Mail>>);

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> Result<(), CallError> {
        self.0.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

fn config(language: &str) -> MailConfig {
    MailConfig {
        from: "Kaffeehaus <bestellung@example.com>".to_owned(),
        language: language.to_owned(),
        signature: "Kaffeehaus".to_owned(),
        smtp: None,
    }
}

fn paid(order: &mut Order, id: &str, source: PaymentSource, amount: &str) {
    let id = PaymentId::parse(id).unwrap();
    let at = clock::time(made::BEGINNING);
    let payment =
        Payment { id: id.clone(), source, amount: made::euro(amount), received_at: at, reference: None };
    order.facts.payments.insert(id, Told::new(at, payment));
}

/// The reminder of `order` (worth 34.80 euro), and what was answered.
async fn reminder(order: &Order, language: &str) -> (Option<String>, Finish) {
    let outbox = Arc::new(Outbox::default());
    let desk = MailDesk::new(config(language), Arc::clone(&outbox) as _).unwrap();
    let command = Command {
        order: order.key.clone(),
        step: made::step("release"),
        action: Action::MailSend,
        template: Some(REMINDER.to_owned()),
        undo: false,
    };
    let now = clock::time(made::BEGINNING);
    let finish = desk.perform(Job { command: &command, order, past: Past::Clean, now }).await.unwrap();
    let sent = outbox.0.lock().unwrap().pop().map(|mail| mail.text);
    (sent, finish)
}

#[tokio::test]
async fn a_reminder_asks_for_what_is_still_open() {
    let mut order = made::order("kaffee/17");
    let (text, _) = reminder(&order, "de").await;
    assert!(text.unwrap().contains("sind noch 34.80 EUR offen"));

    paid(&mut order, "shop-1", PaymentSource::Shop, "10.00");
    let (text, finish) = reminder(&order, "de").await;
    let text = text.unwrap();
    assert!(text.contains("sind noch 24.80 EUR offen") && !text.contains("34.80"), "{text}");
    assert!(matches!(finish.result, StepResult::Mailed { message_id } if !message_id.is_empty()));

    // Two sources that tell of the same money are no two payments.
    paid(&mut order, "erp-1", PaymentSource::Erp, "10.00");
    assert!(reminder(&order, "de").await.0.unwrap().contains("24.80"));
}

#[tokio::test]
async fn a_gift_card_lowers_what_is_asked_for() {
    let mut draft = made::draft("#17");
    draft.gift_cards = vec![GiftCard { hint: "…9f".to_owned(), amount: made::euro("4.80") }];
    draft.customer.language = Some("en".to_owned());
    let mut order = made::order("kaffee/17");
    order.facts.placed = Some(Told::new(clock::time(made::BEGINNING), draft.build().unwrap()));
    assert!(reminder(&order, "de").await.0.unwrap().contains("30.00 EUR of your order"));
}

#[tokio::test]
async fn nobody_is_reminded_of_nothing() {
    for amount in ["34.80", "40.00"] {
        let mut order = made::order("kaffee/17");
        paid(&mut order, "shop-1", PaymentSource::Shop, amount);
        let (text, finish) = reminder(&order, "de").await;
        assert_eq!(text, None);
        assert_eq!(finish, Finish { result: StepResult::Mailed { message_id: String::new() }, calls: 0 });
    }
}
