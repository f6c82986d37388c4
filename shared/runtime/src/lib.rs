//! What turns the engine into functions: the environment, the clock, log lines, webhooks, batches, schedules. The only crate that knows Lambda.

pub mod apps;
pub mod backoff;
pub mod batch;
pub mod book;
pub mod clock;
mod damper;
pub mod lambda;
pub mod polls;
pub mod settings;
pub mod signals;
pub mod webhook;
