//! How every outbox behaves: what follows is sent if and only if its cause was stored.

use std::sync::Arc;
use std::time::Duration;

use kontor_flow::event::{Finish, StepResult};
use kontor_flow::ports::{
    Claim, Leases, Letter, OrderOutbox, OrderReader, Outgoing, Owner, Received, Receiver, ResultOutbox,
    StoreError,
};
use kontor_flow::{Address, CommandId, Queue};

use crate::clock::time;
use crate::order::{BEGINNING, entry, key, next, order, step};

const EVENTS: Address = Address::Live(Queue::Events);
const ERP: Address = Address::Live(Queue::Erp);
const DEAD: Address = Address::Dead(Queue::Events);
const MINUTE: Duration = Duration::from_secs(60);

/// An outbox with its store and the queues it sends to, which are empty.
#[derive(Clone, Copy)]
pub struct Office<'a> {
    /// Reads orders.
    pub reader: &'a dyn OrderReader,
    /// Claims commands.
    pub leases: &'a dyn Leases,
    /// Writes orders.
    pub orders: &'a dyn OrderOutbox,
    /// Keeps results.
    pub results: &'a dyn ResultOutbox,
    /// Takes out what was sent.
    pub receiver: &'a dyn Receiver,
}

impl Office<'_> {
    async fn bodies(&self, from: Address) -> Vec<String> {
        let taken = self.receiver.receive(from, 10, MINUTE, Duration::ZERO).await.unwrap();
        let receipts = taken.iter().map(|message| message.receipt.clone()).collect();
        self.receiver.delete(from, receipts).await.unwrap();
        taken.into_iter().map(|Received { body, .. }| body).collect()
    }
}

fn letter(to: Address, body: &str) -> Letter {
    Letter { to, message: Outgoing::now(body.to_owned()) }
}

/// The suite. Wants queues that hand out in their order what is there, at once.
pub async fn outboxes_behave(office: Office<'_>) {
    what_follows_an_order_is_sent_to_its_queues(office).await;
    nothing_is_sent_for_an_order_that_another_wrote(office).await;
    a_result_is_kept_and_reported_by_its_owner_alone(office).await;
}

async fn what_follows_an_order_is_sent_to_its_queues(office: Office<'_>) {
    let order = order("laden/voll");
    let letters = vec![letter(DEAD, "held"), letter(ERP, "a"), letter(ERP, "b"), letter(EVENTS, "c")];
    office.orders.store_and_send(Arc::new(order.clone()), entry(&order), letters).await.unwrap();
    assert_eq!(office.reader.load(&order.key).await.unwrap().as_deref(), Some(&order));
    assert_eq!(office.bodies(DEAD).await, ["held"]);
    assert_eq!(office.bodies(ERP).await, ["a", "b"]);
    assert_eq!(office.bodies(EVENTS).await, ["c"]);
    let next = next(&order);
    office.orders.store_and_send(Arc::new(next.clone()), entry(&next), Vec::new()).await.unwrap();
    assert_eq!(office.reader.load(&order.key).await.unwrap().as_deref(), Some(&next));
}

async fn nothing_is_sent_for_an_order_that_another_wrote(office: Office<'_>) {
    let order = order("laden/zwei");
    office.orders.store_and_send(Arc::new(order.clone()), entry(&order), Vec::new()).await.unwrap();
    for stale in [order.clone(), next(&next(&order))] {
        let (entry, letters) = (entry(&stale), vec![letter(ERP, "never")]);
        let refused = office.orders.store_and_send(Arc::new(stale), entry, letters).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    assert_eq!(office.reader.load(&order.key).await.unwrap().as_deref(), Some(&order));
    assert_eq!(office.bodies(ERP).await, [""; 0]);
}

async fn a_result_is_kept_and_reported_by_its_owner_alone(office: Office<'_>) {
    let order = order("laden/drei");
    office.orders.store_and_send(Arc::new(order.clone()), entry(&order), Vec::new()).await.unwrap();
    let id = CommandId::new(&key("laden/drei"), &step("customer"));
    let (owner, other, now) = (Owner("a".to_owned()), Owner("b".to_owned()), time(BEGINNING));
    let finish = Finish { result: StepResult::Told, calls: 3 };
    let end = async |owner: &Owner, body: &str| {
        let letters = vec![letter(EVENTS, body)];
        office.results.complete_and_send(&id, owner, &finish, now, letters).await.unwrap()
    };
    assert!(!end(&owner, "unclaimed").await);
    assert_eq!(office.leases.claim(&id, &owner, now, now + MINUTE).await.unwrap(), Claim::First);
    assert!(!end(&other, "of another").await);
    assert_eq!(office.bodies(EVENTS).await, [""; 0]);
    assert!(end(&owner, "done").await);
    assert_eq!(office.bodies(EVENTS).await, ["done"]);
    let claim = office.leases.claim(&id, &other, now, now + MINUTE).await.unwrap();
    assert_eq!(claim, Claim::Done { finish: finish.clone() });
    assert!(end(&owner, "done").await, "its first answer was lost");
    assert_eq!(office.bodies(EVENTS).await, ["done"]);
    assert!(!end(&other, "of another").await);
    assert_eq!(office.bodies(EVENTS).await, [""; 0]);
}
