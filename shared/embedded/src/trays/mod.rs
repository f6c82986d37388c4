//! All queues as they stand in memory. Only what must outlive the process is in the table.

mod alarm;
mod shelf;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use jiff::Timestamp;
use kontor_flow::{Address, Queue};
use rusqlite::Connection;
use tokio::sync::Notify;

pub(crate) use alarm::{Alarm, Bell, until};
pub(crate) use shelf::{Content, Entry, Haul, Shelf, Taken};

use crate::errors::locked;
use crate::{Clock, micros};

/// Bytes of messages kept in memory until they are taken; beyond, they are read from the table.
const IN_MEMORY: usize = 64 * 1024 * 1024;

/// How many messages of one address are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// To be had at once.
    pub visible: usize,
    /// Taken, neither deleted nor visible again.
    pub in_flight: usize,
    /// Not yet to be seen.
    pub delayed: usize,
}

/// How many messages are where, for every address.
pub type Depths = BTreeMap<Address, Depth>;

/// The messages of one address, and who waits for them.
#[derive(Default)]
pub(crate) struct Tray {
    shelf: Mutex<Shelf>,
    /// A message became visible.
    pub(crate) arrived: Notify,
}

#[derive(Default)]
struct Pair {
    live: Tray,
    dead: Tray,
}

/// All queues.
pub(crate) struct Trays {
    events: Pair,
    erp: Pair,
    shops: Pair,
    mail: Pair,
    max_strikes: u32,
    last_id: AtomicI64,
    last_taking: AtomicU64,
    in_memory: AtomicUsize,
    bell: Bell,
}

/// A message that is written, and then to be seen.
pub(crate) struct Parcel {
    pub(crate) to: Address,
    pub(crate) id: i64,
    pub(crate) visible_at: i64,
    pub(crate) content: Content,
    /// The words beside it, as they are written.
    pub(crate) words: Option<String>,
}

