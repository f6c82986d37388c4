//! What is made of a mail server's answers, by the stand-in over TCP.

use std::collections::BTreeSet;

use kontor_flow::remedy::chain;
use kontor_sandbox::smtp::{Sandbox, State, Switches};

use super::*;

fn server(url: &str) -> Server {
    Server::at(&SecretString::from(url)).unwrap()
}

fn message(number: u32, text: &str) -> Message {
    Message::builder()
        .message_id(Some(format!("<{number}@shop.example>")))
        .from("Kaffeehaus Köln <post@shop.example>".parse().unwrap())
        .to("erika@example.org".parse().unwrap())
        .body(text.to_owned())
        .unwrap()
}

async fn sandbox() -> Sandbox {
    Sandbox::start("127.0.0.1:0", State::default()).await.unwrap()
}

/// What comes of a mail when the stand-in is told so; nothing of the customer may be in it.
async fn told(switches: Switches) -> Option<CallError> {
    let sandbox = sandbox().await;
    sandbox.state().switch(switches);
    let mut server = server(&sandbox.url);
    server.patience = Patience { before: Duration::from_millis(300), after: Duration::from_millis(300) };
    let error = server.send(&message(1, "text")).await.err()?;
    let said = format!("{} {error:?}", chain(&error));
    assert!(!said.contains("erika") && !said.contains("example.org"), "{said}");
    Some(error)
}

fn effect(error: &CallError) -> Option<Effect> {
    if let CallError::Unavailable { effect, .. } = error { Some(*effect) } else { None }
}

#[tokio::test]
async fn what_surely_was_not_taken() {
    let closed = told(Switches { closed: true, ..Switches::default() }).await.unwrap();
    let not_now = told(Switches { not_now: 1, ..Switches::default() }).await.unwrap();
    let slow = told(Switches { latency: Duration::from_secs(3_600), ..Switches::default() }).await.unwrap();
    for error in [&closed, &not_now, &slow] {
        assert_eq!(effect(error), Some(Effect::None), "{error:?}");
    }
    assert!(chain(&not_now).contains("451"), "{not_now:?}");
    let nobody = sandbox().await;
    let url = nobody.url.clone();
    nobody.stop().await.unwrap();
    let nobody = server(&url).send(&message(1, "text")).await.unwrap_err();
    assert_eq!(effect(&nobody), Some(Effect::None));
    assert!(chain(&nobody).contains("refused"), "{nobody:?}");
}

