//! What a process leaves behind is there for the next one, and what it held is free.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::time::Duration;

use kontor_embedded::{Engine, Options};
use kontor_flow::ports::{
    Claim, Cursors, Delayer, Leases, Notifier, OrderIndex, OrderReader, OrderWriter, Outgoing, Owner,
    Receiver, Sender,
};
use kontor_flow::{Address, CommandId, Queue};
use kontor_testkit::TestClock;
use kontor_testkit::clock::time;
use kontor_testkit::order::{BEGINNING, entry, key, next, order, step};

const ERP: Address = Address::Live(Queue::Erp);
const DEAD: Address = Address::Dead(Queue::Erp);
const MINUTE: Duration = Duration::from_secs(60);

/// What a killed process leaves: the files as they are while it still runs.
fn remains_of(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in ["kontor.db", "kontor.db-wal"] {
        std::fs::copy(dir.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

async fn take(engine: &Engine, from: Address) -> Vec<kontor_flow::ports::Received> {
    engine.receive(from, 10, MINUTE, Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn what_a_killed_process_stored_is_there_and_what_it_held_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(BEGINNING);
    let first = Engine::open(dir.path(), clock.reader()).unwrap();
    let order = next(&order("laden/1"));
    let before = kontor_testkit::order::order("laden/1");
    first.store(&before, &entry(&before)).await.unwrap();
    first.store(&order, &entry(&order)).await.unwrap();
    let (id, now) = (CommandId::new(&key("laden/1"), &step("customer")), clock.now());
    let owner = Owner("a".to_owned());
    assert_eq!(first.claim(&id, &owner, now, now + 10 * MINUTE).await.unwrap(), Claim::First);
    first.lock("sync", &owner, now, now + 10 * MINUTE).await.unwrap().unwrap();
    let late = Outgoing { delay: MINUTE, ..Outgoing::now("late".to_owned()) };
    first.send(ERP, vec![Outgoing::now("taken".to_owned()), late]).await.unwrap();
    assert_eq!(take(&first, ERP).await.len(), 1);

    let remains = remains_of(dir.path());
    let second = Engine::open(remains.path(), clock.reader()).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(second.load(&order.key).await.unwrap().as_deref(), Some(&order));
    assert_eq!(second.timeline(&order.key).await.unwrap(), [entry(&before), entry(&order)]);
    let heir = Owner("b".to_owned());
    // That it was claimed is in no table; that nobody knows of it, is enough.
    assert_eq!(second.claim(&id, &heir, now, now + MINUTE).await.unwrap(), Claim::Unknown { attempts: 0 });
    assert_eq!(second.lock("sync", &heir, now, now + MINUTE).await.unwrap().as_deref(), Some(""));
    let taken = take(&second, ERP).await;
    assert_eq!(
        taken.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(),
        ["taken"],
        "the late one is still late"
    );
    clock.advance(MINUTE);
    let bodies: Vec<_> = take(&second, ERP).await.into_iter().map(|m| m.body).collect();
    assert_eq!(bodies, ["late", "taken"], "the one that was visible for longer comes first");
}

#[tokio::test]
async fn deleted_and_delayed_messages_stay_so_after_a_clean_end() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(BEGINNING);
    let first = Engine::open(dir.path(), clock.reader()).unwrap();
    first.send(ERP, ["a", "b", "c"].map(|b| Outgoing::now(b.to_owned())).into()).await.unwrap();
    let taken = take(&first, ERP).await;
    let receipt = |body: &str| taken.iter().find(|m| m.body == body).unwrap().receipt.clone();
    first.delete(ERP, vec![receipt("a")]).await.unwrap();
    first.delay(ERP, &receipt("b"), MINUTE).await.unwrap();
    drop(first);
    let second = Engine::open(dir.path(), clock.reader()).unwrap();
    let bodies = |messages: Vec<kontor_flow::ports::Received>| {
        messages.into_iter().map(|m| m.body).collect::<Vec<_>>()
    };
    assert_eq!(bodies(take(&second, ERP).await), ["c"]);
    clock.advance(MINUTE);
    assert!(bodies(take(&second, ERP).await).contains(&"b".to_owned()));
}

#[tokio::test]
async fn a_message_that_kills_every_process_ends_in_the_dead_letter_queue() {
    let mut dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(BEGINNING);
    let options = Options { max_receives: 3, ..Options::default() };
    let poison = Outgoing {
        attributes: [("order".to_owned(), "laden/1".to_owned())].into(),
        ..Outgoing::now("poison".to_owned())
    };
    Engine::open_with(dir.path(), clock.reader(), options).unwrap().send(ERP, vec![poison]).await.unwrap();
    let mut deaths = 0;
    let dead = loop {
        let engine = Engine::open_with(dir.path(), clock.reader(), options).unwrap();
        let taken = take(&engine, ERP).await;
        if taken.is_empty() {
            break take(&engine, DEAD).await;
        }
        deaths += 1;
        assert!(deaths <= 4, "it goes on killing");
        dir = remains_of(dir.path());
        drop(engine);
    };
    let message = dead.first().unwrap();
    assert_eq!((message.body.as_str(), message.receives), ("poison", 1));
    assert_eq!(message.attributes.get("class").map(String::as_str), Some("crash"));
    assert_eq!(message.attributes.get("order").map(String::as_str), Some("laden/1"));
    assert_eq!(deaths, 3);
}

#[tokio::test]
async fn takings_without_an_end_are_counted_and_delays_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(BEGINNING);
    let engine =
        Engine::open_with(dir.path(), clock.reader(), Options { max_receives: 3, ..Options::default() })
            .unwrap();
    engine.send(ERP, vec![Outgoing::now("outage".to_owned())]).await.unwrap();
    for receives in 1..=20 {
        let taken = take(&engine, ERP).await;
        let message = taken.first().unwrap();
        assert_eq!(message.receives, receives);
        engine.delay(ERP, &message.receipt, Duration::ZERO).await.unwrap();
    }
    for _ in 0..3 {
        assert_eq!(take(&engine, ERP).await.len(), 1);
        clock.advance(MINUTE);
    }
    assert_eq!(take(&engine, ERP).await, []);
    let dead = take(&engine, DEAD).await;
    assert_eq!(dead.first().unwrap().attributes.get("class").map(String::as_str), Some("crash"));
    for _ in 0..20 {
        clock.advance(MINUTE);
        assert_eq!(take(&engine, DEAD).await.len(), 1, "nothing is thrown out of a dead-letter queue");
    }
    let depths = engine.stats();
    assert_eq!((depths[&DEAD].in_flight, depths[&ERP].visible), (1, 0));
}

#[tokio::test]
async fn old_leases_are_purged_and_younger_ones_kept() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), TestClock::at(BEGINNING).reader()).unwrap();
    let start = time(BEGINNING);
    let day = 24 * 60 * MINUTE;
    let id = |n: u32| CommandId::new(&key(&format!("laden/{n}")), &step("invoice"));
    for n in 0..1200 {
        let at = start + day * (n % 2);
        let owner = Owner(n.to_string());
        engine.claim(&id(n), &owner, at, at + MINUTE).await.unwrap();
    }
    assert_eq!(engine.purge(start + day * 90).await.unwrap(), 0);
    assert_eq!(engine.purge(start + day * 90 + MINUTE).await.unwrap(), 600);
    let now = start + day * 90;
    let claim = engine.claim(&id(1), &Owner("x".to_owned()), now, now + MINUTE).await.unwrap();
    assert_eq!(claim, Claim::Unknown { attempts: 1 });
    let claim = engine.claim(&id(0), &Owner("x".to_owned()), now, now + MINUTE).await.unwrap();
    assert_eq!(claim, Claim::Unknown { attempts: 0 }, "nobody knows of it any more");
}

