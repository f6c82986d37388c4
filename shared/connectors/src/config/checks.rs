//! What must hold of a configuration beyond its form.

use reqwest::Url;

use super::{Config, ErpConfig, MailConfig, ShopConfig, ShopKind};
use crate::reach::{Reach, is_here, literal};

/// The highest number of a sales channel (`salesChannel` in weclapp's contract: `GROSS1` to `GROSS300`, `NET1` to `NET300`).
const CHANNELS: u16 = 300;

/// A value that can't be worked with.
pub(super) struct Slip {
    /// Its path, as in `shops[0].url`.
    pub(super) path: String,
    /// What is wrong with it and what to do.
    pub(super) message: String,
}

/// Every slip of a configuration.
pub(super) fn slips(config: &Config) -> Vec<Slip> {
    let mut found = Vec::new();
    let mut say = |path: String, message: &str| found.push(Slip { path, message: message.to_owned() });
    if config.shops.is_empty() {
        say("shops".to_owned(), "no shop is connected; name at least one");
    }
    for (at, shop) in config.shops.iter().enumerate() {
        let mut say = |field: &str, message: &str| say(format!("shops[{at}].{field}"), message);
        if config.shops.iter().take(at).any(|other| other.id == shop.id) {
            say("id", "another shop has this id; ids are part of order keys and must differ");
        }
        of_shop(shop, &mut say);
    }
    of_erp(&config.erp, &mut |field, message| say(format!("erp.{field}"), message));
    if let Some(mail) = &config.mail {
        of_mail(mail, &mut |field, message| say(format!("mail.{field}"), message));
    }
    if let Some(why) = config.public_url.as_deref().and_then(|url| bad_url(url, true, false)) {
        found.push(Slip { path: "public_url".to_owned(), message: why.to_owned() });
    }
    if config.retention.as_ref().is_some_and(|retention| retention.orders_days == 0) {
        found.push(Slip {
            path: "retention.orders_days".to_owned(),
            message: "give one day at least; returns and invoices need the customer for longer".to_owned(),
        });
    }
    found
}

fn of_shop(shop: &ShopConfig, say: &mut dyn FnMut(&str, &str)) {
    let none = shop.webhook_secrets.is_empty() && shop.app_secret.is_none();
    if shop.app_secret.is_some() && shop.kind != ShopKind::Shopware {
        say("app_secret", "only Shopware shops register with an app; give webhook_secrets");
    }
    if none || shop.webhook_secrets.len() > 2 {
        say("webhook_secrets", "give one secret, or two while a new one is rolled out");
    }
    if shop.payments.is_empty() {
        say("payments", "no payment method is mapped, so every order would be held");
    }
    let lacks = match shop.kind {
        ShopKind::Woocommerce => Some("WooCommerce needs the consumer secret beside the consumer key"),
        ShopKind::Shopware => Some("Shopware needs the secret access key of the integration beside its id"),
        ShopKind::Smartstore => Some("Smartstore needs the secret key of the API user beside the public one"),
        ShopKind::Shopify => None,
    };
    if let Some(lacks) = lacks.filter(|_| shop.api.as_ref().is_some_and(|api| api.secret.is_none())) {
        say("api.secret", lacks);
    }
    let tells_by = shop.api.as_ref().and_then(|api| api.tracking);
    if shop.kind != ShopKind::Woocommerce && tells_by.is_some() {
        say("api.tracking", "only WooCommerce has several ways to be told of parcels");
    }
    let reckons_in =
        "Smartstore needs its primary currency, as in EUR: no order of it names the currency of its amounts";
    if shop.kind == ShopKind::Smartstore && shop.currency.is_none() {
        say("currency", reckons_in);
    }
    // These may live in a folder of their site.
    let folder = match shop.kind {
        ShopKind::Woocommerce | ShopKind::Shopware | ShopKind::Smartstore => true,
        ShopKind::Shopify => false,
    };
    if let Some(why) = bad_url(&shop.url, folder, shop.allow_private_address) {
        say("url", why);
    }
}

