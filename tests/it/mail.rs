//! Stories of mails that leave through a mail server: what the customer finds, and what becomes of mails that don't get there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kontor_sandbox::smtp::{Sandbox, State, Switches, Taken};
use kontor_sandbox::traffic::WOO_PREPAID;
use serde_json::Value;

use crate::house::{House, Stands};

const MINUTE: Duration = Duration::from_secs(60);

/// A house whose mails go to `server`: its address is read from a file, like a secret with a password would be.
fn house(stands: &Stands, server: &Sandbox) -> House {
    let mut house = House::start(stands);
    house.kill();
    let (secret, yaml) = (house.dir.path().join("smtp"), house.dir.path().join("kontor.yaml"));
    std::fs::write(&secret, &server.url).unwrap();
    let before = std::fs::read_to_string(&yaml).unwrap();
    let mail = format!("mail: {{ smtp: \"file:{}\", from: \"Kaffeehaus Köln", secret.display());
    let after = before.replace("mail: { from: \"Kontor", &mail);
    assert_ne!(before, after, "the configuration has no mail where it is looked for");
    std::fs::write(&yaml, after).unwrap();
    house.begin();
    house
}

async fn server() -> Sandbox {
    Sandbox::start("127.0.0.1:0", State::default()).await.unwrap()
}

/// The customer of an order orders.
async fn order(stands: &Stands, house: &House, number: u64) {
    let parcel = WOO_PREPAID.parcel("kaffee", number, &customer(number)).unwrap();
    stands.place(&parcel);
    assert_eq!(house.send(&parcel).await, Some(200));
}

fn customer(number: u64) -> String {
    format!("erika{number}@example.test")
}

/// The subjects of the mails to a customer.
fn subjects(mails: &[Taken], to: &str) -> Vec<String> {
    let theirs = mails.iter().filter(|mail| mail.to == [to]);
    let mut subjects: Vec<String> = theirs.map(|mail| mail.header("Subject").unwrap().to_owned()).collect();
    subjects.sort();
    subjects
}

/// Every one of these orders has its two mails, each once.
fn two_mails_each(server: &Sandbox, numbers: impl Iterator<Item = u64>) {
    let mails = server.state().mails();
    let mut expected = 0;
    for number in numbers {
        let two = [format!("Ihre Bestellung {number}"), format!("Ihre Bestellung {number} ist unterwegs")];
        assert_eq!(subjects(&mails, &customer(number)), two);
        expected += 2;
    }
    assert_eq!(mails.len(), expected, "and nobody has more");
    assert_eq!(server.state().doubled(), BTreeMap::new());
}

/// Where the steps of an order stand.
fn steps(house: &House, key: &str) -> BTreeMap<String, String> {
    let name = |key: &str| key.split_once('/').map_or(key, |(step, _)| step).to_owned();
    house.steps(key).into_iter().map(|(key, word)| (name(&key), word)).collect()
}

/// Waits until `so` is so.
async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(MINUTE, waiting).await.is_ok(), "{what}: not within a minute");
}

fn failures(house: &House) -> Vec<Value> {
    house.ask(&["failures", "list", "--state", "all"]).as_array().unwrap().clone()
}

