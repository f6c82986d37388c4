//! How every keeper of cursors behaves.

use std::time::Duration;

use futures_util::future::join_all;
use kontor_flow::ports::{Cursors, Owner};

use crate::clock::time;
use crate::order::BEGINNING;

fn owner(name: &str) -> Owner {
    Owner(name.to_owned())
}

/// Locks at second `now` for a minute.
async fn lock(cursors: &dyn Cursors, name: &str, by: &str, now: u64) -> Option<String> {
    let now = time(BEGINNING) + Duration::from_secs(now);
    cursors.lock(name, &owner(by), now, now + Duration::from_secs(60)).await.unwrap()
}

async fn save(cursors: &dyn Cursors, name: &str, by: &str, cursor: &str) -> bool {
    cursors.save(name, &owner(by), cursor).await.unwrap()
}

/// The suite.
pub async fn cursors_behave(cursors: &dyn Cursors) {
    let name = "sync-orders/kaffee";
    assert!(!save(cursors, name, "a", "x").await, "nobody holds what was never locked");
    assert_eq!(cursors.peek(name).await.unwrap(), "");
    assert_eq!(lock(cursors, name, "a", 0).await.as_deref(), Some(""));
    assert_eq!(lock(cursors, name, "b", 59).await, None);
    assert!(!save(cursors, name, "b", "von b").await);
    assert!(save(cursors, name, "a", "2026-01-05T08:00:00Z|17 ü").await);
    assert!(save(cursors, name, "a", "2026-01-05T08:00:00Z|17 ü").await, "its answer may have been lost");
    assert_eq!(
        lock(cursors, name, "b", 1).await.as_deref(),
        Some("2026-01-05T08:00:00Z|17 ü"),
        "free once saved"
    );
    assert!(!save(cursors, name, "a", "von a").await, "the former owner saves nothing");
    assert_eq!(cursors.peek(name).await.unwrap(), "2026-01-05T08:00:00Z|17 ü", "whoever holds it");
    assert_eq!(
        lock(cursors, name, "c", 61).await.as_deref(),
        Some("2026-01-05T08:00:00Z|17 ü"),
        "b took too long"
    );
    assert!(!save(cursors, name, "b", "von b").await);
    assert!(save(cursors, name, "c", "").await, "a cursor may be reset");
    assert_eq!(lock(cursors, name, "d", 2).await.as_deref(), Some(""));
    assert_eq!(lock(cursors, "sync-orders/tee", "a", 2).await.as_deref(), Some(""), "each name for itself");

    let (now, until) = (time(BEGINNING), time(BEGINNING) + Duration::from_secs(60));
    let owners: Vec<_> = (0..12).map(|n| owner(&format!("o{n}"))).collect();
    let locks = join_all(owners.iter().map(|o| cursors.lock("race", o, now, until))).await;
    let won = locks.iter().filter(|lock| matches!(lock, Ok(Some(_)))).count();
    assert_eq!(won, 1, "{locks:?}");
}
