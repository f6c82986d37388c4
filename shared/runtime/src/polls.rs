//! When which shop is asked for what: every few minutes what changed, by night how open orders stand, hourly for our webhooks.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kontor_connectors::Config;
use kontor_domain::ShopId;
use kontor_flow::ports::{Outgoing, Sender};
use kontor_flow::remedy::BoxError;
use kontor_flow::{Address, Inquiry, Message, Poll, Queue};

/// The hour of the night, UTC, in which open orders are compared.
const NIGHT: i8 = 3;

/// What is to be asked in the minute of `now`. Shops without access to their API are asked nothing.
#[must_use]
pub fn due(config: &Config, now: Timestamp) -> Vec<Poll> {
    let time = now.to_zoned(TimeZone::UTC).time();
    let minutes = now.as_second() / 60;
    let mut polls = Vec::new();
    for shop in config.shops.iter().filter(|shop| shop.has_access()) {
        let mut ask = |what| polls.push(Poll { shop: shop.id.clone(), what });
        let every = i64::from(shop.asked_every());
        if every > 0 && minutes % every == 0 {
            ask(Inquiry::Changed);
        }
        // Not all shops in the same minute.
        if time.minute() == own_minute(&shop.id) {
            ask(Inquiry::Hooks);
            if time.hour() == NIGHT {
                ask(Inquiry::Open);
            }
        }
    }
    polls
}

/// What is to be asked after a pause of unknown length: of every shop what changed.
#[must_use]
pub fn all_changed(config: &Config) -> Vec<Poll> {
    let asked = config.shops.iter().filter(|shop| shop.has_access() && shop.asked_every() > 0);
    asked.map(|shop| Poll { shop: shop.id.clone(), what: Inquiry::Changed }).collect()
}

/// A minute of the hour that is always the same for a shop.
fn own_minute(shop: &ShopId) -> i8 {
    let sum = shop.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    i8::try_from(sum % 60).unwrap_or(0)
}

/// Has them asked.
///
/// # Errors
/// If a message can't be written, or the queue is not there.
pub async fn send(sender: &dyn Sender, polls: Vec<Poll>) -> Result<usize, BoxError> {
    let messages: Result<Vec<_>, _> =
        polls.into_iter().map(|poll| Message::Poll(poll).encode().map(Outgoing::now)).collect();
    let messages = messages?;
    let count = messages.len();
    if count > 0 {
        sender.send(Address::Live(Queue::Shops), messages).await?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: &str) -> Config {
        let yaml = format!(
            "shops:\n\
             - {{ id: woo, kind: woocommerce, url: 'https://shop.example', flow: standard, \
             webhook_secrets: ['env:A'], api: {{ key: 'env:B', secret: 'env:C' }}, payments: {{ bacs: prepayment }}{extra} }}\n\
             - {{ id: mute, kind: shopify, url: 'https://x.myshopify.com', flow: standard, \
             webhook_secrets: ['env:A'], payments: {{ bacs: prepayment }} }}\n\
             erp: {{ url: 'https://t.weclapp.com', token: 'env:D', gross_channel: GROSS1, \
             articles: {{ shipping: S, fee: F, discount: D, rounding: R }} }}\n"
        );
        Config::parse("kontor.yaml", &yaml).unwrap()
    }

    fn asked(config: &Config, from: &str, minutes: i64) -> (usize, usize, usize) {
        let from: Timestamp = from.parse().unwrap();
        let mut count = (0, 0, 0);
        for minute in 0..minutes {
            for poll in due(config, from + jiff::SignedDuration::from_mins(minute)) {
                assert_eq!(poll.shop.as_str(), "woo", "who has no API access can't be asked");
                match poll.what {
                    Inquiry::Changed => count.0 += 1,
                    Inquiry::Open => count.1 += 1,
                    Inquiry::Hooks => count.2 += 1,
                }
            }
        }
        count
    }

    #[test]
    fn a_day_of_polls() {
        let day = ("2026-11-21T00:00:30Z", 24 * 60);
        assert_eq!(asked(&config(""), day.0, day.1), (288, 1, 24));
        assert_eq!(asked(&config(", poll_minutes: 1"), day.0, day.1), (1440, 1, 24));
        assert_eq!(asked(&config(", poll_minutes: 0"), day.0, day.1), (0, 1, 24));
        assert_eq!(all_changed(&config("")).len(), 1);
    }
}