impl Trays {
    /// The queues as an earlier process left them: what it had taken is visible.
    pub(crate) fn load(db: &Connection, max_strikes: u32, clock: &Clock) -> rusqlite::Result<Self> {
        let trays = Self {
            events: Pair::default(),
            erp: Pair::default(),
            shops: Pair::default(),
            mail: Pair::default(),
            max_strikes,
            last_id: AtomicI64::new(0),
            last_taking: AtomicU64::new(0),
            in_memory: AtomicUsize::new(0),
            bell: Bell::default(),
        };
        let now = micros(clock());
        let mut find =
            db.prepare("SELECT id, address, visible_at, receives, strikes FROM messages ORDER BY id")?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let (id, address): (i64, String) = (row.get(0)?, row.get(1)?);
            trays.last_id.store(id, Ordering::Relaxed);
            let Some(address) = addresses().find(|a| a.to_string() == address) else {
                tracing::error!(id, address, "a message lies in a queue that this version does not know");
                continue;
            };
            let entry = Entry {
                visible_at: row.get(2)?,
                // The first taking in a process's own life is not written. Whoever takes this may be the second.
                receives: row.get::<_, u32>(3)?.max(1),
                strikes: row.get(4)?,
                taking: 0,
                taken: false,
                left_behind: true,
                content: None,
            };
            trays.put(address, id, entry, now);
        }
        drop(rows);
        drop(find);
        Ok(trays)
    }

    /// The tray of `address`.
    pub(crate) fn tray(&self, address: Address) -> &Tray {
        let (Address::Live(queue) | Address::Dead(queue)) = address;
        let pair = match queue {
            Queue::Events => &self.events,
            Queue::Erp => &self.erp,
            Queue::Shops => &self.shops,
            Queue::Mail => &self.mail,
        };
        match address {
            Address::Live(_) => &pair.live,
            Address::Dead(_) => &pair.dead,
        }
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bell
    }

    /// A new id for a message. Never used twice by this process.
    pub(crate) fn new_id(&self) -> i64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Shows messages that are on the disk now.
    pub(crate) fn show(&self, parcels: Vec<Parcel>, now: i64) {
        for Parcel { to: address, id, visible_at, content, .. } in parcels {
            let bytes = content.body.len();
            let fits = self.in_memory.fetch_add(bytes, Ordering::Relaxed) < IN_MEMORY;
            if !fits {
                self.in_memory.fetch_sub(bytes, Ordering::Relaxed);
            }
            let entry = Entry {
                visible_at,
                receives: 0,
                strikes: 0,
                taking: 0,
                taken: false,
                left_behind: false,
                content: fits.then_some(content),
            };
            self.put(address, id, entry, now);
        }
    }

    fn put(&self, address: Address, id: i64, entry: Entry, now: i64) {
        let tray = self.tray(address);
        let visible_at = entry.visible_at;
        locked(&tray.shelf).put(id, entry, now);
        if visible_at <= now { tray.arrived.notify_one() } else { self.bell.set(visible_at) }
    }

    /// Takes messages that are visible at `now`; they are not to be seen before `visible_at`.
    pub(crate) fn take(&self, address: Address, max: usize, now: i64, visible_at: i64) -> Haul {
        let max_strikes = match address {
            Address::Live(_) => self.max_strikes,
            Address::Dead(_) => u32::MAX,
        };
        let tray = self.tray(address);
        let number = || self.last_taking.fetch_add(1, Ordering::Relaxed) + 1;
        let mut shelf = locked(&tray.shelf);
        shelf.promote(now);
        let haul = shelf.take(max, visible_at, max_strikes, number);
        let (more, next) = (shelf.has_ready(), shelf.next());
        drop(shelf);
        if more {
            tray.arrived.notify_one();
        }
        if let Some(next) = next {
            self.bell.set(next);
        }
        let bytes =
            haul.good.iter().chain(&haul.spent).filter_map(|t| t.content.as_ref()).map(|c| c.body.len());
        self.in_memory.fetch_sub(bytes.sum(), Ordering::Relaxed);
        haul
    }

    /// Takes a message off its shelf, if `taking` was the last to take it.
    pub(crate) fn finish(&self, address: Address, id: i64, taking: u64) -> bool {
        let mut shelf = locked(&self.tray(address).shelf);
        shelf.held(id, taking).is_some() && shelf.forget(id).is_some()
    }

    /// Has a message become visible at `visible_at`; answers receives and strikes, if `taking` was the last to take it.
    pub(crate) fn delay(
        &self,
        address: Address,
        id: i64,
        taking: u64,
        visible_at: i64,
        now: i64,
    ) -> Option<(u32, u32)> {
        let tray = self.tray(address);
        let counts = locked(&tray.shelf).delay(id, taking, visible_at, now)?;
        if visible_at <= now {
            tray.arrived.notify_one()
        } else {
            self.bell.set(visible_at)
        }
        Some(counts)
    }

    /// The message `id` of the queue `from` now lies in its dead-letter queue, on the disk.
    pub(crate) fn buried(&self, from: Queue, id: i64, now: i64) {
        let moved = locked(&self.tray(Address::Live(from)).shelf).forget(id);
        if let Some(entry) = moved {
            let entry = Entry {
                visible_at: now,
                receives: 0,
                strikes: 0,
                taking: 0,
                taken: false,
                content: None,
                ..entry
            };
            self.put(Address::Dead(from), id, entry, now);
        }
    }

    /// Wakes who waits for messages that have become visible. Answers when the next one does.
    pub(crate) fn ring(&self, now: i64) -> Option<i64> {
        let ring = |address| {
            let tray = self.tray(address);
            let mut shelf = locked(&tray.shelf);
            shelf.promote(now);
            let (ready, next) = (shelf.has_ready(), shelf.next());
            drop(shelf);
            if ready {
                tray.arrived.notify_one();
            }
            next
        };
        addresses().filter_map(ring).min()
    }

    /// How many messages are where.
    pub(crate) fn depths(&self, now: Timestamp) -> Depths {
        let depth = |address| {
            let mut shelf = locked(&self.tray(address).shelf);
            shelf.promote(micros(now));
            let (visible, in_flight, delayed) = shelf.depth();
            (address, Depth { visible, in_flight, delayed })
        };
        addresses().map(depth).collect()
    }
}

fn addresses() -> impl Iterator<Item = Address> {
    Queue::ALL.into_iter().flat_map(|queue| [Address::Live(queue), Address::Dead(queue)])
}
