//! What can go wrong in a simulated world, how often, and how often it did.

use std::collections::BTreeMap;

use super::dice::Dice;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $chance:literal;)*) => {
        /// Something that goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every fault there is.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// It in words.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// How often in ten thousand occasions; 0 for what is not rolled for but follows from other faults.
            fn chance(self) -> u32 {
                match self { $(Self::$name => $chance),* }
            }
        }
    };
}

faults! {
    /// A process is killed at an await.
    Crash = "a process was killed at an await", 25;
    /// A record took longer than a worker may.
    CutOff = "a record was cut off by the time limit", 0;
    /// A message kills its worker each time.
    Poisonous = "a message killed its worker whenever it came", 2;
    /// Code of ours panics.
    Panic = "a worker panicked", 10;
    /// A worker whose clock is off works off a batch.
    Skew = "a batch was worked off by a clock that is minutes off", 0;
    /// The store turns a call away.
    Throttled = "the store turned a call away", 60;
    /// The store did it, and the answer is lost.
    Unanswered = "the store wrote, and its answer was lost", 60;
    /// A write found another version than it was made from.
    Conflict = "a conditional write found another version", 0;
    /// An index shows how it was before.
    StaleIndex = "an index lagged behind the table", 1500;
    /// A queue turns a send away.
    SendLost = "a queue took nothing of a send", 50;
    /// A queue takes a part of a send.
    SendHalf = "a queue took a part of a send", 50;
    /// A queue takes a send, and the answer is lost.
    SendUnanswered = "a queue took a send, and its answer was lost", 50;
    /// A message is there twice.
    Duplicated = "a message was delivered twice", 250;
    /// A message comes much later.
    Delayed = "a message came minutes or hours late", 150;
    /// A message overtakes an earlier one.
    Reordered = "a message overtook an earlier one", 0;
    /// A message is seen by another while it is worked on.
    Reappeared = "a message was visible to others while it was worked on", 80;
    /// A message comes again after its visibility timeout.
    Redelivered = "a message came again after its visibility timeout", 0;
    /// A deletion or a postponement is not done.
    NotSettled = "a settled message could not be deleted or postponed", 80;
    /// Dead letters are moved back by hand, with new ids.
    Redriven = "a dead letter was moved back with a new message id", 1500;
    /// A message was taken out too often and died.
    Exhausted = "a message was taken out too often, and the queue moved it away", 0;
    /// A shop got no 2xx and tells again.
    Resent = "a shop was not answered and told again", 0;
    /// The outside system can't be reached.
    Down = "an outside system could not be reached", 150;
    /// The outside system limits our rate.
    Limited = "an outside system limited our rate (429)", 150;
    /// The outside system did it, and the answer is lost.
    DoneUnanswered = "an outside system did the work, and its answer was lost", 150;
    /// The outside system does it after its caller has gone.
    DoneLate = "an outside system did the work after its caller had gone", 100;
    /// The outside system neither does it nor answers.
    NeverDone = "an outside system neither answered nor did the work", 80;
    /// The outside system is slow.
    Slow = "an outside system took up to a minute", 150;
    /// The outside system saw a concurrent change.
    Concurrent = "an outside system saw a concurrent change", 60;
    /// The outside system refuses for a while.
    Refused = "an outside system refused, and would not have later", 25;
    /// Our credentials don't work for a while.
    Denied = "an outside system did not let us in", 15;
    /// What was created is not found by searching for a while.
    Forgotten = "an outside system did not find what it had created a moment ago", 200;
    /// A delivery can't be read until the mapping is fixed.
    Unreadable = "a delivery could not be read", 0;
    /// The configuration has no flow for a moment.
    FlowGone = "a flow was not there", 15;
    /// A lease ran out and another took it over.
    LeaseLost = "a lease ran out, and another worker took it over", 0;
    /// A claim finds a lease held by another.
    Held = "a claim found the lease held by another", 0;
    /// A person replays a failure.
    Replayed = "a person replayed a failure", 0;
    /// A person discards a failure.
    Discarded = "a person discarded a failure", 0;
    /// The message of a command is gone: somebody emptied the queue, or it lay there for too long. Rolled for with dice of its
    /// own (`State::vanishes`).
    Vanished = "a command's message was gone", 0;
}

/// How often each fault strikes in one world.
#[derive(Debug, Clone)]
pub(super) struct Rates(BTreeMap<Fault, u32>);

impl Rates {
    /// Some faults not at all, some now and then, some often: different in every world.
    pub(super) fn rolled(dice: &mut Dice) -> Self {
        let mut rate = |fault: &Fault| (*fault, fault.chance() * dice.pick([0, 1, 1, 1, 2, 6]));
        Self(Fault::ALL.iter().map(&mut rate).collect())
    }

    pub(super) fn of(&self, fault: Fault) -> u32 {
        self.0.get(&fault).copied().unwrap_or(0)
    }
}

/// What happened in one world or in many.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How often each fault struck.
    pub faults: BTreeMap<Fault, u64>,
    /// How often a process was killed, by where it stood.
    pub crashes: BTreeMap<&'static str, u64>,
    /// Anything else worth counting.
    pub other: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Takes another one in.
    pub fn add(&mut self, other: &Self) {
        for (fault, count) in &other.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        for (mine, theirs) in [(&mut self.crashes, &other.crashes), (&mut self.other, &other.other)] {
            for (word, count) in theirs {
                *mine.entry(word).or_default() += count;
            }
        }
    }

    /// The faults that never struck.
    #[must_use]
    pub fn missing(&self) -> Vec<Fault> {
        Fault::ALL.iter().filter(|fault| !self.faults.contains_key(fault)).copied().collect()
    }
}
