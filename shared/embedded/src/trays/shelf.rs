//! The messages of one address, in memory: which is visible, which is not, and since when.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What a message says; not in memory for messages taken before, too many, or left behind by an earlier process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// A message as the shelf knows it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Not to be seen before, in microseconds.
    pub(crate) visible_at: i64,
    /// How often it was taken.
    pub(crate) receives: u32,
    /// How often of these ended neither in a delete nor in a delay.
    pub(crate) strikes: u32,
    /// The taking that holds it, or held it last: receipts of earlier ones are void.
    pub(crate) taking: u64,
    /// Whether it is in flight.
    pub(crate) taken: bool,
    /// Whether an earlier process left it behind.
    pub(crate) left_behind: bool,
    pub(crate) content: Option<Content>,
}

/// A message that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: i64,
    pub(crate) taking: u64,
    pub(crate) receives: u32,
    pub(crate) strikes: u32,
    pub(crate) left_behind: bool,
    pub(crate) content: Option<Content>,
}

/// What one taking brought.
#[derive(Debug, Default)]
pub(crate) struct Haul {
    /// To be handed out.
    pub(crate) good: Vec<Taken>,
    /// Taken too often: to be put into the dead-letter queue.
    pub(crate) spent: Vec<Taken>,
}

/// The messages of one address.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    entries: HashMap<i64, Entry>,
    /// Visible ones by the time they became so.
    ready: BTreeSet<(i64, i64)>,
    /// Delayed ones and those in flight by the time they become visible.
    waiting: BTreeSet<(i64, i64)>,
    in_flight: usize,
}

impl Shelf {
    /// Puts a message on the shelf.
    pub(crate) fn put(&mut self, id: i64, entry: Entry, now: i64) {
        self.forget(id);
        self.line_up(entry.visible_at, id, now);
        self.in_flight += usize::from(entry.taken);
        self.entries.insert(id, entry);
    }

    /// Moves what has become visible by `now` to the visible ones.
    pub(crate) fn promote(&mut self, now: i64) {
        while let Some(&(at, id)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.ready.insert((at, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                self.in_flight -= usize::from(std::mem::take(&mut entry.taken));
            }
        }
    }

    /// Takes at most `max` visible messages, those that have been visible for longest; they are not to be seen before
    /// `visible_at`. Those with `max_strikes` are put aside. `number` numbers the takings.
    pub(crate) fn take(
        &mut self,
        max: usize,
        visible_at: i64,
        max_strikes: u32,
        number: impl Fn() -> u64,
    ) -> Haul {
        let mut haul = Haul::default();
        while haul.good.len() < max
            && let Some((_, id)) = self.ready.pop_first()
        {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let spent = entry.strikes >= max_strikes;
            entry.visible_at = visible_at;
            entry.taking = number();
            entry.taken = true;
            entry.receives = entry.receives.saturating_add(1);
            entry.strikes = entry.strikes.saturating_add(1);
            let taken = Taken {
                id,
                taking: entry.taking,
                receives: entry.receives,
                strikes: entry.strikes,
                left_behind: entry.left_behind,
                content: entry.content.take(),
            };
            self.in_flight += 1;
            self.waiting.insert((visible_at, id));
            if spent { haul.spent.push(taken) } else { haul.good.push(taken) }
        }
        haul
    }

    /// The message, if `taking` was the last to take it.
    pub(crate) fn held(&mut self, id: i64, taking: u64) -> Option<&Entry> {
        self.entries.get(&id).filter(|entry| entry.taking == taking)
    }

    /// Has a message that was taken become visible at `visible_at`, the taking not counted as a strike. Answers
    /// receives and strikes.
    pub(crate) fn delay(&mut self, id: i64, taking: u64, visible_at: i64, now: i64) -> Option<(u32, u32)> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.taking == taking)?;
        let before = std::mem::replace(&mut entry.visible_at, visible_at);
        if std::mem::take(&mut entry.taken) {
            self.in_flight -= 1;
            entry.strikes = entry.strikes.saturating_sub(1);
        }
        let counts = (entry.receives, entry.strikes);
        self.waiting.remove(&(before, id));
        self.ready.remove(&(before, id));
        self.line_up(visible_at, id, now);
        Some(counts)
    }

    /// Takes a message off the shelf.
    pub(crate) fn forget(&mut self, id: i64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.waiting.remove(&(entry.visible_at, id));
        self.ready.remove(&(entry.visible_at, id));
        self.in_flight -= usize::from(entry.taken);
        Some(entry)
    }

    /// Whether there is something to take.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next message becomes visible.
    pub(crate) fn next(&self) -> Option<i64> {
        self.waiting.first().map(|&(at, _)| at)
    }

    /// Visible, in flight, delayed.
    pub(crate) fn depth(&self) -> (usize, usize, usize) {
        (self.ready.len(), self.in_flight, self.waiting.len().saturating_sub(self.in_flight))
    }

    fn line_up(&mut self, visible_at: i64, id: i64, now: i64) {
        if visible_at <= now {
            self.ready.insert((visible_at, id));
        } else {
            self.waiting.insert((visible_at, id));
        }
    }
}
