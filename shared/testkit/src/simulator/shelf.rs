//! The simulated store: conditional writes, consistent reads of records, indexes that lag. Nothing ever expires.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::OrderKey;
use kontor_flow::failure::FailureState;
use kontor_flow::order::OrderSummary;
use kontor_flow::ports::{
    Claim, Configs, Cursors, FailureFilter, Failures, Leases, OrderFilter, OrderIndex, OrderReader,
    OrderWriter, Owner, StoreError, StoredConfig, flow_ref,
};
use kontor_flow::{CommandId, Failure, FailureId, Finish, FlowName, FlowRef, Order, TimelineEntry};

use super::calls::call;
use super::faults::Fault;
use super::world::{MINUTE, SECOND, State, What, World};

call!(LOAD, "loading an order", writes: false);
call!(STORE, "storing an order", writes: true);
call!(DUE, "asking for due orders", writes: false);
call!(LIST, "asking for a list", writes: false);
call!(CLAIM, "claiming a lease", writes: true);
call!(COMPLETE, "completing a lease", writes: true);
call!(RELEASE, "releasing a lease", writes: true);
call!(LOAD_FAILURE, "loading a failure", writes: false);
call!(STORE_FAILURE, "storing a failure", writes: true);
call!(LOCK, "taking a run lock", writes: true);
call!(SAVE, "saving a cursor", writes: true);
call!(CONFIG, "loading the configuration", writes: false);
call!(PUSH, "pushing a configuration", writes: true);

/// What is stored.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) orders: BTreeMap<OrderKey, Arc<Order>>,
    pub(super) timelines: BTreeMap<OrderKey, Vec<TimelineEntry>>,
    /// What the index says of an order, from when on.
    due: BTreeMap<OrderKey, Vec<(i64, Option<Timestamp>)>>,
    pub(super) leases: BTreeMap<String, Lease>,
    pub(super) failures: BTreeMap<FailureId, Failure>,
    cursors: BTreeMap<String, (Option<Owner>, Timestamp, String)>,
    configs: Vec<StoredConfig>,
    flows: BTreeMap<FlowRef, String>,
    /// What an admin was told.
    pub(super) told: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Lease {
    state: LeaseState,
    owner: Option<Owner>,
    until: Timestamp,
    attempts: u32,
    doubt: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) enum LeaseState {
    #[default]
    Free,
    Held,
    Done(Finish),
}

fn conflict(what: impl std::fmt::Display) -> StoreError {
    StoreError::Conflict { what: what.to_string() }
}

fn refused(what: impl std::fmt::Display, why: &'static str) -> StoreError {
    StoreError::Refused { what: what.to_string(), source: why.into() }
}

#[async_trait]
impl OrderReader for World {
    async fn load(&self, key: &OrderKey) -> Result<Option<Arc<Order>>, StoreError> {
        self.ask(LOAD, |s| Ok(s.shelf.orders.get(key).cloned())).await
    }
}

#[async_trait]
impl OrderWriter for World {
    async fn store(&self, order: &Order, entry: &TimelineEntry) -> Result<(), StoreError> {
        self.ask(STORE, |s| s.store_order(order, entry)).await
    }
}

impl State {
    fn store_order(&mut self, order: &Order, entry: &TimelineEntry) -> Result<(), StoreError> {
        if order.version == 0 || entry.version != order.version {
            return Err(refused(&order.key, "versions count from 1, and the entry has that of the order"));
        }
        let before = self.shelf.orders.get(&order.key).map_or(0, |order| order.version);
        if order.version != before + 1 {
            return Err(conflict(&order.key));
        }
        self.tell(|| {
            let changes = entry.changes.join("; ");
            format!("stores {} v{} {:?}: {changes}", order.key, order.version, order.status)
        });
        self.shelf.orders.insert(order.key.clone(), Arc::new(order.clone()));
        self.shelf.timelines.entry(order.key.clone()).or_default().push(entry.clone());
        let lag = if self.strikes(Fault::StaleIndex) { self.dice.between(SECOND, 90 * SECOND) } else { 0 };
        let seen = self.now + lag;
        self.shelf.due.entry(order.key.clone()).or_default().push((seen, order.due_at));
        if let Some(due_at) = order.due_at {
            self.wish_tick(due_at);
        }
        Ok(())
    }

    /// The schedule runs every minute; in between and where nothing is due it would do nothing, so it is left out.
    pub(super) fn wish_tick(&mut self, due_at: Timestamp) {
        let off = self.dice.between(-5 * MINUTE, MINUTE);
        let at = due_at.as_microsecond().saturating_add(off).max(self.now + SECOND);
        if self.tick_at.is_none_or(|planned| at < planned) {
            self.tick_at = Some(at);
            self.plan(at, What::Tick);
        }
    }

