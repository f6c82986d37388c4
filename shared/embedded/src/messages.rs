//! The queues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kontor_flow::ports::{Delayer, Letter, Outgoing, Received, Receiver, Sender, StoreError};
use kontor_flow::{Address, FailureClass, Queue};
use rusqlite::{Connection, OptionalExtension, params};

use crate::errors::{corrupt, place, refused, sqlite};
use crate::trays::{Content, Parcel, Taken, until};
use crate::writer::Late;
use crate::{Engine, micros};

/// The longest message with its attributes, in bytes, as on SQS: a queue that works here must work there.
const LONGEST: usize = 1024 * 1024;
/// Words beside a message, as on SQS.
const MOST_ATTRIBUTES: usize = 10;

#[async_trait]
impl Sender for Engine {
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let letters = messages.into_iter().map(|message| Letter { to, message }).collect();
        let parcels = self.parcels(letters)?;
        let memory = Arc::clone(&self.inner.memory);
        let work = move |db: &Connection| insert(db, &parcels).map(|()| parcels);
        let show = move |stored: Result<Vec<Parcel>, _>| stored.map(|parcels| memory.show(parcels));
        self.inner.writer.write("send messages", work, show).await
    }
}

impl Engine {
    /// The messages as they are written; refuses what no queue would take.
    pub(crate) fn parcels(&self, letters: Vec<Letter>) -> Result<Vec<Parcel>, StoreError> {
        letters.into_iter().map(|letter| self.parcel(letter)).collect()
    }

    fn parcel(&self, Letter { to, message }: Letter) -> Result<Parcel, StoreError> {
        let Outgoing { body, delay, mut attributes } = message;
        // SQS takes no empty value; reading a word that is not there comes to the same.
        attributes.retain(|_, value| !value.is_empty());
        let what = || format!("a message to {to}");
        let bytes =
            body.len() + attributes.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if bytes > LONGEST || body.is_empty() {
            return Err(refused(what(), format!("it has {bytes} bytes, 1 to {LONGEST} are allowed")));
        }
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(refused(what(), format!("it has more than {MOST_ATTRIBUTES} attributes")));
        }
        let words = if attributes.is_empty() { None } else { Some(words(&attributes)?) };
        let (id, visible_at) = (self.inner.trays.new_id(), until(self.now(), delay));
        Ok(Parcel { to, id, visible_at, content: Content { body, attributes }, words })
    }
}

fn words(attributes: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(attributes).map_err(|e| refused("the attributes of a message", place(&e)))
}

/// Writes messages into the table.
pub(crate) fn insert(db: &Connection, parcels: &[Parcel]) -> Result<(), StoreError> {
    if parcels.is_empty() {
        return Ok(());
    }
    let broken = sqlite("send messages");
    let mut put = db
        .prepare_cached(
            "INSERT INTO messages (id, address, visible_at, receives, strikes, attributes, body)
             VALUES (?1, ?2, ?3, 0, 0, ?4, ?5)",
        )
        .map_err(broken)?;
    for Parcel { to, id, visible_at, content, words } in parcels {
        put.execute(params![id, to.to_string(), visible_at, words, content.body]).map_err(broken)?;
    }
    Ok(())
}

#[async_trait]
impl Receiver for Engine {
    async fn receive(
        &self,
        from: Address,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, StoreError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let mut taken = self.take(from, max, visibility).await?;
        if taken.is_empty() && !wait.is_zero() {
            let patient = tokio::time::timeout(wait, self.take_patiently(from, max, visibility));
            taken = patient.await.unwrap_or_else(|_elapsed| Ok(Vec::new()))?;
        }
        self.hand_out(from, taken).await
    }

    async fn delete(&self, from: Address, receipts: Vec<String>) -> Result<(), StoreError> {
        let trays = &self.inner.trays;
        let ours = receipts.iter().filter_map(|receipt| read_receipt(receipt));
        let done: Vec<_> = ours.filter(|(id, taking)| trays.finish(from, *id, *taking)).collect();
        self.inner.writer.write_late(done.into_iter().map(|(id, _)| Late::Delete { id }));
        Ok(())
    }
}

#[async_trait]
impl Delayer for Engine {
    async fn delay(&self, from: Address, receipt: &str, after: Duration) -> Result<(), StoreError> {
        let Some((id, taking)) = read_receipt(receipt) else { return Ok(()) };
        let now = self.now();
        let at = until(now, after);
        if let Some((receives, strikes)) = self.inner.trays.delay(from, id, taking, at, micros(now)) {
            self.inner.writer.write_late([Late::Count { id, visible_at: Some(at), receives, strikes }]);
        }
        Ok(())
    }
}

fn receipt(taken: &Taken) -> String {
    format!("{}.{}", taken.id, taken.taking)
}

fn read_receipt(receipt: &str) -> Option<(i64, u64)> {
    let (id, taking) = receipt.split_once('.')?;
    Some((id.parse().ok()?, taking.parse().ok()?))
}

