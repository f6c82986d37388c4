//! Builders, clocks, behaviour suites of the ports and local stand-ins of AWS. For tests only.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't be set up, or a port that misbehaves, is to fail loudly"
)]

pub mod clock;
pub mod configs;
pub mod cursors;
pub mod failures;
pub mod leases;
pub mod ministack;
pub mod order;
pub mod orders;
pub mod outbox;
pub mod privacy;
pub mod queues;
pub mod simulator;
pub mod tokens;

pub use clock::{TestClock, wall_clock};
pub use configs::configs_behave;
pub use cursors::cursors_behave;
pub use failures::failures_behave;
pub use leases::leases_behave;
pub use ministack::{Ministack, ministack, ministack_with_rights};
pub use orders::orders_behave;
pub use outbox::outboxes_behave;
pub use privacy::privacy_behaves;
pub use queues::queues_behave;
pub use tokens::tokens_behave;