/// Text that was made 7-bit with `=C3=B6` (RFC 2045, 6.7).
fn printable(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.replace("=\r\n", ""));
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = after[2..].to_owned();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customer_gets_two_mails_that_can_be_read() {
    let (stands, server) = (Stands::start().await, server().await);
    let house = house(&stands, &server);
    order(&stands, &house, 7).await;
    house.wait("completed", 1, MINUTE).await;
    two_mails_each(&server, 7..=7);
    // The folder is from before the mail server was named.
    let put = std::fs::read_dir(house.data().join("outbox")).unwrap();
    assert_eq!(put.count(), 0, "and none is put into the folder");

    let mails = server.state().mails();
    assert!(mails.iter().all(|mail| mail.from == "stories@kontor.test"));
    let mut ids: Vec<&str> = mails.iter().map(Taken::message_id).collect();
    ids.sort_unstable();
    assert_eq!(ids[0], "<kaffee.7.confirmation@kontor.test>");
    assert!(ids[1].starts_with("<kaffee.7.shipped.mail.") && ids[1].ends_with("@kontor.test>"), "{ids:?}");

    let confirmation = mails.iter().find(|mail| mail.message_id() == ids[0]).unwrap();
    let header =
        |name: &str| confirmation.header(name).unwrap_or_else(|| panic!("no {name}, or more than one"));
    assert_eq!(header("To"), customer(7));
    assert_eq!(header("MIME-Version"), "1.0");
    assert_eq!(header("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(header("Content-Transfer-Encoding"), "quoted-printable");
    assert!(header("Date").ends_with("+0000"), "{}", header("Date"));
    let (name, address) = header("From").split_once(' ').unwrap();
    let name = name.strip_prefix("=?utf-8?b?").unwrap().strip_suffix("?=").unwrap();
    assert_eq!(
        (STANDARD.decode(name).unwrap().as_slice(), address),
        ("Kaffeehaus Köln".as_bytes(), "<stories@kontor.test>")
    );
    let text = printable(&confirmation.body);
    assert!(
        text.contains("vielen Dank für Ihre Bestellung 7:\r\n") && text.contains("1 × T-Shirt Röster - M"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_now_comes_by_itself() {
    let (stands, server) = (Stands::start().await, server().await);
    server.state().switch(Switches { not_now: 3, ..Switches::default() });
    let house = house(&stands, &server);
    order(&stands, &house, 1).await;
    house.wait("completed", 1, MINUTE).await;
    two_mails_each(&server, 1..=1);
    assert_eq!(failures(&house), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_not_there_holds_up_nothing_else() {
    let (stands, server) = (Stands::start().await, server().await);
    server.state().switch(Switches { unknown: BTreeSet::from([customer(1)]), ..Switches::default() });
    let house = house(&stands, &server);
    order(&stands, &house, 1).await;
    order(&stands, &house, 2).await;
    house.wait("completed", 1, MINUTE).await;
    until("both mails are failures", || failures(&house).len() == 2).await;
    two_mails_each(&server, 2..=2);
    for failure in failures(&house) {
        assert_eq!(
            (failure["class"].as_str(), failure["order"].as_str()),
            (Some("refused"), Some("kaffee/1"))
        );
        let cause = failure["cause"].as_str().unwrap();
        assert!(cause.contains("550") && !cause.contains(&customer(1)), "{cause}");
    }
    let expected = BTreeMap::from(
        [
            ("confirmation", "failed"),
            ("credit", "skipped"),
            ("customer", "done"),
            ("invoice", "done"),
            ("payment", "skipped"),
            ("release", "done"),
            ("sales_order", "done"),
            ("shipment", "done"),
            ("shipped_mail", "failed"),
            ("tell_paid", "skipped"),
            ("tell_shop", "done"),
            ("update", "skipped"),
        ]
        .map(|(step, state)| (step.to_owned(), state.to_owned())),
    );
    assert_eq!(steps(&house, "kaffee/1"), expected);

    // Somebody sees to the mailbox, and an operator has the mails sent again.
    server.state().switch(Switches::default());
    for failure in failures(&house) {
        house.ask(&["failures", "replay", failure["id"].as_str().unwrap(), "--by", "anna"]);
    }
    house.wait("completed", 2, MINUTE).await;
    two_mails_each(&server, 1..=2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_answer_was_lost_comes_twice_rather_than_never() {
    let (stands, server) = (Stands::start().await, server().await);
    server.state().switch(Switches { taken_without_answer: 1, ..Switches::default() });
    let house = house(&stands, &server);
    order(&stands, &house, 1).await;
    house.wait("completed", 1, MINUTE).await;
    let confirmation = "<kaffee.1.confirmation@kontor.test>".to_owned();
    assert_eq!(server.state().doubled(), BTreeMap::from([(confirmation.clone(), 2)]));
    let mails = server.state().mails();
    let copies: Vec<&Taken> = mails.iter().filter(|mail| mail.message_id() == confirmation).collect();
    assert_eq!((mails.len(), copies[0].body.as_str()), (3, copies[1].body.as_str()));
    assert_eq!(failures(&house), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_holds_up_nothing_else() {
    let (stands, server) = (Stands::start().await, server().await);
    let house = house(&stands, &server);
    order(&stands, &house, 1).await;
    house.wait("completed", 1, MINUTE).await;
    let (url, state) = (server.url.clone(), server.state().clone());
    server.stop().await.unwrap();

    order(&stands, &house, 2).await;
    order(&stands, &house, 3).await;
    for key in ["kaffee/2", "kaffee/3"] {
        let is = |step: &str, state: &str| steps(&house, key).get(step).is_some_and(|word| word == state);
        until("all but the mails is done", || is("invoice", "done") && is("tell_shop", "done")).await;
        assert!(is("confirmation", "requested") && is("shipped_mail", "requested"));
    }
    assert_eq!(stands.erp.report().shipments.len(), 3);

    // It is back, but takes nobody in at first.
    state.switch(Switches { closed: true, ..Switches::default() });
    let server = Sandbox::start(url.trim_start_matches("smtp://"), state).await.unwrap();
    let turned_away = server.state().connections();
    until("it is asked again", || server.state().connections() > turned_away).await;
    server.state().switch(Switches::default());
    house.wait("completed", 3, MINUTE).await;
    two_mails_each(&server, 1..=3);
    assert_eq!(failures(&house), Vec::<Value>::new());
}
