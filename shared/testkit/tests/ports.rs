//! The ports of the simulated world behave as all others do: else what it finds would say nothing about them.
#![expect(clippy::unwrap_used, reason = "a test")]

use kontor_testkit::simulator::{World, in_peace};
use kontor_testkit::{
    configs_behave, cursors_behave, failures_behave, leases_behave, orders_behave, queues_behave,
};

fn peaceful<F: Future<Output = ()> + Send + 'static>(job: impl FnOnce(World) -> F) {
    let world = World::new(1, false);
    in_peace(&world, job(world.clone())).unwrap();
}

#[test]
fn orders() {
    peaceful(|world| async move { orders_behave(&world, &world, &world).await });
}

#[test]
fn leases() {
    peaceful(|world| async move { leases_behave(&world, &world).await });
}

#[test]
fn failures() {
    peaceful(|world| async move { failures_behave(&world).await });
}

#[test]
fn cursors() {
    peaceful(|world| async move { cursors_behave(&world).await });
}

#[test]
fn configs() {
    peaceful(|world| async move { configs_behave(&world).await });
}

#[tokio::test]
async fn queues() {
    let world = World::by_the_machines_clock();
    queues_behave(&world, &world, &world).await;
}
