//! What the ERP and the shops answer. The answers come over a real connection, through the connectors' own client.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use kontor_connectors::Config;
use kontor_connectors::http::{ClientOptions, client};
use kontor_connectors::shopify::Shopify;
use kontor_connectors::weclapp::Weclapp;
use kontor_connectors::woocommerce::WooCommerce;
use kontor_flow::apply::apply;
use kontor_flow::ports::{Connector, Job, Past};
use kontor_flow::remedy::chain;
use kontor_flow::{Action, Command, Event, EventRecord, Finish, Happened, Hint, Order, StepResult, System};
use kontor_testkit::order;

use super::world::{now, secrets, wait, yaml};

/// Answers of weclapp. The first byte says what was asked; the answers follow, separated by NUL, each with its status
/// before it (`404 {…}`) if that is not 200.
pub fn erp(input: &[u8]) {
    let Some(asked) = ask(input) else { return };
    let weclapp = Weclapp::new(&OUTSIDE.config.erp, &secrets(), OUTSIDE.client.clone()).unwrap();
    const ASKED: [Action; 6] = [
        Action::ErpCustomer,
        Action::ErpSalesOrder,
        Action::ErpPayment,
        Action::ErpShipment,
        Action::ErpInvoice,
        Action::ErpCancel,
    ];
    const HINTS: [&str; 4] = ["shipment", "salesOrder", "salesInvoice", "salesOpenItem"];
    let at = usize::from(asked % 10);
    match ASKED.get(at) {
        Some(action) => perform(&weclapp, "woo/17", *action, asked / 10),
        None => look_up(&weclapp, HINTS[at - ASKED.len()]),
    }
}

/// Answers of the APIs of both shops, in the same form.
pub fn shop_api(input: &[u8]) {
    let Some(asked) = ask(input) else { return };
    let (config, client) = (&OUTSIDE.config, OUTSIDE.client.clone());
    const ASKED: [Action; 3] = [Action::ShopPaid, Action::ShopShipment, Action::ShopCancel];
    let action = ASKED[usize::from(asked % 3)];
    if asked / 3 % 2 == 0 {
        let shop = WooCommerce::new(&config.shops[0], &secrets(), client).unwrap();
        perform(&shop, "woo/17", action, asked / 6);
    } else {
        let shop = Shopify::new(&config.shops[1], &secrets(), client).unwrap();
        perform(&shop, "shopify/17", action, asked / 6);
    }
}

/// Lays the answers ready, and answers what is asked.
fn ask(input: &[u8]) -> Option<u8> {
    let (asked, answers) = input.split_first()?;
    *OUTSIDE.answers.lock().unwrap() =
        answers.split(|byte| *byte == 0).take(24).map(<[u8]>::to_vec).collect();
    Some(*asked)
}

fn perform(connector: &dyn Connector, key: &str, action: Action, past: u8) {
    let order = in_work(key);
    let step = if action == Action::ShopShipment {
        kontor_flow::StepKey::item(order::step("tell").step, "9001")
    } else {
        order::step("work")
    };
    let undo = matches!(action, Action::ErpCancel | Action::ShopCancel);
    let command = Command { order: order.key.clone(), step, action, template: None, undo };
    let past = [Past::Clean, Past::Unknown, Past::Withdrawn][usize::from(past % 3)];
    match wait(connector.perform(Job { command: &command, order: &order, past, now: now() })) {
        Ok(finish) => {
            let text = serde_json::to_string(&finish).unwrap();
            assert_eq!(
                serde_json::from_str::<Finish>(&text).unwrap(),
                finish,
                "a result does not survive its queue"
            );
        }
        Err(error) => assert!(!chain(&error).is_empty() && format!("{:?}", error.remedy()).len() > 1),
    }
}

fn look_up(connector: &dyn Connector, entity: &str) {
    let hint = Hint { system: System::Weclapp, entity: entity.to_owned(), id: "9001".to_owned() };
    match wait(connector.look_up(&hint, now())) {
        Ok(news) => {
            let text = serde_json::to_string(&news).unwrap();
            assert_eq!(
                serde_json::from_str::<Vec<Happened>>(&text).unwrap(),
                news,
                "news do not survive a queue"
            );
        }
        Err(error) => assert!(!chain(&error).is_empty()),
    }
}

/// An order far enough for everything to be done with it: booked, and one parcel sent.
fn in_work(key: &str) -> Order {
    let mut order = order::order(key);
    let id = |id: &str| kontor_domain::DocumentId::parse(id).unwrap();
    let done = [
        ("customer", StepResult::Customer { id: id("7001"), number: None }),
        ("sales_order", StepResult::SalesOrder { id: id("8001"), number: None, total: None, booked: None }),
    ];
    for (step, result) in done {
        let finish = Finish { result, calls: 1 };
        let event = Event::Finished { step: order::step(step), finish };
        apply(&mut order.facts, EventRecord::told(now(), event));
    }
    apply(&mut order.facts, order::shipped_event("9001", "00340434161094000001", now()));
    order
}

/// The world outside: a server that answers whatever it was told to, whatever it is asked.
struct Outside {
    config: Config,
    client: reqwest::Client,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

static OUTSIDE: LazyLock<Outside> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = Arc::new(Mutex::new(VecDeque::new()));
    let mine = Arc::clone(&answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&mine);
            std::thread::spawn(move || serve(stream, &answers));
        }
    });
    let options = ClientOptions {
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        idle_connections: 1,
    };
    Outside {
        config: Config::parse("kontor.yaml", &yaml(&url)).unwrap(),
        client: client(options).unwrap(),
        answers,
    }
});

/// Serves one connection until it is closed.
fn serve(mut stream: TcpStream, answers: &Mutex<VecDeque<Vec<u8>>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut length = 0_u64;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(told) = line.strip_prefix("content-length:") {
                length = told.trim().parse().ok()?;
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
        let answer = answers.lock().ok()?.pop_front().unwrap_or_else(|| br#"{"result":[]}"#.to_vec());
        let (status, body) = status_of(&answer);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    }
}

/// `404 {…}` is an answer with the status 404. Statuses that have no body are not among them.
fn status_of(answer: &[u8]) -> (u16, &[u8]) {
    let told = answer.split_at_checked(4).filter(|(head, _)| head[3] == b' ');
    let status = told.and_then(|(head, _)| std::str::from_utf8(&head[..3]).ok()?.parse::<u16>().ok());
    match (status, told) {
        (Some(status @ (200..=203 | 400..=599)), Some((_, body))) => (status, body),
        _ => (200, answer),
    }
}
