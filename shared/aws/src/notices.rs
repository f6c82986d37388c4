//! Calls to the admin, through an SNS topic.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use kontor_flow::ports::{Notifier, StoreError};

use crate::errors::failed;

/// SNS takes subjects of less than 100 characters (SNS API reference, Publish).
const LONGEST_SUBJECT: usize = 99;
/// SNS takes 256 KiB in all; the rest is left to the subject.
const LONGEST_TEXT: usize = 255 * 1024;

/// The topic that calls the admin.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic of that ARN.
    #[must_use]
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }
}

#[async_trait]
impl Notifier for Topic {
    async fn notify(&self, subject: &str, text: &str) -> Result<(), StoreError> {
        let text = if text.is_empty() { subject } else { text };
        let publish = self.client.publish().topic_arn(&self.arn).subject(plain(subject)).message(cut(text));
        let done = publish.send().await;
        done.map(|_| ()).map_err(|e| failed("topic", "Publish", "a notice", &e))
    }
}

/// The subject as SNS takes it: ASCII without line breaks, not beginning with a blank.
fn plain(subject: &str) -> String {
    let ascii = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let plain: String = subject.trim().chars().map(ascii).take(LONGEST_SUBJECT).collect();
    if plain.is_empty() { "Kontor".to_owned() } else { plain }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_as_sns_takes_them() {
        assert_eq!(plain(" Bestellung für\nKöln "), "Bestellung f?r?K?ln");
        assert_eq!(plain(&"x".repeat(200)).len(), 99);
        assert_eq!(plain(" "), "Kontor");
        assert_eq!(cut(&"ü".repeat(200_000)).len(), LONGEST_TEXT);
    }
}
