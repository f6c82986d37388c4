//! Which hosts are called, and at which addresses: those the configuration names, outside this network unless it says so.
//!
//! What counts is the address that is connected to: names are looked up here and nowhere else, and the connection goes to
//! an address that was found good. A name that answers differently the second time is looked at a second time.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::Config;

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On the internet.
    Public,
    /// In somebody's own network.
    Private,
    /// This machine.
    Loopback,
    /// No system that Kontor speaks to: link-local (the metadata of clouds), multicast, reserved, documentation.
    Never,
}

/// What kind of address `ip` is (IANA special-purpose address registries).
pub(crate) fn kind(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    match ip.octets() {
        [127, ..] => Kind::Loopback,
        [10, ..] | [192, 168, ..] | [198, 18 | 19, ..] => Kind::Private,
        [172, b, ..] if (16..32).contains(&b) => Kind::Private,
        [100, b, ..] if (64..128).contains(&b) => Kind::Private,
        [0 | 224..=255, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] => Kind::Never,
        [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => Kind::Never,
        _ => Kind::Public,
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        kind_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // IPv4 in IPv6: mapped, translated (NAT64), 6to4.
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => inner(g, h),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => inner(g, h),
        (0x2002, high) => inner(high, c),
        (0, 0) if ip == Ipv6Addr::LOCALHOST => Kind::Loopback,
        (0x64, 0xff9b) => Kind::Private,
        // EC2's metadata.
        (0xfd00, 0x0ec2) => Kind::Never,
        (0xfc00..=0xfdff, _) => Kind::Private,
        // Teredo, documentation.
        (0x2001, 0 | 0x0db8) | (0x3fff, 0..=0x0fff) => Kind::Never,
        (0x2000..=0x3fff, _) => Kind::Public,
        _ => Kind::Never,
    }
}

/// Which kinds of addresses a system may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    public: bool,
    private: bool,
    loopback: bool,
}

impl Reach {
    /// For the system at `url`. Who names this machine outright means it.
    pub(crate) fn of(url: &Url, allow_private_address: bool) -> Self {
        if is_here(url) {
            return Self { public: false, private: false, loopback: true };
        }
        let own = allow_private_address;
        // Without TLS only within one's own network.
        Self { public: url.scheme() == "https" || !own, private: own, loopback: own }
    }

    pub(crate) fn allows(self, ip: IpAddr) -> bool {
        match kind(ip) {
            Kind::Public => self.public,
            Kind::Private => self.private,
            Kind::Loopback => self.loopback,
            Kind::Never => false,
        }
    }
}

/// Whether the host is this machine by its name.
pub(crate) fn is_here(url: &Url) -> bool {
    url.host_str() == Some("localhost") || literal(url).is_some_and(|ip| kind(ip) == Kind::Loopback)
}

/// The address, where the host is one.
pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A call that is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing in the configuration has this host.
    #[error("{host} is not called: kontor.yaml names no system there")]
    Unknown {
        /// The host.
        host: String,
    },
    /// It has no address it may have.
    #[error(
        "{host} is not called: its address {address} is not on the internet; if that is meant, write \
         `allow_private_address: true` beside {path} in kontor.yaml"
    )]
    Address {
        /// The host.
        host: String,
        /// The first address that was found.
        address: IpAddr,
        /// Where the configuration names the host.
        path: String,
    },
    /// It has no address at all.
    #[error("{host} has no address; look at {path} in kontor.yaml")]
    Nowhere {
        /// The host.
        host: String,
        /// Where the configuration names the host.
        path: String,
    },
}

/// Finds the addresses of a name.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// The addresses of `host`.
    ///
    /// # Errors
    /// If nobody knows.
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// Asks the machine's resolver.
struct Machine;

#[async_trait]
impl Lookup for Machine {
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Where a host is named, and what it may be.
type Named = (String, Reach);

/// Looks names up for the HTTP client: only those of the configuration, only to addresses they may have.
#[derive(Clone)]
pub struct Guard {
    hosts: Arc<BTreeMap<String, Vec<Named>>>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    /// For the systems of `config`.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let mut hosts: BTreeMap<String, Vec<Named>> = BTreeMap::new();
        for (path, url, own) in config.systems() {
            let Ok(url) = Url::parse(url) else { continue };
            if let Some(host) = url.host_str() {
                hosts.entry(host.to_owned()).or_default().push((path, Reach::of(&url, own)));
            }
        }
        Self { hosts: Arc::new(hosts), lookup: Arc::new(Machine) }
    }

    /// For no system: every name is refused.
    #[must_use]
    pub fn closed() -> Self {
        Self { hosts: Arc::default(), lookup: Arc::new(Machine) }
    }

    /// The same, with names looked up elsewhere.
    #[must_use]
    pub fn with_lookup(self, lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, ..self }
    }

    /// The addresses that may be connected to.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let named = self.hosts.get(host).ok_or_else(|| Refusal::Unknown { host: host.to_owned() })?;
        let found = self.lookup.addresses(host).await?;
        let good = |ip: &IpAddr| named.iter().any(|(_, reach)| reach.allows(*ip));
        let allowed: Vec<IpAddr> = found.iter().copied().filter(good).collect();
        if !allowed.is_empty() {
            return Ok(allowed);
        }
        let path = named.first().map(|(path, _)| path.clone()).unwrap_or_default();
        let host = host.to_owned();
        Err(match found.first() {
            Some(&address) => Refusal::Address { host, address, path }.into(),
            None => Refusal::Nowhere { host, path }.into(),
        })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = guard.addresses(&host).await?;
            // The port is that of the URL.
            let sockets = found.into_iter().map(|ip| std::net::SocketAddr::new(ip, 0));
            Ok(Box::new(sockets.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
