//! The command line of `kontor orders`.

use clap::Subcommand;
use kontor_domain::{OrderKey, ShopId};
use kontor_flow::{OrderStatus, StepKey, StepName};

use super::status;

#[derive(Debug, Subcommand)]
pub(crate) enum Orders {
    /// List orders, the last changed first.
    List {
        /// Only in this status.
        #[arg(long, value_parser = status())]
        status: Option<OrderStatus>,
        /// Only of this shop.
        #[arg(long)]
        shop: Option<ShopId>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show an order: what is known, where each step stands, its timeline.
    Show {
        /// The order, <shop>/<order id>.
        key: OrderKey,
    },
    /// Say that you did by hand what a failed step could not do: the order goes on from there.
    Settle {
        /// The order, <shop>/<order id>.
        key: OrderKey,
        /// The step, <step> or <step>/<item>.
        step: StepKey,
        /// Who did it; goes into the timeline.
        #[arg(long)]
        by: String,
    },
    /// Let an order through a step that waits for approval.
    Approve {
        /// The order, <shop>/<order id>.
        key: OrderKey,
        /// The step.
        #[arg(value_parser = StepName::parse)]
        step: StepName,
        /// Who decides; goes into the timeline.
        #[arg(long)]
        by: String,
    },
    /// Refuse an order at a step that waits for approval: it is cancelled.
    Refuse {
        /// The order, <shop>/<order id>.
        key: OrderKey,
        /// The step.
        #[arg(value_parser = StepName::parse)]
        step: StepName,
        /// Who decides; goes into the timeline.
        #[arg(long)]
        by: String,
    },
}
