//! The engine: what the worker functions do with a message, over the ports alone.

mod alerts;
mod closing;
mod commands;
mod events;
mod overdue;
mod polls;
mod privacy;
mod replay;
mod verdict;

pub use alerts::AlertDesk;
pub use closing::ClosingDesk;
pub use commands::{CommandDesk, Slip};
pub use events::EventDesk;
pub use overdue::{OverdueDesk, OverdueReport};
pub use polls::{PollDesk, Progress};
pub use privacy::{Dossier, Erasure, PrivacyDesk, PrivacyError, Waiting};
pub use replay::{ReplayDesk, ReplayError};
pub use verdict::{DeskError, Parked, Verdict};
