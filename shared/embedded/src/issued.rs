//! Commands that this process itself asked for, until their first attempt has ended: nobody can have tried them before,
//! and what this process is about, it knows without the disk.
//!
//! A command is in here from the commit that asked for it first to the end of its first claim. From then on its row in
//! the table speaks for it. What a killed process had in here is in no row: a command that is neither here nor there may
//! have been tried by an earlier process, and is looked for before anything is created.
//!
//! Commands go in and out on the writing thread alone, after its commits; only the first claim is made by its caller.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use crate::errors::locked;

/// Commands kept that nobody has claimed yet. What is beyond is forgotten, which costs a look-up when it is claimed.
const KEPT: usize = 50_000;

/// Who claimed a command first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) owner: String,
    /// In microseconds, as all times here.
    pub(crate) since: i64,
    pub(crate) until: i64,
}

/// What is known of a command without asking the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum First {
    /// It is the claimant's, and nobody has tried it before.
    Ours,
    /// Another has claimed it until then.
    Others {
        /// In microseconds.
        until: i64,
    },
    /// The table knows more.
    Elsewhere,
}

/// Commands asked for in this process's life whose first attempt has not ended.
#[derive(Default)]
pub(crate) struct Issued(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By command; without a holder while nobody has claimed it.
    commands: HashMap<String, Option<Held>>,
    /// In the order they were asked for; may name some that are gone.
    asked: VecDeque<String>,
    /// Commands in the table whose holder is at an end with them and could not write that down: by whom, held until when.
    let_go: HashMap<String, (String, i64)>,
}

impl Issued {
    /// These were asked for, for the first time ever. To be called by the writing thread after the commit.
    pub(crate) fn asked(&self, ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        let mut guard = locked(&self.0);
        let kept = &mut *guard;
        for id in ids {
            kept.commands.entry(id.clone()).or_insert(None);
            kept.asked.push_back(id);
        }
        while kept.asked.len() > KEPT {
            let Some(oldest) = kept.asked.pop_front() else { break };
            if kept.commands.get(&oldest).is_some_and(Option::is_none) {
                kept.commands.remove(&oldest);
            }
        }
    }

    /// Claims `id` for `claimant`, if nobody has claimed it yet.
    pub(crate) fn claim(&self, id: &str, claimant: Held) -> First {
        let mut guard = locked(&self.0);
        let Some(holder) = guard.commands.get_mut(id) else { return First::Elsewhere };
        match holder {
            None => {
                *holder = Some(claimant);
                First::Ours
            }
            // The same claim once more: its first answer was lost.
            Some(held) if held.owner == claimant.owner => First::Ours,
            Some(held) if held.until > claimant.since => First::Others { until: held.until },
            Some(_) => First::Elsewhere,
        }
    }

    /// Who made the first claim on `id`, if it has not ended.
    pub(crate) fn holder(&self, id: &str) -> Option<Held> {
        locked(&self.0).commands.get(id)?.clone()
    }

    /// `owner` is at an end with `id`, and how it ended could not be written (a full disk). Its lease would be held for
    /// long by nobody; from now on it is held until `until` at most.
    pub(crate) fn let_go(&self, id: &str, owner: &str, until: i64) {
        let mut kept = locked(&self.0);
        match kept.commands.get_mut(id) {
            Some(Some(held)) if held.owner == owner => held.until = held.until.min(until),
            Some(_) | None => {
                kept.let_go.insert(id.to_owned(), (owner.to_owned(), until));
            }
        }
    }

    /// Until when `owner` holds `id`, which the table says is `until`.
    pub(crate) fn held_until(&self, id: &str, owner: &str, until: i64) -> i64 {
        match locked(&self.0).let_go.get(id) {
            Some((by, at)) if by == owner => until.min(*at),
            Some(_) | None => until,
        }
    }

    /// From now on the table speaks for `id`. To be called by the writing thread after the commit.
    pub(crate) fn ended(&self, id: &str) {
        let mut kept = locked(&self.0);
        kept.commands.remove(id);
        kept.let_go.remove(id);
    }

    /// What nobody has claimed, at the end of the process.
    pub(crate) fn unclaimed(&self) -> Vec<String> {
        let kept = locked(&self.0);
        let unclaimed = kept.commands.iter().filter(|(_, holder)| holder.is_none());
        unclaimed.map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(owner: &str, since: i64) -> Held {
        Held { owner: owner.to_owned(), since, until: since + 60 }
    }

    #[test]
    fn only_the_first_claim_of_what_was_asked_for_is_answered_here() {
        let issued = Issued::default();
        assert_eq!(issued.claim("a", by("x", 0)), First::Elsewhere);
        issued.asked(vec!["a".to_owned()]);
        assert_eq!(issued.claim("a", by("x", 0)), First::Ours);
        assert_eq!(issued.claim("a", by("x", 1)), First::Ours, "the same claim once more");
        issued.asked(vec!["a".to_owned()]);
        assert_eq!(
            issued.claim("a", by("y", 59)),
            First::Others { until: 60 },
            "asked for twice changes nothing"
        );
        assert_eq!(issued.claim("a", by("y", 60)), First::Elsewhere, "what has expired is for the table");
        assert_eq!(issued.holder("a"), Some(by("x", 0)));
        issued.ended("a");
        assert_eq!(issued.claim("a", by("z", 0)), First::Elsewhere);
    }

    #[test]
    fn what_is_claimed_is_never_forgotten() {
        let issued = Issued::default();
        issued.asked(vec!["claimed".to_owned(), "unclaimed".to_owned()]);
        assert_eq!(issued.claim("claimed", by("x", 0)), First::Ours);
        issued.asked((0..KEPT).map(|n| n.to_string()).collect());
        assert_eq!(issued.claim("claimed", by("y", 1)), First::Others { until: 60 });
        assert_eq!(issued.claim("unclaimed", by("y", 1)), First::Elsewhere);
        assert_eq!(issued.unclaimed().len(), KEPT);
        assert!(locked(&issued.0).asked.len() <= KEPT);
    }
}
