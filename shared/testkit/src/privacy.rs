//! How requests about personal data are met, whatever the store.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kontor_domain::Email;
use kontor_flow::engine::{PrivacyDesk, PrivacyError};
use kontor_flow::ports::{Archive, Deed, Failures, OrderIndex, OrderReader, OrderWriter};
use kontor_flow::privacy::{Named, Person, accounts};
use kontor_flow::told::Told;
use kontor_flow::{FailureClass, FailureState, Order, OrderStatus};

use crate::clock::time;
use crate::failures::failure;
use crate::order::{BEGINNING, draft, entry, next, order};

/// The mailbox of the person.
const MAILBOX: &str = "Wer.Auch.Immer@example.org";

/// The suite. Wants a store without orders, failures and acts.
pub async fn privacy_behaves<S>(store: S)
where
    S: Archive + OrderReader + OrderWriter + OrderIndex + Failures + Clone + 'static,
{
    let store = Arc::new(store);
    let desk = PrivacyDesk {
        archive: store.clone(),
        reader: store.clone(),
        writer: store.clone(),
        index: store.clone(),
        failures: store.clone(),
    };
    // More than a page of others.
    let others = (0..450).map(|n| of(&format!("laden/andere-{n}"), "else@example.org", None));
    let others: Vec<Order> = others.collect();
    join_all(others.iter().map(|order| put(store.as_ref(), order))).await;
    let (first, second) =
        (of("laden/1", MAILBOX, Some("k17")), of("laden/2", "new@example.org", Some("k17")));
    let mut open = of("laden/3", &MAILBOX.to_lowercase(), None);
    open.status = OrderStatus::InWork;
    for order in [&first, &second, &open] {
        put(store.as_ref(), order).await;
    }
    let mut theirs = failure(1, FailureClass::Refused);
    theirs.order = Some(first.key.clone());
    theirs.message = format!("no message at all, but with {}", MAILBOX.to_uppercase());
    keep(store.as_ref(), &theirs).await;
    let mut of_others = failure(2, FailureClass::Refused);
    of_others.order = Some("laden/andere-1".parse().unwrap());
    keep(store.as_ref(), &of_others).await;

    whatever_is_under_way_is_in_the_way(&desk, &open, &mut theirs, store.as_ref()).await;
    everything_is_told_and_erased(&desk, store.as_ref(), &[&first, &second, &open]).await;
    what_is_over_for_long_expires(&desk, store.as_ref()).await;
}

/// Two ports have a `store`.
async fn keep(failures: &dyn Failures, failure: &kontor_flow::Failure) {
    failures.store(failure).await.unwrap();
}

async fn put(writer: &dyn OrderWriter, order: &Order) {
    writer.store(order, &entry(order)).await.unwrap();
}

fn of(key: &str, email: &str, account: Option<&str>) -> Order {
    let mut draft = draft("#17");
    draft.customer.email = Some(Email::parse(email).unwrap());
    draft.customer.id = account.map(str::to_owned);
    let mut order = order(key);
    order.facts.placed = Some(Told::new(time(BEGINNING), draft.build().unwrap()));
    order.status = OrderStatus::Completed;
    order.steps.clear();
    order.due_at = None;
    order
}

fn person() -> Person {
    Person::Email(Email::parse(MAILBOX).unwrap())
}

async fn whatever_is_under_way_is_in_the_way(
    desk: &PrivacyDesk,
    open: &Order,
    failure: &mut kontor_flow::Failure,
    store: &(impl OrderReader + OrderWriter + Failures),
) {
    let refused = desk.erase(&person(), "anna", time(BEGINNING)).await.unwrap_err();
    let PrivacyError::UnderWay(why) = &refused else { panic!("{refused}") };
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why.contains(&"order laden/3 is in_work".to_owned()), "{why:?}");
    let untouched = OrderReader::load(store, &"laden/1".parse().unwrap()).await.unwrap().unwrap();
    assert!(untouched.facts.erased.is_none(), "all or nothing");

    let mut done = next(open);
    done.status = OrderStatus::Cancelled;
    put(store, &done).await;
    failure.revision = 2;
    failure.state = FailureState::Discarded;
    keep(store, failure).await;
}

async fn everything_is_told_and_erased(
    desk: &PrivacyDesk,
    store: &(impl Archive + OrderReader + OrderIndex),
    orders: &[&Order],
) {
    let now = time(BEGINNING) + Duration::from_secs(60);
    let dossier = desk.export(&person(), "anna", now).await.unwrap();
    let mut keys: Vec<_> = dossier.orders.iter().map(|(order, _)| order.key.clone()).collect();
    keys.sort();
    assert_eq!(keys, orders.iter().map(|order| order.key.clone()).collect::<Vec<_>>());
    assert!(dossier.orders.iter().all(|(_, timeline)| !timeline.is_empty()));
    assert_eq!(dossier.failures.len(), 1);

    let erased = desk.erase(&person(), "anna", now).await.unwrap();
    assert_eq!((erased.orders.len(), erased.failures.len()), (3, 1));
    for before in orders {
        let after = OrderReader::load(store, &before.key).await.unwrap().unwrap();
        assert_eq!(after.facts.erased, Some(now));
        assert_eq!(Named::of(&after.facts), Named::default(), "somebody is named in {}", before.key);
        assert_eq!(accounts(&after).count(), 0, "an account is left in {}", before.key);
        let total = |order: &Order| order.facts.order().unwrap().parts().total;
        assert_eq!((total(&after), after.status.as_str().is_empty()), (total(before), false));
        let timeline = store.timeline(&before.key).await.unwrap();
        assert_eq!(timeline.last().unwrap().changes, ["the personal data was erased"]);
    }
    let other = OrderReader::load(store, &"laden/andere-7".parse().unwrap()).await.unwrap().unwrap();
    assert!(other.facts.erased.is_none(), "nobody else is touched");
    let again = desk.export(&person(), "anna", now).await.unwrap();
    assert_eq!((again.orders.len(), again.failures.len()), (0, 0), "nothing is left to tell");

    let acts = store.acts().await.unwrap();
    let told: Vec<_> = acts.iter().map(|act| (act.deed, act.by.as_str(), act.orders, act.failures)).collect();
    let expected =
        [(Deed::Exported, "anna", 3, 1), (Deed::Erased, "anna", 3, 1), (Deed::Exported, "anna", 0, 0)];
    assert_eq!(told, expected);
    assert!(!format!("{acts:?}").contains("example.org"), "acts name nobody");
}

async fn what_is_over_for_long_expires(
    desk: &PrivacyDesk,
    store: &(impl Archive + OrderReader + OrderWriter),
) {
    let (old, now) = (time(BEGINNING), time("2030-01-01T00:00:00Z"));
    let mut waiting = of("laden/wartet", "w@example.org", None);
    (waiting.status, waiting.updated_at) = (OrderStatus::Waiting, old);
    put(store, &waiting).await;
    let mut young = of("laden/jung", "j@example.org", None);
    young.updated_at = now;
    put(store, &young).await;
    let erased = desk.expire(now, "kontor", now, &|| false).await.unwrap();
    assert_eq!(erased, 450, "those of the others that are over, and none twice");
    for (key, is_erased) in [("laden/andere-7", true), ("laden/wartet", false), ("laden/jung", false)] {
        let order = OrderReader::load(store, &key.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(order.facts.erased.is_some(), is_erased, "{key}");
    }
    assert_eq!(desk.expire(now, "kontor", now, &|| false).await.unwrap(), 0);
    assert_eq!(store.acts().await.unwrap().len(), 4);
}
