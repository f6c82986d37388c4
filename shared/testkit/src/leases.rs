//! How every keeper of leases behaves.

use std::time::Duration;

use futures_util::future::join_all;
use kontor_flow::event::{Finish, StepResult};
use kontor_flow::ports::{Claim, Leases, OrderWriter, Owner, StoreError};
use kontor_flow::{CommandId, StepKey, StepName};

use crate::clock::time;
use crate::order::{BEGINNING, entry, key, order, requested};

fn step(name: &str) -> StepKey {
    StepKey::item(StepName::parse(name).unwrap(), "ü/2")
}

fn id(step: &str) -> CommandId {
    CommandId::new(&key("laden/1"), &self::step(step))
}

fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

fn finish() -> Finish {
    let id = kontor_domain::DocumentId::parse("4711").unwrap();
    Finish { result: StepResult::Invoice { id, number: None }, calls: 2 }
}

/// Claims at second `now` for a minute.
async fn claim(leases: &dyn Leases, id: &CommandId, by: &str, now: u64) -> Claim {
    let now = time(BEGINNING) + Duration::from_secs(now);
    leases.claim(id, &owner(by), now, now + Duration::from_secs(60)).await.unwrap()
}

async fn complete(leases: &dyn Leases, id: &CommandId, by: &str) -> bool {
    leases.complete(id, &owner(by), &finish(), time(BEGINNING)).await.unwrap()
}

async fn release(leases: &dyn Leases, id: &CommandId, by: &str, unknown: bool) -> bool {
    leases.release(id, &owner(by), unknown, None).await.unwrap()
}

/// The steps whose commands are claimed here.
const STEPS: [&str; 9] = ["done", "race", "clean", "doubt", "lost", "late", "again", "heirs", "rest"];

/// Has the commands asked for by an order: nobody claims what no order asks for, and a store may go by that.
async fn issue(writer: &dyn OrderWriter) {
    let mut order = order("laden/1");
    order.steps = STEPS.iter().map(|name| (step(name), requested(&order.key, step(name)))).collect();
    let entry = entry(&order);
    let ids: Vec<_> = STEPS.iter().map(|name| id(name)).collect();
    assert!(ids.iter().all(|id| entry.commands.contains(id)), "{:?}", order.steps);
    writer.store(&order, &entry).await.unwrap();
}

/// The suite. `writer` writes into the same store, which has no order `laden/1` yet.
pub async fn leases_behave(leases: &dyn Leases, writer: &dyn OrderWriter) {
    issue(writer).await;
    the_result_is_kept(leases).await;
    one_of_many_claims_is_the_first(leases).await;
    a_clean_release_leaves_no_doubt(leases).await;
    doubt_stays(leases).await;
    what_was_begun_may_rest(leases).await;
    a_lost_lease_is_in_doubt_and_its_owner_fenced_off(leases).await;
    a_lost_answer_can_be_asked_for_again(leases).await;
    one_of_many_takes_over_a_lost_lease(leases).await;
}

async fn the_result_is_kept(leases: &dyn Leases) {
    let id = id("done");
    assert!(!complete(leases, &id, "a").await, "nobody holds what was never claimed");
    assert!(!release(leases, &id, "a", false).await);
    assert_eq!(claim(leases, &id, "a", 0).await, Claim::First);
    let until = time(BEGINNING) + Duration::from_secs(60);
    assert_eq!(claim(leases, &id, "b", 59).await, Claim::Held { until });
    assert!(!complete(leases, &id, "b").await, "only the owner completes");
    assert!(!release(leases, &id, "b", false).await, "only the owner releases");
    assert!(complete(leases, &id, "a").await);
    assert_eq!(claim(leases, &id, "b", 1).await, Claim::Done { finish: finish() });
    assert_eq!(
        claim(leases, &id, "b", 9_999).await,
        Claim::Done { finish: finish() },
        "done does not expire"
    );
    assert!(!release(leases, &id, "a", true).await, "what is done cannot be given back");
    assert_eq!(claim(leases, &id, "c", 2).await, Claim::Done { finish: finish() });
}

async fn one_of_many_claims_is_the_first(leases: &dyn Leases) {
    let id = id("race");
    let now = time(BEGINNING);
    let tries = (0..16).map(|n| {
        let id = &id;
        async move { leases.claim(id, &owner(&format!("o{n}")), now, now + Duration::from_secs(60)).await }
    });
    let outcomes = join_all(tries).await;
    let firsts = outcomes.iter().filter(|o| matches!(o, Ok(Claim::First))).count();
    let held = outcomes.iter().filter(|o| matches!(o, Ok(Claim::Held { .. }))).count();
    let unavailable = outcomes.iter().filter(|o| matches!(o, Err(StoreError::Unavailable { .. }))).count();
    assert_eq!((firsts, held + unavailable), (1, 15), "{outcomes:?}");
}

