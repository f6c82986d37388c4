//! How every keeper of failures behaves.

use std::time::Duration;

use futures_util::future::join_all;
use kontor_flow::Queue;
use kontor_flow::failure::{Failure, FailureAct, FailureClass, FailureId, FailureState};
use kontor_flow::ports::{FailureFilter, Failures, StoreError};

use crate::clock::time;
use crate::order::{BEGINNING, key};

/// An open failure of a message of that number.
#[must_use]
pub fn failure(number: u64, class: FailureClass) -> Failure {
    let message = format!("{{\"v\":1,\"nr\":{number},\"ü\":\"\\u0000 'x'\"}}");
    let at = time(BEGINNING) + Duration::from_secs(number);
    Failure {
        id: FailureId::of(Queue::Erp, &message),
        revision: 1,
        queue: Queue::Erp,
        message,
        class,
        cause: "weclapp refused POST /salesOrder".to_owned(),
        attempts: 1,
        order: Some(key("laden/1")),
        state: FailureState::Open,
        first_at: at,
        last_at: at,
        times: 1,
        letter: "letter".to_owned(),
        history: Vec::new(),
    }
}

/// The suite. Wants a store without failures.
pub async fn failures_behave(failures: &dyn Failures) {
    revisions_fence(failures).await;
    one_of_many_writers_wins(failures).await;
    lists_filter_and_sort(failures).await;
}

async fn revisions_fence(failures: &dyn Failures) {
    let mut failure = failure(100, FailureClass::Refused);
    assert_eq!(failures.load(&failure.id).await.unwrap(), None);
    failures.store(&failure).await.unwrap();
    assert_eq!(failures.load(&failure.id).await.unwrap().as_ref(), Some(&failure));
    assert!(matches!(failures.store(&failure).await, Err(StoreError::Conflict { .. })));
    failure.revision = 3;
    assert!(matches!(failures.store(&failure).await, Err(StoreError::Conflict { .. })));
    failure.revision = 2;
    failure.history.push(FailureAct {
        at: failure.last_at,
        by: "Jörg".to_owned(),
        what: "replayed".to_owned(),
    });
    failure.state = FailureState::Replayed;
    // A message as long as a queue takes it, of the kind that text is made of.
    failure.message = "Kaffee, gemahlen. ".repeat(50_000);
    failures.store(&failure).await.unwrap();
    assert_eq!(failures.load(&failure.id).await.unwrap(), Some(failure));
}

async fn one_of_many_writers_wins(failures: &dyn Failures) {
    let base = failure(101, FailureClass::Refused);
    let outcomes = join_all((0..8).map(|n| {
        let mut mine = base.clone();
        mine.attempts = n;
        async move { failures.store(&mine).await }
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1, "{outcomes:?}");
    let mut settled = failures.load(&base.id).await.unwrap().unwrap();
    settled.revision += 1;
    settled.state = FailureState::Discarded;
    failures.store(&settled).await.unwrap();
}

async fn lists_filter_and_sort(failures: &dyn Failures) {
    let classes = [FailureClass::Unmapped, FailureClass::Outage];
    let mut stored = Vec::new();
    for (n, class) in (0..8).zip(classes.into_iter().cycle()) {
        let failure = failure(1000 + n, class);
        failures.store(&failure).await.unwrap();
        stored.push(failure);
    }
    stored.reverse();
    let list = |state, class, limit| async move {
        failures.list(&FailureFilter { state, class, limit }).await.unwrap()
    };
    let open = Some(FailureState::Open);
    assert_eq!(list(open, None, 100).await, stored);
    assert_eq!(list(open, None, 3).await, stored.get(..3).unwrap());
    let unmapped: Vec<_> = stored.iter().filter(|f| f.class == FailureClass::Unmapped).cloned().collect();
    assert_eq!(list(open, Some(FailureClass::Unmapped), 100).await, unmapped);
    assert_eq!(list(None, Some(FailureClass::Unmapped), 2).await, unmapped.get(..2).unwrap());
    assert_eq!(list(None, None, 100).await.len(), stored.len() + 2);
    assert_eq!(list(Some(FailureState::Replayed), None, 100).await.len(), 1);

    let mut first = stored.pop().unwrap();
    first.revision = 2;
    first.last_at = time("2027-01-01T00:00:00Z");
    failures.store(&first).await.unwrap();
    assert_eq!(list(open, None, 1).await, [first], "the last failed comes first, as it is now");
}
