//! The command line of `kontor shops`.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kontor_domain::ShopId;

use super::ConfigArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Shops {
    /// The shops of the configuration, and how far each was asked for its orders.
    List {
        #[command(flatten)]
        config: ConfigArgs,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Try the connection to a shop: credentials, rights, clock, webhooks.
    Test {
        #[command(flatten)]
        config: ConfigArgs,
        /// The shop; all of them if none is given.
        shop: Option<ShopId>,
    },
    /// Register our webhooks in a shop, and switch on again those it has switched off.
    Connect {
        #[command(flatten)]
        config: ConfigArgs,
        /// The shop.
        shop: ShopId,
    },
    /// Write the manifest.xml of the app that connects a Shopware shop with us. The app's secret is in it.
    Manifest {
        #[command(flatten)]
        config: ConfigArgs,
        /// The shop.
        shop: ShopId,
    },
    /// Ask a shop for its orders now, or for all that changed since a day.
    Sync {
        #[command(flatten)]
        store: StoreArgs,
        /// The shop.
        shop: ShopId,
        /// Everything that changed since then, as in 2026-01-31 or 2026-01-31T08:00:00Z. Orders that are known are not done
        /// twice.
        #[arg(long, value_parser = since)]
        since: Option<Timestamp>,
        /// Do not wait until it is done.
        #[arg(long)]
        no_wait: bool,
    },
}

/// A day, which begins at midnight UTC, or an instant.
fn since(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let instant = text.parse::<Timestamp>().ok().or_else(day);
    instant.ok_or_else(|| "write a day like 2026-01-31 or an instant like 2026-01-31T08:00:00Z".to_owned())
}

#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// The folder of `kontor up`.
    #[arg(long, default_value = "data")]
    pub(crate) data: PathBuf,
    /// The table of a deployed bundle instead (an output of its stack).
    #[arg(long, conflicts_with = "data")]
    pub(crate) table: Option<String>,
}
