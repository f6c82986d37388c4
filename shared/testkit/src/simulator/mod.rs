//! A simulated world: seeded clock, queues, store and outside systems in which everything goes wrong that can, so that the
//! engine can be shown to lose and to double nothing. The same seed is the same story.

mod calls;
mod checks;
mod clerk;
mod dice;
mod erp;
mod faults;
mod house;
mod outside;
mod shelf;
mod shops;
mod tales;
mod trays;
mod world;

use std::sync::Arc;

pub use faults::{Fault, Tally};
pub use house::{Flows, Library, Settled, Staff, event_desk, outbox};
pub use world::World;

use house::House;
use world::{DAY, Executor, HOUR, MINUTE};

/// What came of one world.
#[derive(Debug)]
pub struct Outcome {
    /// The invariants that do not hold, a sentence each.
    pub broken: Vec<String>,
    /// What happened, line by line, if it was to be told.
    pub story: Vec<String>,
    /// What struck.
    pub tally: Tally,
    /// How much happened.
    pub steps: u64,
}

/// How often what is open is replayed once faults have ceased, at most.
const ROUNDS: usize = 6;

/// Lets the world of `seed` run through its storm and to rest, and checks what must hold then.
#[must_use]
pub fn simulate(
    seed: u64,
    told: bool,
    flows: &Arc<Flows>,
    staff: impl FnOnce(&World, &Arc<Flows>) -> Arc<dyn Staff>,
) -> Outcome {
    let world = World::new(seed, told);
    let staff = staff(&world, flows);
    let (clocks, storm) = world.with(|s| {
        let mut off = || s.dice.pick([0, 0, s.dice.clone().between(-5 * MINUTE, 5 * MINUTE)]);
        let clocks = [off(), off(), off(), off()];
        (clocks, s.now + s.dice.pick([6 * HOUR, 3 * DAY, 17 * DAY]))
    });
    let house = House { staff, flows: Arc::clone(flows), clocks };
    let mut executor = Executor::default();
    let ran = weather(&world, &house, &mut executor, storm);
    world.with(|s| {
        match ran {
            Ok(()) => s.check(),
            Err(sentence) => s.breaks(sentence),
        }
        Outcome {
            broken: std::mem::take(&mut s.broken),
            story: s.story.take().unwrap_or_default(),
            tally: std::mem::take(&mut s.tally),
            steps: executor.steps,
        }
    })
}

fn weather(world: &World, house: &House, executor: &mut Executor, storm: i64) -> Result<(), String> {
    world.with(|s| s.stormy = true);
    tales::begin(world);
    house::begin_office(world);
    executor.run(world, house, storm)?;
    world.with(|s| {
        s.tell(|| "--- the storm is over".to_owned());
        s.stormy = false;
        s.tales.mended = true;
    });
    executor.run(world, house, i64::MAX)?;
    for _ in 0..ROUNDS {
        let open = world.with(|s| s.open_failures());
        if open.is_empty() {
            break;
        }
        let desk = world.clone();
        world.with(|s| s.spawn("operator".to_owned(), house::settle_failures(desk, open)));
        executor.run(world, house, i64::MAX)?;
    }
    Ok(())
}

/// Runs `job` in a world without faults, where nobody else works.
///
/// # Errors
/// A sentence if it never ends.
pub fn in_peace(world: &World, job: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    world.with(|s| s.spawn("test".to_owned(), job));
    Executor::default().run(world, &world::Nobody, i64::MAX)
}
