//! Queues on SQS.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use futures_util::future::try_join_all;
use kontor_flow::Address;
use kontor_flow::ports::{Delayer, Outgoing, Received, Receiver, Sender, StoreError};

use crate::errors::{failed, refused};

const QUEUE: &str = "queue";

/// Messages in one request.
const TOGETHER: usize = 10;
/// Bytes in one request and in one message, attributes included.
const LONGEST: usize = 1024 * 1024;
/// Words beside a message.
const MOST_ATTRIBUTES: usize = 10;
/// The longest delay of a new message.
const LONGEST_DELAY: Duration = Duration::from_secs(900);
/// The longest a message is put off: SQS counts twelve hours from its receipt, and it may have been worked on for up to
/// a quarter of an hour (the longest run of a function).
const LONGEST_PUT_OFF: Duration = Duration::from_secs(12 * 3600 - 900);
/// The longest wait for a message.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Attempts at entries of a request that SQS itself failed to do.
const TRIES: u32 = 3;

/// Where the queues are. A function has the URLs of those it may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueUrls(pub BTreeMap<Address, String>);

impl FromIterator<(Address, String)> for QueueUrls {
    fn from_iter<T: IntoIterator<Item = (Address, String)>>(urls: T) -> Self {
        Self(urls.into_iter().collect())
    }
}

/// The queues.
#[derive(Debug, Clone)]
pub struct Queues {
    client: Client,
    urls: QueueUrls,
}

impl Queues {
    /// The queues at `urls`.
    #[must_use]
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    fn url(&self, address: Address, call: &'static str) -> Result<&str, StoreError> {
        let unknown = || unavailable(call, format!("the URL of the queue {address} is not configured"));
        self.urls.0.get(&address).map(String::as_str).ok_or_else(unknown)
    }
}

fn unavailable(call: &'static str, why: String) -> StoreError {
    StoreError::Unavailable { store: QUEUE, call, source: why.into() }
}

#[async_trait]
impl Sender for Queues {
    /// A delay of more than 15 minutes is one of 15 minutes: SQS has no longer ones.
    async fn send(&self, to: Address, messages: Vec<Outgoing>) -> Result<(), StoreError> {
        let url = self.url(to, "SendMessageBatch")?;
        let parcels = parcels(to, messages)?;
        try_join_all(parcels.into_iter().map(|parcel| self.send_parcel(to, url, parcel))).await?;
        Ok(())
    }
}

/// Entries for one request each: at most ten, and at most so many bytes.
fn parcels(
    to: Address,
    messages: Vec<Outgoing>,
) -> Result<Vec<Vec<SendMessageBatchRequestEntry>>, StoreError> {
    let mut parcels = Vec::new();
    let (mut parcel, mut filled) = (Vec::new(), 0);
    for (n, message) in messages.into_iter().enumerate() {
        let (entry, bytes) = entry(to, n, message)?;
        if parcel.len() == TOGETHER || filled + bytes > LONGEST {
            parcels.push(std::mem::take(&mut parcel));
            filled = 0;
        }
        filled += bytes;
        parcel.push(entry);
    }
    if !parcel.is_empty() {
        parcels.push(parcel);
    }
    Ok(parcels)
}

fn entry(
    to: Address,
    n: usize,
    message: Outgoing,
) -> Result<(SendMessageBatchRequestEntry, usize), StoreError> {
    let what = || format!("a message to {to}");
    let mut bytes = message.body.len();
    let mut attributes = HashMap::new();
    // SQS takes no empty value; reading a word that is not there comes to the same.
    for (name, value) in message.attributes.into_iter().filter(|(_, value)| !value.is_empty()) {
        let value: String = value.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
        bytes += name.len() + value.len() + "String".len();
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        attributes.insert(name, value.map_err(|e| refused(what(), e))?);
    }
    if bytes > LONGEST || message.body.is_empty() {
        return Err(refused(what(), format!("it has {bytes} bytes, 1 to {LONGEST} are allowed")));
    }
    if attributes.len() > MOST_ATTRIBUTES {
        return Err(refused(what(), format!("it has more than {MOST_ATTRIBUTES} attributes")));
    }
    let entry = SendMessageBatchRequestEntry::builder()
        .id(n.to_string())
        .message_body(message.body)
        .delay_seconds(seconds(message.delay.min(LONGEST_DELAY)))
        .set_message_attributes((!attributes.is_empty()).then_some(attributes))
        .build();
    Ok((entry.map_err(|e| refused(what(), e))?, bytes))
}

/// What SQS lets into bodies and attributes (API reference, SendMessage).
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// Whole seconds, rounded up: not before so long.
fn seconds(duration: Duration) -> i32 {
    let up = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(up).unwrap_or(i32::MAX)
}