fn of_erp(erp: &ErpConfig, say: &mut dyn FnMut(&str, &str)) {
    if let Some(why) = bad_url(&erp.url, false, erp.allow_private_address) {
        say("url", why);
    }
    if erp.gross_channel.is_none() && erp.net_channel.is_none() {
        say("gross_channel", "give gross_channel, net_channel or both: every order is booked in one of them");
    }
    if erp.gross_channel.as_deref().is_some_and(|channel| !is_channel("GROSS", channel)) {
        say("gross_channel", "weclapp names its channels with tax GROSS1 to GROSS300");
    }
    if erp.net_channel.as_deref().is_some_and(|channel| !is_channel("NET", channel)) {
        say("net_channel", "weclapp names its channels without tax NET1 to NET300");
    }
}

fn of_mail(mail: &MailConfig, say: &mut dyn FnMut(&str, &str)) {
    if crate::mail::sender(mail).is_none() {
        say("from", "there is no address in this; write it like Kaffeehaus <bestellung@example.com>");
    }
    if !["de", "en"].contains(&mail.language.as_str()) {
        say("language", "mails are written in de or en");
    }
}

fn is_channel(kind: &str, text: &str) -> bool {
    let number = text.strip_prefix(kind).filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let number = number.filter(|number| !number.starts_with('0')).and_then(|number| number.parse().ok());
    number.is_some_and(|number: u16| number <= CHANNELS)
}

/// What is wrong with the address of a system, if anything. Only with `folder` may it go on behind the host.
fn bad_url(url: &str, folder: bool, own: bool) -> Option<&'static str> {
    let Ok(url) = Url::parse(url) else { return Some("this is no URL; write it like https://shop.example") };
    let plain = own || is_here(&url);
    if !(url.has_host() && (url.scheme() == "https" || url.scheme() == "http" && plain)) {
        return Some("only https is allowed (http only to this machine, or with allow_private_address)");
    }
    if literal(&url).is_some_and(|ip| !Reach::of(&url, own).allows(ip)) {
        return Some(
            "this address is not on the internet; if it is in your own network and that is meant, write \
             allow_private_address: true beside it",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("a URL is no place for a user and a password; name secrets by env: or file:");
    }
    if url.query().is_some() || url.fragment().is_some() || !folder && url.path() != "/" {
        return Some("give the address alone, as in https://shop.example; Kontor adds the path");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        for good in
            ["https://a.example", "https://a.example/", "https://a.example:8443", "http://localhost:1"]
        {
            assert_eq!(bad_url(good, false, false), None, "{good}");
        }
        assert_eq!(bad_url("http://127.0.0.1:8090", false, false), None);
        assert_eq!(bad_url("http://[::1]:8090", false, false), None);
        assert_eq!(bad_url("https://a.example/wordpress", true, false), None);
        for bad in [
            "a.example",
            "ftp://a.example",
            "http://a.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost@evil.example",
            "https://user:word@a.example",
            "https://a.example/webapp/api/v2",
            "https://a.example?tenant=1",
            "https://10.0.0.7",
            "https://192.168.1.1",
            "https://169.254.169.254",
            "https://0xa9fea9fe",
            "https://2852039166",
            "https://[fd12::1]",
            "https://[::ffff:10.0.0.1]",
            "http://[::ffff:169.254.169.254]",
            "https://0.0.0.0",
        ] {
            assert!(bad_url(bad, false, false).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_own_network_is_for_those_who_ask_for_it() {
        for good in ["https://10.0.0.7", "http://192.168.1.1:8080", "http://erp.intern", "https://[fd12::1]"]
        {
            assert_eq!(bad_url(good, false, true), None, "{good}");
        }
        for bad in
            ["http://169.254.169.254", "https://[fe80::1]", "https://[fd00:ec2::254]", "http://8.8.8.8"]
        {
            assert!(bad_url(bad, false, true).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_channel_is_its_kind_and_a_number() {
        for good in ["GROSS1", "GROSS42", "GROSS300"] {
            assert!(is_channel("GROSS", good), "{good}");
        }
        for bad in ["GROSS", "GROSS0", "GROSS01", "GROSS301", "GROSS+1", "gross1", "NET1", "GROSS1 ", ""] {
            assert!(!is_channel("GROSS", bad), "{bad}");
        }
    }
}