#[tokio::test]
async fn notices_are_kept_for_the_console() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(dir.path(), TestClock::at(BEGINNING).reader()).unwrap();
    for n in 0..1003 {
        engine.notify(&format!("notice {n}"), "text").await.unwrap();
        if n == 2 {
            assert_eq!(engine.notices(10).await.unwrap().len(), 3);
        }
    }
    let notices = engine.notices(5000).await.unwrap();
    assert_eq!(notices.len(), 1000);
    assert_eq!((notices[0].subject.as_str(), notices[0].at), ("notice 1002", time(BEGINNING)));
}

#[test]
fn a_folder_of_a_later_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(BEGINNING);
    drop(Engine::open(dir.path(), clock.reader()).unwrap());
    let db = rusqlite::Connection::open(dir.path().join("kontor.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let error = Engine::open(dir.path(), clock.reader()).unwrap_err();
    assert!(error.to_string().contains("later version"), "{error}");
}

/// The first command of an order, which `engine` asks for by storing it.
async fn asked_for(engine: &Engine) -> CommandId {
    let order = order("laden/1");
    engine.store(&order, &entry(&order)).await.unwrap();
    CommandId::new(&order.key, &step("customer"))
}

const SETTLING: Duration = Duration::from_secs(40);

fn settling(dir: &Path, clock: &TestClock) -> Engine {
    let options = Options { settling: SETTLING, ..Options::default() };
    Engine::open_with(dir, clock.reader(), options).unwrap()
}

async fn claim(engine: &Engine, id: &CommandId, owner: &str, now: jiff::Timestamp) -> Claim {
    engine.claim(id, &Owner(owner.to_owned()), now, now + 10 * MINUTE).await.unwrap()
}

#[tokio::test]
async fn the_leases_of_a_killed_process_are_held_until_its_last_call_has_settled() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at("2026-11-21T12:00:00Z");
    let now = clock.now();
    let engine = settling(dir.path(), &clock);
    let id = asked_for(&engine).await;
    assert_eq!(claim(&engine, &id, "dead", now).await, Claim::First);
    drop(engine);
    let engine = settling(dir.path(), &clock);
    assert_eq!(claim(&engine, &id, "new", now).await, Claim::Held { until: now + SETTLING });
    assert_eq!(claim(&engine, &id, "new", now + SETTLING).await, Claim::Unknown { attempts: 0 });
}