impl Engine {
    /// Waits for messages. May be given up at any time: what was taken by then is visible again after `visibility`.
    async fn take_patiently(
        &self,
        from: Address,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Taken>, StoreError> {
        loop {
            // A message that comes between the taking and the waiting has left its permit.
            self.inner.trays.tray(from).arrived.notified().await;
            let taken = self.take(from, max, visibility).await?;
            if !taken.is_empty() {
                return Ok(taken);
            }
        }
    }

    /// Takes what is visible, and puts aside what was taken too often.
    async fn take(&self, from: Address, max: usize, visibility: Duration) -> Result<Vec<Taken>, StoreError> {
        let now = self.now();
        let haul = self.inner.trays.take(from, max, micros(now), until(now, visibility));
        if let (Address::Live(queue), false) = (from, haul.spent.is_empty()) {
            self.bury(queue, haul.spent.iter().map(|taken| taken.id).collect()).await?;
        }
        Ok(haul.good)
    }

    async fn bury(&self, queue: Queue, ids: Vec<i64>) -> Result<(), StoreError> {
        tracing::warn!(%queue, messages = ids.len(), "messages were taken too often, they go to the dead-letter queue");
        let trays = Arc::clone(&self.inner.trays);
        let now = micros(self.now());
        let work = move |db: &Connection| {
            for id in &ids {
                bury(db, queue, *id, now)?;
            }
            Ok(ids)
        };
        let show = move |ids: Result<Vec<i64>, StoreError>| {
            ids.map(|ids| ids.into_iter().for_each(|id| trays.buried(queue, id, now)))
        };
        self.inner.writer.write("bury messages", work, show).await
    }

    /// Makes what was taken ready to be handed out. If that fails, it is visible again at once.
    async fn hand_out(&self, from: Address, taken: Vec<Taken>) -> Result<Vec<Received>, StoreError> {
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let receipts: Vec<_> = taken.iter().map(|taken| (taken.id, taken.taking)).collect();
        let ready = self.ready(taken).await;
        if ready.is_err() {
            let now = micros(self.now());
            for (id, taking) in receipts {
                self.inner.trays.delay(from, id, taking, now, now);
            }
        }
        ready
    }

    async fn ready(&self, taken: Vec<Taken>) -> Result<Vec<Received>, StoreError> {
        self.count(&taken).await?;
        let missing: Vec<_> = taken.iter().filter(|t| t.content.is_none()).map(|t| t.id).collect();
        let mut read = self.read(missing).await?;
        let whole = |taken: Taken| {
            let receipt = receipt(&taken);
            let content = taken.content.or_else(|| read.remove(&taken.id))?;
            let Content { body, attributes } = content;
            Some(Received { id: taken.id.to_string(), receipt, body, attributes, receives: taken.receives })
        };
        Ok(taken.into_iter().filter_map(whole).collect())
    }

    /// Writes down how often the messages were taken: before they are handed out if an earlier process left them
    /// behind (one of them may have killed it), else late; and not at all the first time.
    async fn count(&self, taken: &[Taken]) -> Result<(), StoreError> {
        let count =
            |t: &Taken| Late::Count { id: t.id, visible_at: None, receives: t.receives, strikes: t.strikes };
        self.inner.writer.write_late(taken.iter().filter(|t| t.receives > 1 || t.left_behind).map(count));
        if taken.iter().any(|taken| taken.left_behind) {
            // The late writes are the first thing in every commit.
            self.inner.writer.write("count receives", |_| Ok(()), |done| done).await?;
        }
        Ok(())
    }

    async fn read(&self, ids: Vec<i64>) -> Result<BTreeMap<i64, Content>, StoreError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let read = move |db: &Connection| {
            let contents = ids.into_iter().map(|id| Ok(content(db, id)?.map(|content| (id, content))));
            contents.filter_map(Result::transpose).collect()
        };
        self.inner.readers.read("read messages", read).await
    }
}

fn content(db: &Connection, id: i64) -> Result<Option<Content>, StoreError> {
    let row: Option<(String, Option<String>)> = db
        .prepare_cached("SELECT body, attributes FROM messages WHERE id = ?1")
        .and_then(|mut find| find.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(sqlite("read messages"))?;
    let Some((body, words)) = row else {
        tracing::error!(id, "a message that was to be handed out is not in the table");
        return Ok(None);
    };
    Ok(Some(Content { body, attributes: attributes(words.as_deref())? }))
}

fn attributes(words: Option<&str>) -> Result<BTreeMap<String, String>, StoreError> {
    let Some(words) = words else { return Ok(BTreeMap::new()) };
    serde_json::from_str(words).map_err(|e| corrupt("the attributes of a message", &e))
}

fn bury(db: &Connection, queue: Queue, id: i64, now: i64) -> Result<(), StoreError> {
    let broken = sqlite("bury messages");
    let had: Option<Option<String>> = db
        .prepare_cached("SELECT attributes FROM messages WHERE id = ?1")
        .and_then(|mut find| find.query_row([id], |row| row.get(0)).optional())
        .map_err(broken)?;
    let Some(had) = had else { return Ok(()) };
    let mut attributes = attributes(had.as_deref())?;
    attributes.insert("class".to_owned(), FailureClass::Crash.as_str().to_owned());
    let (address, words) = (Address::Dead(queue).to_string(), words(&attributes)?);
    db.prepare_cached(
        "UPDATE messages SET address = ?2, attributes = ?3, visible_at = ?4, receives = 0, strikes = 0 WHERE id = ?1",
    )
    .and_then(|mut bury| bury.execute(params![id, address, words, now]))
    .map_err(broken)?;
    Ok(())
}