impl Queues {
    async fn send_parcel(
        &self,
        to: Address,
        url: &str,
        mut parcel: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<(), StoreError> {
        let call = "SendMessageBatch";
        let what = format!("a message to {to}");
        let mut tries = 1;
        loop {
            let request = self.client.send_message_batch().queue_url(url).set_entries(Some(parcel.clone()));
            let answer = request.send().await.map_err(|e| failed(QUEUE, call, &what, &e))?;
            let failures = answer.failed();
            if let Some(fault) = failures.iter().find(|failure| failure.sender_fault()) {
                return Err(refused(what, said(fault)));
            }
            let Some(failure) = failures.first() else { return Ok(()) };
            if tries == TRIES {
                return Err(unavailable(call, said(failure)));
            }
            parcel.retain(|entry| failures.iter().any(|failure| failure.id() == entry.id()));
            tokio::time::sleep(Duration::from_millis(50 << tries)).await;
            tries += 1;
        }
    }
}

fn said(failure: &BatchResultErrorEntry) -> String {
    format!("{}: {}", failure.code(), failure.message().unwrap_or("no message"))
}

#[async_trait]
impl Receiver for Queues {
    /// SQS gives at most ten at a time, after at most twenty seconds.
    async fn receive(
        &self,
        from: Address,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, StoreError> {
        let call = "ReceiveMessage";
        if max == 0 {
            return Ok(Vec::new());
        }
        let receive = self
            .client
            .receive_message()
            .queue_url(self.url(from, call)?)
            .max_number_of_messages(i32::try_from(max.min(TOGETHER)).unwrap_or(1))
            .visibility_timeout(seconds(visibility))
            .wait_time_seconds(seconds(wait.min(LONGEST_WAIT)))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_attribute_names("All");
        let answer = receive.send().await.map_err(|e| failed(QUEUE, call, "messages", &e))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(received).collect())
    }

    async fn delete(&self, from: Address, receipts: Vec<String>) -> Result<(), StoreError> {
        let url = self.url(from, "DeleteMessageBatch")?;
        try_join_all(receipts.chunks(TOGETHER).map(|chunk| self.delete_parcel(url, chunk))).await?;
        Ok(())
    }
}

fn received(message: Message) -> Option<Received> {
    let receives =
        message.attributes.as_ref().and_then(|a| a.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    let receives = receives.and_then(|count| count.parse().ok()).unwrap_or(1);
    let words = message.message_attributes.unwrap_or_default().into_iter();
    Some(Received {
        id: message.message_id?,
        receipt: message.receipt_handle?,
        body: message.body.unwrap_or_default(),
        attributes: words.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        receives,
    })
}

/// Whether the code says that the receipt is no longer good, which is no error.
fn is_void(code: &str) -> bool {
    code.contains("ReceiptHandleIsInvalid")
        || code.contains("MessageNotInflight")
        || code.contains("InvalidIdFormat")
}

impl Queues {
    async fn delete_parcel(&self, url: &str, receipts: &[String]) -> Result<(), StoreError> {
        let call = "DeleteMessageBatch";
        let entry = |(n, receipt): (usize, &String)| {
            DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle(receipt).build()
        };
        let entries: Result<Vec<_>, _> = receipts.iter().enumerate().map(entry).collect();
        let mut entries = entries.map_err(|e| refused("receipts", e))?;
        let mut tries = 1;
        loop {
            let request =
                self.client.delete_message_batch().queue_url(url).set_entries(Some(entries.clone()));
            let answer = request.send().await.map_err(|e| failed(QUEUE, call, "messages", &e))?;
            let mut failures = answer.failed;
            failures.retain(|failure| !is_void(failure.code()));
            let Some(failure) = failures.first() else { return Ok(()) };
            if tries == TRIES {
                return Err(unavailable(call, said(failure)));
            }
            entries.retain(|entry| failures.iter().any(|failure| failure.id() == entry.id()));
            tokio::time::sleep(Duration::from_millis(50 << tries)).await;
            tries += 1;
        }
    }
}

#[async_trait]
impl Delayer for Queues {
    /// More than 11 ¾ hours are 11 ¾ hours: SQS hides a message for twelve at most.
    async fn delay(&self, from: Address, receipt: &str, after: Duration) -> Result<(), StoreError> {
        let call = "ChangeMessageVisibility";
        let change = self
            .client
            .change_message_visibility()
            .queue_url(self.url(from, call)?)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(after.min(LONGEST_PUT_OFF)));
        match change.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code().is_some_and(is_void) => Ok(()),
            // So SQS says that the message was deleted: it is in flight no longer.
            Err(error)
                if error.code() == Some("InvalidParameterValue")
                    && error.message().is_some_and(|message| message.contains("ReceiptHandle")) =>
            {
                Ok(())
            }
            Err(error) => Err(failed(QUEUE, call, "a message", &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kontor_flow::Queue;

    fn sizes(lengths: &[usize]) -> Vec<Vec<usize>> {
        let messages = lengths.iter().map(|n| Outgoing::now("x".repeat(*n))).collect();
        let parcels = parcels(Address::Live(Queue::Erp), messages).unwrap();
        parcels.iter().map(|parcel| parcel.iter().map(|entry| entry.message_body().len()).collect()).collect()
    }

    #[test]
    fn a_parcel_has_ten_messages_and_a_mebibyte() {
        assert_eq!(sizes(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes(&[5; 21]).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 1]);
        assert_eq!(sizes(&[LONGEST - 1, 1, 1]), [vec![LONGEST - 1, 1], vec![1]]);
        assert_eq!(sizes(&[LONGEST, 7, LONGEST]), [vec![LONGEST], vec![7], vec![LONGEST]]);
    }

    #[test]
    fn what_sqs_refuses_is_refused_before_anything_is_sent() {
        for length in [0, LONGEST + 1] {
            let messages = vec![Outgoing::now("good".to_owned()), Outgoing::now("x".repeat(length))];
            assert!(matches!(parcels(Address::Live(Queue::Erp), messages), Err(StoreError::Refused { .. })));
        }
    }

    #[test]
    fn times_are_rounded_up_and_capped() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(12 * 3600).min(LONGEST_PUT_OFF)), 42_300);
    }
}