#[tokio::test]
async fn what_a_killed_process_asked_for_may_have_been_tried_and_what_an_ended_one_left_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at("2026-11-21T12:00:00Z");
    let now = clock.now();
    let first = settling(dir.path(), &clock);
    let id = asked_for(&first).await;

    let remains = remains_of(dir.path());
    let heir = settling(remains.path(), &clock);
    assert_eq!(claim(&heir, &id, "new", now).await, Claim::Held { until: now + SETTLING });
    assert_eq!(claim(&heir, &id, "new", now + SETTLING).await, Claim::Unknown { attempts: 0 });

    drop(first);
    let heir = settling(dir.path(), &clock);
    assert_eq!(claim(&heir, &id, "new", now).await, Claim::First);
    // It is written down before it is answered: killed now, it may have been tried.
    let remains = remains_of(dir.path());
    let heir = settling(remains.path(), &clock);
    assert_eq!(claim(&heir, &id, "newer", now).await, Claim::Held { until: now + SETTLING });
    assert_eq!(claim(&heir, &id, "newer", now + SETTLING).await, Claim::Unknown { attempts: 1 });
}

#[tokio::test]
async fn what_an_earlier_version_named_is_never_taken_for_new() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at("2026-11-21T12:00:00Z");
    let first = Engine::open(dir.path(), clock.reader()).unwrap();
    let id = asked_for(&first).await;
    let remains = remains_of(dir.path());
    let second = Engine::open(remains.path(), clock.reader()).unwrap();
    // The entry of the second version names it again.
    let again = next(&order("laden/1"));
    assert!(entry(&again).commands.contains(&id));
    second.store(&again, &entry(&again)).await.unwrap();
    assert_eq!(claim(&second, &id, "new", clock.now()).await, Claim::Unknown { attempts: 0 });
}
