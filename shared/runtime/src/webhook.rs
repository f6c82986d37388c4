//! Webhooks: prove, wrap, enqueue, answer. Nothing else: 2xx means stored durably.

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use kontor_connectors::{Delivery, Gate, HintError, HintGate, ProofError, Proven};
use kontor_flow::message::{LONGEST_BODY, MessageError};
use kontor_flow::ports::{Outgoing, Sender};
use kontor_flow::remedy::chain;
use kontor_flow::{Address, Message, Queue};
use secrecy::SecretString;

/// The longest hint that is read, in bytes.
pub const LONGEST_HINT: usize = 64 * 1024;

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Stored durably (or an unsigned test call, to which nothing has to be stored).
    Accepted,
    /// It is no notice, or names no topic.
    BadRequest,
    /// Not signed by a known shop. The same for an unknown shop and a wrong signature.
    Unauthorized,
    /// More than a queue takes.
    TooLarge,
    /// The queue is not there: try again.
    Unavailable,
}

impl Reply {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Accepted => 200,
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::TooLarge => 413,
            Self::Unavailable => 503,
        }
    }

    /// The body: a sentence for whoever looks at the shop's log of webhooks.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::BadRequest => "this is no webhook that Kontor knows",
            Self::Unauthorized => {
                "the signature or the address of this webhook is wrong; compare its secret with Kontor's"
            }
            Self::TooLarge => "this delivery is larger than Kontor takes",
            Self::Unavailable => "Kontor cannot store this delivery now; please send it again",
        }
    }
}

/// Takes a delivery for the shop named `shop` in the path.
pub async fn receive(
    gate: &Gate,
    sender: &dyn Sender,
    shop: &str,
    headers: HeaderMap,
    body: Bytes,
    now: Timestamp,
) -> Reply {
    receive_delivery(gate, sender, shop, Delivery::new(headers, body, now)).await
}

/// Takes a delivery with everything that is known of it.
pub async fn receive_delivery(gate: &Gate, sender: &dyn Sender, shop: &str, delivery: Delivery) -> Reply {
    receive_with(gate, sender, shop, delivery, &[]).await
}

/// The same, with secrets that the shop handed to us.
pub async fn receive_with(
    gate: &Gate,
    sender: &dyn Sender,
    shop: &str,
    delivery: Delivery,
    handed: &[SecretString],
) -> Reply {
    let reply = take(gate, sender, shop, delivery, handed).await;
    metrics::counter!("deliveries", "status" => reply.status().to_string()).increment(1);
    reply
}

async fn take(
    gate: &Gate,
    sender: &dyn Sender,
    shop: &str,
    delivery: Delivery,
    handed: &[SecretString],
) -> Reply {
    if delivery.length() > LONGEST_BODY {
        return Reply::TooLarge;
    }
    let verified = match gate.prove_with(shop, delivery, handed) {
        Ok(Proven::Event(verified)) => verified,
        Ok(Proven::Ping) => return Reply::Accepted,
        Err(error) => {
            let (kind, shop) = (gate.kind.as_str(), harmless(shop));
            tracing::warn!(kind, shop, cause = %error, "delivery is refused");
            return match error {
                ProofError::Unknown | ProofError::Missing | ProofError::Wrong | ProofError::Stale => {
                    Reply::Unauthorized
                }
                ProofError::NoTopic => Reply::BadRequest,
            };
        }
    };
    enqueue(sender, gate.kind.deliveries_to(), &Message::Delivery(verified.into_envelope())).await
}

/// What a stranger wrote where a shop's id belongs, as far as it could be one.
fn harmless(shop: &str) -> String {
    let in_name = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-' || *c == '_';
    shop.chars().filter(in_name).take(32).collect()
}

/// Takes a hint of the ERP, on a path that ends with `secret`.
pub async fn receive_hint(gate: &HintGate, sender: &dyn Sender, secret: &str, body: &[u8]) -> Reply {
    if body.len() > LONGEST_HINT {
        return Reply::TooLarge;
    }
    match gate.read(secret, body) {
        Ok(hint) => enqueue(sender, Queue::Erp, &Message::Hint(hint)).await,
        Err(error @ HintError::Wrong) => {
            tracing::warn!(cause = %error, "hint is refused");
            Reply::Unauthorized
        }
        Err(error @ HintError::Unreadable(_)) => {
            tracing::warn!(cause = %chain(&error), "hint is refused");
            Reply::BadRequest
        }
    }
}

async fn enqueue(sender: &dyn Sender, queue: Queue, message: &Message) -> Reply {
    let body = match message.encode() {
        Ok(body) => body,
        Err(MessageError::TooLong(_)) => return Reply::TooLarge,
        Err(error) => {
            tracing::error!(cause = %chain(&error), "delivery cannot be wrapped");
            return Reply::Unavailable;
        }
    };
    match sender.send(Address::Live(queue), vec![Outgoing::now(body)]).await {
        Ok(()) => Reply::Accepted,
        Err(error) => {
            tracing::error!(queue = %queue, cause = %chain(&error), "delivery could not be stored");
            Reply::Unavailable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_is_logged_as_an_id_at_most() {
        assert_eq!(harmless("kaffee_2-x"), "kaffee_2-x");
        assert_eq!(harmless("a\nERROR Erika@example.org"), "arikaexampleorg");
        assert_eq!(harmless(&"a".repeat(100)).len(), 32);
    }
}