#[tokio::test]
async fn what_may_have_been_taken() {
    let cut = told(Switches { taken_without_answer: 1, ..Switches::default() }).await.unwrap();
    let slow = told(Switches { thinks: Duration::from_secs(3_600), ..Switches::default() }).await.unwrap();
    for error in [&cut, &slow] {
        assert_eq!(effect(error), Some(Effect::Possible), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_refused_for_good() {
    let unknown = BTreeSet::from(["erika@example.org".to_owned()]);
    let error = told(Switches { unknown, ..Switches::default() }).await.unwrap();
    let CallError::Refused { status: 550, problem, .. } = error else { panic!("{error:?}") };
    assert!(problem.detail.unwrap().contains("erika@example.org"), "an operator is told all");
    assert!(told(Switches::default()).await.is_none(), "it is only this one");
}

#[tokio::test]
async fn a_wrong_password_is_not_the_mails_fault() {
    let state = State::with_login("shop@example.org", "öffne dich/%");
    let sandbox = Sandbox::start("127.0.0.1:0", state).await.unwrap();
    let with = |login: &str| server(&sandbox.url.replace("//", &format!("//{login}@")));
    with("shop%40example.org:%C3%B6ffne%20dich%2F%25").send(&message(1, "text")).await.unwrap();
    let wrong = with("shop%40example.org:wrong").send(&message(2, "text")).await.unwrap_err();
    assert!(matches!(wrong, CallError::Denied { status: 535, .. }), "{wrong:?}");
    let none = server(&sandbox.url).send(&message(3, "text")).await.unwrap_err();
    assert!(matches!(none, CallError::Denied { status: 530, .. }), "{none:?}");
    assert_eq!(sandbox.state().count(), 1);
}

#[tokio::test]
async fn a_server_without_the_tls_we_want_gets_no_mail() {
    let sandbox = sandbox().await;
    let error = server(&format!("{}?tls=required", sandbox.url)).send(&message(1, "text")).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error:?}");
    server(&format!("{}?tls=opportunistic", sandbox.url)).send(&message(2, "text")).await.unwrap();
    assert_eq!(sandbox.state().count(), 1);
}

#[tokio::test]
async fn one_connection_carries_many_mails_unchanged() {
    let sandbox = sandbox().await;
    let server = server(&sandbox.url);
    let text = ".\r\n..\r\n.x\r\nno end";
    for number in 0..5 {
        server.send(&message(number, text)).await.unwrap();
    }
    let mails = sandbox.state().mails();
    assert_eq!((mails.len(), sandbox.state().connections()), (5, 1));
    assert_eq!(mails[4].body, format!("{text}\r\n"));
}

#[tokio::test]
async fn a_server_that_began_anew_is_not_noticed() {
    let sandbox = sandbox().await;
    let (url, state) = (sandbox.url.clone(), sandbox.state().clone());
    let server = server(&url);
    server.send(&message(1, "text")).await.unwrap();
    sandbox.stop().await.unwrap();
    let _sandbox = Sandbox::start(url.trim_start_matches("smtp://"), state.clone()).await.unwrap();
    server.send(&message(2, "text")).await.unwrap();
    assert_eq!((state.count(), state.connections()), (2, 2));
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_that_of_the_next_mail() {
    let sandbox = sandbox().await;
    let server = server(&sandbox.url);
    server.send(&message(1, "text")).await.unwrap();
    sandbox.state().switch(Switches { latency: Duration::from_millis(200), ..Switches::default() });
    // The worker's limit comes while the server thinks about the recipient.
    let given_up = timeout(Duration::from_millis(300), server.send(&message(2, "text"))).await;
    assert!(given_up.is_err());
    sandbox.state().switch(Switches { not_now: 1, ..Switches::default() });
    let next = server.send(&message(3, "text")).await.unwrap_err();
    assert_eq!(effect(&next), Some(Effect::None));
    assert_eq!((sandbox.state().count(), sandbox.state().connections()), (1, 2));
}

#[tokio::test]
async fn no_more_conversations_than_places() {
    let sandbox = sandbox().await;
    sandbox.state().switch(Switches { latency: Duration::from_millis(10), ..Switches::default() });
    let server = server(&sandbox.url);
    let mails: Vec<_> = (0..40).map(|number| message(number, "text")).collect();
    let sent = futures_util::future::join_all(mails.iter().map(|mail| server.send(mail))).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!((sandbox.state().count(), sandbox.state().connections()), (40, 8));
}

#[test]
fn urls_are_read() {
    let read = |url: &str| server(url);
    let tls = |url: &str| match read(url).tls {
        Tls::None => "none",
        Tls::Opportunistic(_) => "opportunistic",
        Tls::Required(_) => "required",
        Tls::Wrapper(_) => "wrapper",
    };
    let plain = read("smtp://mail.example/shop.example?tls=none");
    assert_eq!(
        (plain.host.as_str(), plain.port, plain.name.to_string()),
        ("mail.example", 25, "shop.example".to_owned())
    );
    assert!(plain.login.is_none());
    assert_eq!((tls("smtp://[::1]:2525"), tls("smtps://u:p@mail.example")), ("none", "wrapper"));
    assert_eq!(
        (tls("smtp://mail.example?tls=required"), read("smtp://mail.example?tls=required").port),
        ("required", 587)
    );
    assert_eq!(
        (tls("smtp://m?tls=opportunistic"), read("smtps://[::1]").host.as_str()),
        ("opportunistic", "::1")
    );
    assert_eq!((read("smtps://mail.example").port, read("smtps://mail.example:2465").port), (465, 2465));
    for wrong in [
        "mail.example",
        "https://u:geheim@mail.example",
        "smtp://u:geheim@mail.example",
        "smtp://u:geheim@m?tls=perhaps",
        "smtp://u:geheim%@m",
        "smtp://u:geheim@:x",
    ] {
        let error = Server::at(&SecretString::from(wrong)).err().unwrap().to_string();
        assert!(error.contains("mail.smtp") && !error.contains("geheim"), "{error}");
    }
}