async fn a_clean_release_leaves_no_doubt(leases: &dyn Leases) {
    let id = id("clean");
    assert_eq!(claim(leases, &id, "a", 0).await, Claim::First);
    assert!(release(leases, &id, "a", false).await);
    assert_eq!(claim(leases, &id, "b", 1).await, Claim::Again { attempts: 1 });
    assert!(!complete(leases, &id, "a").await, "the former owner has nothing to say");
    assert!(!release(leases, &id, "a", true).await);
    assert!(release(leases, &id, "b", false).await);
    assert_eq!(claim(leases, &id, "c", 2).await, Claim::Again { attempts: 2 });
    assert!(complete(leases, &id, "c").await);
}

async fn doubt_stays(leases: &dyn Leases) {
    let id = id("doubt");
    assert_eq!(claim(leases, &id, "a", 0).await, Claim::First);
    assert!(release(leases, &id, "a", true).await);
    assert_eq!(claim(leases, &id, "b", 1).await, Claim::Unknown { attempts: 1 });
    assert!(release(leases, &id, "b", false).await);
    let claim = claim(leases, &id, "c", 2).await;
    assert_eq!(claim, Claim::Unknown { attempts: 2 }, "that b did nothing says nothing about what a did");
}

async fn what_was_begun_may_rest(leases: &dyn Leases) {
    let id = id("rest");
    assert_eq!(claim(leases, &id, "a", 0).await, Claim::First);
    let until = time(BEGINNING) + Duration::from_secs(40);
    for _ in 0..2 {
        assert!(leases.release(&id, &owner("a"), true, Some(until)).await.unwrap(), "also if told twice");
    }
    assert_eq!(claim(leases, &id, "b", 39).await, Claim::Held { until }, "nobody looks too soon");
    assert_eq!(claim(leases, &id, "a", 39).await, Claim::Held { until }, "not even who gave it back");
    assert_eq!(claim(leases, &id, "b", 40).await, Claim::Unknown { attempts: 1 });
    assert!(release(leases, &id, "b", true).await);
    assert_eq!(claim(leases, &id, "c", 41).await, Claim::Unknown { attempts: 2 }, "it rests no longer");
}

async fn a_lost_lease_is_in_doubt_and_its_owner_fenced_off(leases: &dyn Leases) {
    let id = id("lost");
    assert_eq!(claim(leases, &id, "a", 0).await, Claim::First);
    assert_eq!(
        claim(leases, &id, "b", 60).await,
        Claim::Unknown { attempts: 1 },
        "expired at its last second"
    );
    assert!(!complete(leases, &id, "a").await);
    assert!(!release(leases, &id, "a", false).await);
    assert!(complete(leases, &id, "b").await);
    let late = self::id("late");
    assert_eq!(claim(leases, &late, "a", 0).await, Claim::First);
    assert!(complete(leases, &late, "a").await, "expired, but nobody took it over");
}

async fn a_lost_answer_can_be_asked_for_again(leases: &dyn Leases) {
    let id = id("again");
    assert_eq!(claim(leases, &id, "a", 0).await, Claim::First);
    assert_eq!(claim(leases, &id, "a", 1).await, Claim::First, "the same claim, told twice");
    assert!(release(leases, &id, "a", false).await);
    assert!(release(leases, &id, "a", false).await);
    assert_eq!(claim(leases, &id, "b", 2).await, Claim::Again { attempts: 1 });
    assert_eq!(claim(leases, &id, "b", 3).await, Claim::Again { attempts: 1 });
    assert!(complete(leases, &id, "b").await);
    assert!(complete(leases, &id, "b").await);
}

async fn one_of_many_takes_over_a_lost_lease(leases: &dyn Leases) {
    let id = id("heirs");
    assert_eq!(claim(leases, &id, "dead", 0).await, Claim::First);
    let now = time(BEGINNING) + Duration::from_secs(100);
    let tries = (0..12).map(|n| {
        let id = &id;
        async move { leases.claim(id, &owner(&format!("h{n}")), now, now + Duration::from_secs(60)).await }
    });
    let outcomes = join_all(tries).await;
    let heirs = outcomes.iter().filter(|o| matches!(o, Ok(Claim::Unknown { attempts: 1 }))).count();
    assert_eq!(heirs, 1, "{outcomes:?}");
}