    /// When the most overdue order is due, in truth.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.shelf.orders.values().filter_map(|order| order.due_at).min()
    }

    fn due_orders(&self, now: Timestamp, limit: usize) -> Vec<OrderKey> {
        // An index may lag, but what it has shown of a later write it does not take back for an earlier one.
        let shown =
            |seen: &Vec<(i64, Option<Timestamp>)>| seen.iter().rev().find(|(from, _)| *from <= self.now)?.1;
        let all = self.shelf.due.iter().filter_map(|(key, seen)| Some((shown(seen)?, key.clone())));
        let mut due: Vec<_> = all.filter(|(due_at, _)| *due_at <= now).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, key)| key).take(limit).collect()
    }
}

#[async_trait]
impl OrderIndex for World {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<OrderKey>, StoreError> {
        self.ask(DUE, |s| Ok(s.due_orders(now, limit))).await
    }

    async fn list(&self, filter: &OrderFilter) -> Result<Vec<OrderSummary>, StoreError> {
        let fits = |order: &&Order| {
            filter.status.is_none_or(|status| order.status == status)
                && filter.shop.as_ref().is_none_or(|shop| order.key.shop == *shop)
        };
        self.ask(LIST, |s| {
            let mut lines: Vec<_> =
                s.shelf.orders.values().map(Arc::as_ref).filter(fits).map(Order::summary).collect();
            lines.sort_unstable_by(|a, b| (b.updated_at, &b.key).cmp(&(a.updated_at, &a.key)));
            lines.truncate(filter.limit);
            Ok(lines)
        })
        .await
    }

    async fn timeline(&self, key: &OrderKey) -> Result<Vec<TimelineEntry>, StoreError> {
        self.ask(LIST, |s| Ok(s.shelf.timelines.get(key).cloned().unwrap_or_default())).await
    }
}

impl Lease {
    fn told(&self, attempts: u32) -> Claim {
        match (attempts, self.doubt) {
            (0, _) => Claim::First,
            (attempts, false) => Claim::Again { attempts },
            (attempts, true) => Claim::Unknown { attempts },
        }
    }

    fn take(&mut self, owner: &Owner, until: Timestamp) -> Claim {
        let claim = self.told(self.attempts);
        (self.state, self.owner, self.until) = (LeaseState::Held, Some(owner.clone()), until);
        self.attempts += 1;
        claim
    }
}

impl State {
    fn claim(&mut self, id: &CommandId, owner: &Owner, now: Timestamp, until: Timestamp) -> Claim {
        let lease = self.shelf.leases.entry(id.to_string()).or_default();
        let claim = match &lease.state {
            LeaseState::Free if lease.until > now => Claim::Held { until: lease.until },
            LeaseState::Free => lease.take(owner, until),
            LeaseState::Done(finish) => Claim::Done { finish: finish.clone() },
            LeaseState::Held if lease.owner.as_ref() == Some(owner) => lease.told(lease.attempts - 1),
            LeaseState::Held if lease.until > now => Claim::Held { until: lease.until },
            LeaseState::Held => {
                lease.doubt = true;
                let claim = lease.take(owner, until);
                self.hit(Fault::LeaseLost);
                claim
            }
        };
        if matches!(claim, Claim::Held { .. }) {
            self.hit(Fault::Held);
        }
        self.tell(|| format!("claims {id}: {claim:?}"));
        claim
    }
}

#[async_trait]
impl Leases for World {
    async fn claim(
        &self,
        id: &CommandId,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        self.ask(CLAIM, |s| Ok(s.claim(id, owner, now, until))).await
    }

    async fn complete(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.ask(COMPLETE, |s| {
            let lease = s.shelf.leases.get_mut(id.as_str());
            let ours = lease.filter(|lease| lease.owner.as_ref() == Some(owner));
            let ours = ours.filter(|lease| !matches!(lease.state, LeaseState::Free));
            let Some(lease) = ours else {
                s.count("a worker was fenced off: its lease was not its own any more");
                return Ok(false);
            };
            lease.state = LeaseState::Done(finish.clone());
            s.tell(|| format!("completes {id}: {}", finish.result.sentence()));
            Ok(true)
        })
        .await
    }

    async fn release(
        &self,
        id: &CommandId,
        owner: &Owner,
        unknown: bool,
        rests_until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        self.ask(RELEASE, |s| {
            let lease = s.shelf.leases.get_mut(id.as_str());
            let ours = lease.filter(|lease| lease.owner.as_ref() == Some(owner));
            let ours = ours.filter(|lease| !matches!(lease.state, LeaseState::Done(_)));
            let Some(lease) = ours else {
                s.count("a worker was fenced off: its lease was not its own any more");
                return Ok(false);
            };
            lease.state = LeaseState::Free;
            lease.doubt |= unknown;
            lease.until = rests_until.unwrap_or(Timestamp::UNIX_EPOCH);
            s.tell(|| match rests_until {
                Some(until) => format!("releases {id}, which rests until {until:.0}"),
                None => format!("releases {id}"),
            });
            Ok(true)
        })
        .await
    }
}

