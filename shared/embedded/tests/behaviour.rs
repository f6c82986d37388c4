//! The engine behaves as every adapter of the ports does, before and after it was opened again.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use kontor_embedded::{Engine, OpenError};
use std::time::Duration;

use kontor_flow::ports::{
    Claim, Closing as _, Ended, Leases as _, Letter, OrderOutbox as _, OrderReader as _, Outgoing, Owner,
    StoreError, ThenSend,
};
use kontor_flow::{Address, Order, Queue};
use kontor_flow::{CommandId, Finish, StepResult};
use kontor_testkit::order::{entry, next, order, step};
use kontor_testkit::outbox::Office;
use kontor_testkit::{
    configs_behave, cursors_behave, failures_behave, leases_behave, orders_behave, outboxes_behave,
    privacy_behaves, queues_behave, tokens_behave, wall_clock,
};

fn open(dir: &tempfile::TempDir) -> Engine {
    Engine::open(dir.path(), wall_clock()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    orders_behave(&engine, &engine, &engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    leases_behave(&engine, &engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outboxes() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let (reader, leases, orders, results, receiver) = (&engine, &engine, &engine, &engine, &engine);
    outboxes_behave(Office { reader, leases, orders, results, receiver }).await;
}

/// What DynamoDB and SQS do, on this store: written first, sent then.
#[tokio::test(flavor = "multi_thread")]
async fn outboxes_of_a_store_and_queues_apart() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let apart = ThenSend { store: Arc::new(engine.clone()), sender: Arc::new(engine.clone()) };
    let (reader, leases, orders, results, receiver) = (&engine, &engine, &apart, &apart, &engine);
    outboxes_behave(Office { reader, leases, orders, results, receiver }).await;
}

#[tokio::test]
async fn an_order_whose_letters_cannot_be_sent_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let order = order("laden/1");
    let empty = Letter { to: Address::Live(Queue::Erp), message: Outgoing::now(String::new()) };
    let refused = engine.store_and_send(Arc::new(order.clone()), entry(&order), vec![empty]).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(engine.load(&order.key).await.unwrap(), None);
}

#[tokio::test]
async fn a_command_is_closed_with_its_order_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let (erp, first) = (Address::Live(Queue::Erp), order("laden/1"));
    engine.store_and_send(Arc::new(first.clone()), entry(&first), Vec::new()).await.unwrap();
    let id = CommandId::new(&first.key, &step("customer"));
    let (owner, other, now) = (Owner("a".to_owned()), Owner("b".to_owned()), first.updated_at);
    let until = now + Duration::from_secs(60);
    let finish = Finish { result: StepResult::Told, calls: 1 };
    let close = async |owner: &Owner, order: &Order| {
        let (ended, letter) = (
            Ended { id: &id, owner, finish: &finish, now },
            Letter { to: erp, message: Outgoing::now("next".to_owned()) },
        );
        engine.complete_and_store(ended, Arc::new(order.clone()), entry(order), vec![letter]).await
    };
    assert_eq!(engine.claim(&id, &owner, now, until).await.unwrap(), Claim::First);
    let second = next(&first);
    assert!(!close(&other, &second).await.unwrap(), "only the owner closes");
    assert!(matches!(close(&owner, &next(&second)).await, Err(StoreError::Conflict { .. })));
    assert_eq!(engine.load(&first.key).await.unwrap().as_deref(), Some(&first));
    assert_eq!(engine.claim(&id, &other, now, until).await.unwrap(), Claim::Held { until }, "still held");
    assert_eq!(engine.stats()[&erp].visible, 0, "nothing was sent");
    assert!(close(&owner, &second).await.unwrap());
    assert_eq!(engine.load(&first.key).await.unwrap().as_deref(), Some(&second));
    assert_eq!(engine.claim(&id, &other, now, until).await.unwrap(), Claim::Done { finish: finish.clone() });
    assert_eq!(engine.stats()[&erp].visible, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures() {
    let dir = tempfile::tempdir().unwrap();
    failures_behave(&open(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors() {
    let dir = tempfile::tempdir().unwrap();
    cursors_behave(&open(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens() {
    let dir = tempfile::tempdir().unwrap();
    tokens_behave(&open(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configs() {
    let dir = tempfile::tempdir().unwrap();
    configs_behave(&open(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    queues_behave(&engine, &engine, &engine).await;
}

#[tokio::test]
async fn queues_behave_again_after_being_opened_again_on_one_thread() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let engine = open(&dir);
    queues_behave(&engine, &engine, &engine).await;
}

#[test]
fn a_folder_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(&dir);
    let second = Engine::open(dir.path(), wall_clock());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    let handle = first.clone();
    drop(first);
    assert!(Engine::open(dir.path(), wall_clock()).is_err(), "a handle is left");
    drop(handle);
    drop(open(&dir));
}

#[tokio::test(flavor = "multi_thread")]
async fn privacy() {
    let dir = tempfile::tempdir().unwrap();
    privacy_behaves(open(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_on_their_way_are_seen() {
    use kontor_flow::ports::{Archive as _, Sender as _};
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let bodies = (0..450).map(|n| Outgoing::now(format!("{{\"nr\":{n}}}")));
    engine.send(Address::Live(Queue::Events), bodies.collect()).await.unwrap();
    engine.send(Address::Dead(Queue::Mail), vec![Outgoing::now("dead".to_owned())]).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = engine.messages(after.as_deref()).await.unwrap().unwrap();
        seen.extend(page.found);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 451);
    assert_eq!(seen.last().unwrap(), &(Address::Dead(Queue::Mail), "dead".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn settled_failures_are_purged_and_open_ones_kept() {
    use kontor_flow::failure::{FailureAct, FailureClass, FailureState};
    use kontor_flow::ports::Failures;
    let dir = tempfile::tempdir().unwrap();
    let engine = open(&dir);
    let day = std::time::Duration::from_secs(24 * 3600);
    let mut ids = Vec::new();
    for (nth, state) in
        [FailureState::Open, FailureState::Replayed, FailureState::Discarded].into_iter().enumerate()
    {
        let mut failure =
            kontor_testkit::failures::failure(u64::try_from(nth).unwrap(), FailureClass::Refused);
        failure.state = state;
        if state == FailureState::Discarded {
            let at = failure.last_at + day * 10;
            failure.history.push(FailureAct { at, by: "anna".to_owned(), what: "discarded".to_owned() });
        }
        Failures::store(&engine, &failure).await.unwrap();
        ids.push((failure.id.clone(), failure.last_at));
    }
    let start = ids.last().unwrap().1;
    assert_eq!(engine.purge_failures(start + day * 89).await.unwrap(), 0);
    assert_eq!(engine.purge_failures(start + day * 91).await.unwrap(), 1, "replayed long ago");
    assert_eq!(engine.purge_failures(start + day * 101).await.unwrap(), 1, "discarded ten days later");
    assert_eq!(engine.purge_failures(start + day * 5000).await.unwrap(), 0);
    assert!(Failures::load(&engine, &ids[0].0).await.unwrap().is_some(), "an open one is never thrown away");
}
