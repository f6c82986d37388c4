//! Which addresses are connected to.

use std::sync::atomic::{AtomicUsize, Ordering};

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::http::{Calls, ClientOptions, client_to};
use kontor_flow::remedy::{Effect, chain};
use kontor_flow::{CallError, System};

/// Answers with these addresses, one list after the other, the last again and again.
struct Told {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Told {
    async fn addresses(&self, _host: &str) -> std::io::Result<Vec<IpAddr>> {
        let nth = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers.get(nth).or(self.answers.last()).unwrap().clone())
    }
}

fn told(answers: &[&[&str]]) -> Arc<Told> {
    let answers = answers.iter().map(|one| one.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
    Arc::new(Told { answers, asked: AtomicUsize::new(0) })
}

fn config(url: &str, own: bool) -> Config {
    let yaml = format!(
        "shops:\n  - {{ id: kaffee, kind: woocommerce, url: \"https://kaffee.example\", flow: standard, \
         webhook_secrets: [env:A], payments: {{ bacs: prepayment }} }}\n\
         erp: {{ url: \"{url}\", allow_private_address: {own}, token: env:A, gross_channel: GROSS1, \
         articles: {{ shipping: S, fee: F, discount: D, rounding: R }} }}\n"
    );
    Config::parse("kontor.yaml", &yaml).unwrap()
}

/// Calls `url` where DNS answers so; answers the statuses or causes of `times` calls.
async fn call(config: &Config, url: &str, lookup: Arc<dyn Lookup>, times: usize) -> Vec<Result<u16, String>> {
    let guard = Guard::of(config).with_lookup(lookup);
    let client = client_to(ClientOptions::default(), guard).unwrap();
    let mut outcomes = Vec::new();
    for _ in 0..times {
        let sent = Calls::default().send(System::Weclapp, "GET /", Effect::Possible, client.get(url)).await;
        outcomes.push(match sent {
            Ok(answer) => Ok(answer.status.as_u16()),
            Err(error) => {
                let harmless = matches!(error, CallError::Unavailable { effect: Effect::None, .. });
                assert!(harmless, "what was not sent had no effect: {error:?}");
                Err(chain(&error))
            }
        });
    }
    outcomes
}

#[test]
fn addresses_are_what_they_are() {
    let all = [
        (
            Kind::Public,
            "93.184.216.34 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 2606:4700::1111 ::ffff:8.8.8.8",
        ),
        (Kind::Public, "64:ff9b::8.8.8.8 2002:808:808::1"),
        (
            Kind::Private,
            "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 fc00::1 fdff::1",
        ),
        (Kind::Private, "::ffff:10.0.0.1 64:ff9b::10.0.0.1 2002:a00:1:: 198.18.0.1 64:ff9b:1::1"),
        (Kind::Loopback, "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1"),
        (
            Kind::Never,
            "169.254.169.254 169.254.170.2 ::ffff:169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::",
        ),
        (
            Kind::Never,
            "fe80::1 fec0::1 fd00:ec2::254 ff02::1 :: 0.0.0.0 0.1.2.3 224.0.0.1 255.255.255.255 240.0.0.1",
        ),
        (Kind::Never, "192.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 2001::1 ::7f00:1 100::1"),
    ];
    for (expected, list) in all {
        for ip in list.split(' ') {
            assert_eq!(kind(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_into_the_own_network_is_not_called() {
    let server = MockServer::start().await;
    let url = format!("https://tenant.example:{}/", server.address().port());
    for ip in ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd12::1", "::ffff:127.0.0.1", "100.64.0.1"]
    {
        let outcome = call(&config("https://tenant.example", false), &url, told(&[&[ip]]), 1).await;
        let Err(cause) = &outcome[0] else { panic!("{ip} was called") };
        assert!(
            cause.ends_with(&format!(
                "tenant.example is not called: its address {ip} is not on the internet; if that is meant, write \
                 `allow_private_address: true` beside erp.url in kontor.yaml"
            )),
            "{cause}"
        );
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_own_network_is_called_where_that_is_configured_and_link_local_never() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let url = format!("http://erp.intern:{}/", server.address().port());
    let config = config("http://erp.intern", true);
    assert_eq!(call(&config, &url, told(&[&["127.0.0.1"]]), 1).await, [Ok(204)]);
    // Bad addresses are left out, not tried.
    assert_eq!(call(&config, &url, told(&[&["169.254.169.254", "127.0.0.1"]]), 1).await, [Ok(204)]);
    for ip in ["169.254.169.254", "fe80::1", "0.0.0.0", "8.8.8.8"] {
        assert!(call(&config, &url, told(&[&[ip]]), 1).await[0].is_err(), "{ip} was called, or without TLS");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_looked_at_again() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let url = format!("http://erp.intern:{}/", server.address().port());
    let lookup = told(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let outcomes = call(&config("http://erp.intern", true), &url, lookup, 2).await;
    assert_eq!(outcomes[0], Ok(204));
    assert!(outcomes[1].as_ref().unwrap_err().contains("169.254.169.254"), "{outcomes:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn hosts_the_configuration_does_not_name_are_not_called() {
    let config = config("https://tenant.example", true);
    for host in ["evil.example", "tenant.example.evil.example", "localhost"] {
        let outcome = call(&config, &format!("https://{host}/"), told(&[&["127.0.0.1"]]), 1).await;
        let Err(cause) = &outcome[0] else { panic!("{host} was called") };
        assert!(
            cause.ends_with(&format!("{host} is not called: kontor.yaml names no system there")),
            "{cause}"
        );
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_proxies_not_taken() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    let moved = ResponseTemplate::new(307).insert_header("location", other.uri());
    Mock::given(any()).respond_with(moved).mount(&server).await;
    let outcome = call(&config("https://tenant.example", false), &server.uri(), told(&[&[]]), 1).await;
    assert_eq!(outcome, [Ok(307)]);
    assert!(other.received_requests().await.unwrap().is_empty());
}