#[async_trait]
impl Failures for World {
    async fn load(&self, id: &FailureId) -> Result<Option<Failure>, StoreError> {
        self.ask(LOAD_FAILURE, |s| Ok(s.shelf.failures.get(id).cloned())).await
    }

    async fn store(&self, failure: &Failure) -> Result<(), StoreError> {
        self.ask(STORE_FAILURE, |s| {
            if failure.revision == 0 {
                return Err(refused(&failure.id, "revisions count from 1"));
            }
            let before = s.shelf.failures.get(&failure.id).map_or(0, |failure| failure.revision);
            if failure.revision != before + 1 {
                return Err(conflict(&failure.id));
            }
            s.tell(|| {
                let order = failure.order.as_ref().map_or_else(|| "no order".to_owned(), ToString::to_string);
                format!("keeps failure {} of {order} as {:?}: {}", failure.id, failure.state, failure.cause)
            });
            s.shelf.failures.insert(failure.id.clone(), failure.clone());
            Ok(())
        })
        .await
    }

    async fn list(&self, filter: &FailureFilter) -> Result<Vec<Failure>, StoreError> {
        let fits = |failure: &&Failure| {
            filter.state.is_none_or(|state| failure.state == state)
                && filter.class.is_none_or(|class| failure.class == class)
        };
        self.ask(LIST, |s| {
            let mut failures: Vec<_> = s.shelf.failures.values().filter(fits).cloned().collect();
            failures.sort_unstable_by(|a, b| (b.last_at, &b.id).cmp(&(a.last_at, &a.id)));
            failures.truncate(filter.limit);
            Ok(failures)
        })
        .await
    }
}

impl State {
    /// The failures that are open now.
    pub(super) fn open_failures(&self) -> Vec<FailureId> {
        let open = self.shelf.failures.values().filter(|failure| failure.state == FailureState::Open);
        open.map(|failure| failure.id.clone()).collect()
    }
}

#[async_trait]
impl Cursors for World {
    async fn lock(
        &self,
        name: &str,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        self.ask(LOCK, |s| {
            let new = || (None, Timestamp::MIN, String::new());
            let (by, held_until, cursor) = s.shelf.cursors.entry(name.to_owned()).or_insert_with(new);
            if by.as_ref().is_some_and(|by| by != owner) && *held_until > now {
                return Ok(None);
            }
            (*by, *held_until) = (Some(owner.clone()), until);
            Ok(Some(cursor.clone()))
        })
        .await
    }

    async fn peek(&self, name: &str) -> Result<String, StoreError> {
        let cursor = |s: &mut State| s.shelf.cursors.get(name).map(|(_, _, cursor)| cursor.clone());
        self.ask(CONFIG, |s| Ok(cursor(s).unwrap_or_default())).await
    }

    async fn save(&self, name: &str, owner: &Owner, cursor: &str) -> Result<bool, StoreError> {
        self.ask(SAVE, |s| {
            let Some((by, until, saved)) = s.shelf.cursors.get_mut(name) else { return Ok(false) };
            if by.as_ref() != Some(owner) {
                return Ok(false);
            }
            *until = Timestamp::MIN;
            cursor.clone_into(saved);
            Ok(true)
        })
        .await
    }
}

#[async_trait]
impl Configs for World {
    async fn current(&self) -> Result<Option<StoredConfig>, StoreError> {
        self.ask(CONFIG, |s| Ok(s.shelf.configs.last().cloned())).await
    }

    async fn push(&self, config: &StoredConfig) -> Result<(), StoreError> {
        self.ask(PUSH, |s| {
            let before = s.shelf.configs.last().map_or(0, |config| config.version);
            if config.version != before + 1 {
                return Err(conflict(config.version));
            }
            let mut flows = BTreeMap::new();
            for (name, yaml) in &config.flows {
                let name = FlowName::parse(name).map_err(|_| refused(name, "it is no name of a flow"))?;
                flows.insert(flow_ref(name, yaml), yaml.clone());
            }
            s.shelf.flows.append(&mut flows);
            s.shelf.configs.push(config.clone());
            Ok(())
        })
        .await
    }

    async fn flow(&self, flow: &FlowRef) -> Result<Option<String>, StoreError> {
        self.ask(CONFIG, |s| Ok(s.shelf.flows.get(flow).cloned())).await
    }
}
