//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, value_parser};
use kontor_domain::OrderKey;
use kontor_flow::{FailureClass, FailureState, OrderStatus};

mod orders;
mod shops;

pub(crate) use self::orders::Orders;
pub(crate) use self::shops::{Shops, StoreArgs};

/// Kontor carries orders from shops through the ERP to the parcel, each exactly once.
///
/// Exit code 0: done. 1: it did not work. 2: the call or the configuration is wrong.
#[derive(Debug, Parser)]
#[command(name = "kontor", version)]
pub(crate) struct Args {
    /// Answer in JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented kontor.yaml and the example flows to start from.
    Init {
        /// The folder to write to.
        #[arg(default_value = ".")]
        dir: PathBuf,
    },
    /// Check kontor.yaml and its flows.
    Check {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Run everything in one process: webhooks, workers, schedules.
    Up {
        #[command(flatten)]
        config: ConfigArgs,
        /// The folder with everything that is kept.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// The address to listen on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Messages worked on at the same time, per queue.
        #[arg(long, default_value_t = 32, value_parser = value_parser!(u16).range(1..=512))]
        width: u16,
        /// Ask every shop for its orders after so many seconds, instead of as often as the configuration says.
        #[arg(long, value_parser = value_parser!(u32).range(1..))]
        ask_every: Option<u32>,
    },
    /// Run the main job once, on this machine alone: recorded orders through to the invoice.
    Demo {
        /// Keep everything running afterwards, until interrupted.
        #[arg(long)]
        stay: bool,
    },
    /// Stand-ins of outside systems.
    Sandbox {
        #[command(subcommand)]
        system: Sandbox,
    },
    /// Orders and their timelines.
    Orders {
        #[command(flatten)]
        data: DataArgs,
        #[command(subcommand)]
        what: Orders,
    },
    /// Shops: connect them, test the connection, ask them for their orders.
    Shops {
        #[command(subcommand)]
        what: Shops,
    },
    /// Flows: check and draw them.
    Flow {
        #[command(subcommand)]
        what: Flows,
    },
    /// Messages that could not be processed.
    Failures {
        #[command(flatten)]
        data: DataArgs,
        #[command(subcommand)]
        what: Failures,
    },
    /// A person's data: export it, erase it.
    Privacy {
        #[command(flatten)]
        place: PlaceArgs,
        #[command(subcommand)]
        what: Privacy,
    },
    /// Measure this machine: orders accepted and carried through, CPU and calls per order.
    Bench {
        /// Orders to send.
        #[arg(long, default_value_t = 2_000, value_parser = value_parser!(u32).range(1..))]
        orders: u32,
        /// Senders at the same time.
        #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..))]
        senders: u16,
        /// Messages worked on at the same time, per queue.
        #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=512))]
        width: u16,
        /// Send at most so many orders in a second, instead of as many as are taken.
        #[arg(long, value_parser = value_parser!(u32).range(1..))]
        rate: Option<u32>,
        /// How much is done for each order.
        #[arg(long, value_enum, default_value_t = Job::Whole)]
        job: Job,
    },
    /// Put a checked configuration into force in a deployed bundle.
    Push {
        #[command(flatten)]
        config: ConfigArgs,
        /// The table of the bundle (an output of its stack).
        #[arg(long)]
        table: String,
        /// Who pushes; kept with the version.
        #[arg(long, default_value = "operator")]
        by: String,
    },
    /// Send orders: what the bench is driven by.
    #[command(hide = true)]
    Load {
        #[arg(long)]
        to: String,
        #[arg(long)]
        orders: u32,
        #[arg(long)]
        senders: u16,
        #[arg(long)]
        rate: Option<u32>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// The configuration.
    #[arg(long, default_value = "kontor.yaml")]
    pub(crate) config: PathBuf,
    /// The folder with the flows; `flows` beside the configuration if not given.
    #[arg(long)]
    pub(crate) flows: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// The folder of `kontor up`.
    #[arg(long, default_value = "data", global = true)]
    pub(crate) data: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// The folder of `kontor up`.
    #[arg(long, default_value = "data", global = true)]
    pub(crate) data: PathBuf,
    /// The table of a deployed bundle instead (an output of its stack).
    #[arg(long, global = true, conflicts_with = "data")]
    pub(crate) table: Option<String>,
    /// Who asks; kept in the record of what was done.
    #[arg(long, default_value = "operator", global = true)]
    pub(crate) by: String,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct WhoArgs {
    /// Who ordered with this e-mail address; `-` reads it from standard input, so that no list of processes shows it.
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Who placed this order, <shop>/<order id>.
    #[arg(long)]
    pub(crate) order: Option<OrderKey>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Privacy {
    /// Write everything that is held of a person, as JSON.
    Export {
        #[command(flatten)]
        who: WhoArgs,
    },
    /// Erase a person from orders that are over, and from failures; amounts, articles and ids remain.
    Erase {
        #[command(flatten)]
        who: WhoArgs,
    },
    /// Erase the persons from all orders that were over for so long.
    Expire {
        /// Days since the order was completed or cancelled.
        #[arg(long, value_parser = value_parser!(u32).range(1..))]
        days: u32,
    },
    /// Meet a request that a shop forwarded, and that is kept as a failure: tell or erase what is really held.
    Answer {
        /// The failure.
        id: String,
    },
    /// What was done so far: when, by whom, to how many.
    Acts,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sandbox {
    /// weclapp, with articles but no orders; GET /_sandbox/report tells what it holds.
    Erp {
        /// The address to listen on.
        #[arg(long, default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
        /// The token it asks for.
        #[arg(long, default_value = "sandbox")]
        token: String,
        /// Where it sends its webhooks to.
        #[arg(long)]
        webhook_url: Option<String>,
    },
    /// Everything the bench runs against; prints its addresses.
    #[command(hide = true)]
    Bench {
        #[arg(long)]
        orders: u32,
    },
}

/// What the bench has done for each order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Job {
    /// Everything: customer, sales order, shipment, invoice; two mails; the parcel's tracking number in the shop.
    Whole,
    /// Customer, sales order, shipment, invoice, and nothing else: what other software is measured with.
    Documents,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Flows {
    /// Check flow files.
    Check {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Draw a flow.
    Draw {
        /// The file.
        file: PathBuf,
        /// As SVG rather than Mermaid.
        #[arg(long)]
        svg: bool,
        /// With the position of this order, <shop>/<order id>.
        #[arg(long)]
        order: Option<OrderKey>,
        /// The folder of `kontor up`, for the order.
        #[arg(long, default_value = "data")]
        data: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Failures {
    /// List failures, the last failed first.
    List {
        /// Only in this state.
        #[arg(long, default_value = "open", value_parser = state())]
        state: AnyState,
        /// Only of this class.
        #[arg(long, value_parser = class())]
        class: Option<FailureClass>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show a failure with its message.
    Show {
        /// Its id.
        id: String,
        /// Write only the raw body of the delivery, to edit it.
        #[arg(long)]
        body: bool,
    },
    /// Put a failure's message back into its queue.
    Replay {
        /// Its id.
        id: String,
        /// With this body instead (a delivery of a shop).
        #[arg(long)]
        body: Option<PathBuf>,
        /// Who replays; goes into the record.
        #[arg(long, default_value = "operator")]
        by: String,
    },
    /// Give a failure up.
    Discard {
        /// Its id.
        id: String,
        /// Why; goes into the record.
        #[arg(long)]
        because: String,
        /// Who discards; goes into the record.
        #[arg(long, default_value = "operator")]
        by: String,
    },
}

/// Failures in one state, or in any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnyState(pub(crate) Option<FailureState>);

/// Why a word that is on the list is not taken; it never happens.
const UNKNOWN: &str = "it is on the list, and yet not known";

fn status() -> impl TypedValueParser<Value = OrderStatus> {
    let words = PossibleValuesParser::new(OrderStatus::ALL.map(OrderStatus::as_str));
    words.try_map(|word| OrderStatus::named(&word).ok_or(UNKNOWN))
}

fn class() -> impl TypedValueParser<Value = FailureClass> {
    let words = PossibleValuesParser::new(FailureClass::ALL.map(FailureClass::as_str));
    words.try_map(|word| FailureClass::named(&word).ok_or(UNKNOWN))
}

fn state() -> impl TypedValueParser<Value = AnyState> {
    let states = [FailureState::Open, FailureState::Replayed, FailureState::Discarded];
    let words = PossibleValuesParser::new(states.map(FailureState::as_str).into_iter().chain(["all"]));
    words.try_map(|word| match word.as_str() {
        "all" => Ok(AnyState(None)),
        word => FailureState::named(word).map(|state| AnyState(Some(state))).ok_or(UNKNOWN),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_word_on_a_list_is_taken() {
        let takes = |words: &[&str]| Args::try_parse_from([&["kontor"], words].concat()).is_ok();
        for status in OrderStatus::ALL {
            assert!(takes(&["orders", "list", "--status", status.as_str()]), "{}", status.as_str());
        }
        for class in FailureClass::ALL {
            assert!(takes(&["failures", "list", "--class", class.as_str()]), "{}", class.as_str());
        }
        for state in ["open", "replayed", "discarded", "all"] {
            assert!(takes(&["failures", "list", "--state", state]), "{state}");
        }
        assert!(!takes(&["orders", "list", "--status", "lost"]));
        assert!(!takes(&["bench", "--senders", "0"]) && !takes(&["bench", "--orders", "0"]));
    }
}
