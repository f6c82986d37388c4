//! The engine behaves as every adapter of the ports does, before and after it was opened again.
#![expect(clippy::unwrap_used, reason = "a test")]

use kontor_embedded::{Engine, OpenError};
use kontor_testkit::{
    configs_behave, cursors_behave, failures_behave, leases_behave, orders_behave, queues_behave, wall_clock,
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
    leases_behave(&open(&dir)).await;
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
