//! The verbs of the trade: what can happen to an order, what follows from it, and in which order things are stored and sent.
//!
//! Pure but for [`engine`], which talks to the world through [`ports`] alone. No clock: `now` is an argument.

pub mod action;
pub mod apply;
pub mod archive;
pub mod command;
pub mod engine;
pub mod event;
pub mod facts;
pub mod failure;
pub mod language;
pub mod mail;
pub mod message;
pub mod order;
pub mod outbox;
mod parcels;
pub mod payments;
pub mod plan;
pub mod ports;
pub mod privacy;
pub mod remedy;
pub mod revision;
pub mod storefront;
mod tokens;
pub mod told;

pub use action::{Action, Address, Queue};
pub use command::{Command, CommandId, FlowName, FlowRef, StepKey, StepName};
pub use event::{Decision, Event, EventRecord, FailureNote, Finish, Happened, StepResult};
pub use facts::Facts;
pub use failure::{Failure, FailureClass, FailureId, FailureState};
pub use language::{Flow, Step};
pub use message::{Envelope, Hint, Inquiry, Message, Payload, Poll};
pub use order::{Course, Order, OrderStatus, StepState, TimelineEntry};
pub use remedy::{CallError, Problem, Remedy, System};
pub use revision::{Booked, Change};
