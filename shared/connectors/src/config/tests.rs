//! `kontor.yaml` as merchants get it wrong.

use super::*;

const SOUND: &str = r#"shops:
  - id: kaffee
    kind: woocommerce
    url: https://shop.example
    flow: standard
    webhook_secrets: [env:S1]
    api: { key: env:K1, secret: env:K2 }
    payments: { bacs: prepayment }
erp:
  url: https://tenant.weclapp.com
  token: env:T
  webhook_secrets: [env:H]
  gross_channel: GROSS1
  articles: { shipping: S, fee: F, discount: D, rounding: R }
mail:
  from: "Kaffeehaus <bestellung@shop.example>"
  language: de
  signature: Kaffeehaus
"#;

/// The one problem after `from` is put right into `to`.
#[track_caller]
fn problem(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    let found = Config::parse("kontor.yaml", &SOUND.replacen(from, to, 1)).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].to_string()
}

#[test]
fn what_is_meant_wrongly_is_told_with_its_place() {
    let cases = [
        (
            "url: https://tenant.weclapp.com",
            "url: https://tenant.weclapp.com/webapp",
            "kontor.yaml:10:8: erp.url: ",
        ),
        ("gross_channel: GROSS1", "gross_channel: B2C", "kontor.yaml:13:18: erp.gross_channel: "),
        ("gross_channel: GROSS1", "net_channel: GROSS1", "kontor.yaml:13:16: erp.net_channel: "),
        ("language: de", "language: fr", "kontor.yaml:17:13: mail.language: "),
        ("Kaffeehaus <bestellung@shop.example>", "Kaffeehaus", "kontor.yaml:16:9: mail.from: "),
        ("https://shop.example", "http://localhost.evil.example", "kontor.yaml:4:10: shops[0].url: "),
        ("[env:S1]", "[]", "kontor.yaml:6:22: shops[0].webhook_secrets: "),
    ];
    for (from, to, start) in cases {
        let told = problem(from, to);
        assert!(told.starts_with(start), "{told} does not start with {start}");
    }
    assert!(Config::parse("kontor.yaml", SOUND).is_ok());
}

#[test]
fn smartstore_has_to_say_what_it_reckons_in() {
    let told = problem("kind: woocommerce", "kind: smartstore");
    assert!(told.contains("shops[0].currency: ") && told.contains("EUR"), "{told}");
    let sound = SOUND.replacen("kind: woocommerce", "kind: smartstore\n    currency: CHF", 1);
    assert_eq!(Config::parse("kontor.yaml", &sound).unwrap().shops[0].currency.unwrap().code(), "CHF");
    assert!(problem("kind: woocommerce", "kind: smartstore\n    currency: Taler").contains("currency"));
}

#[test]
fn what_is_missing_is_told_where_it_belongs() {
    let told = problem("  gross_channel: GROSS1\n", "");
    assert!(told.starts_with("kontor.yaml:10:3: erp.gross_channel: "), "{told}");
    let told = problem(", secret: env:K2", "");
    assert!(told.starts_with("kontor.yaml:7:10: shops[0].api.secret: "), "{told}");
}

#[test]
fn only_woocommerce_is_told_of_parcels_in_a_way_of_choice() {
    let chosen = SOUND.replacen("secret: env:K2", "secret: env:K2, tracking: ast", 1);
    assert!(Config::parse("kontor.yaml", &chosen).is_ok());
    let other = chosen.replacen("kind: woocommerce", "kind: shopware", 1);
    let found = Config::parse("kontor.yaml", &other).unwrap_err();
    assert!(found.iter().any(|problem| problem.message.contains("only WooCommerce")), "{found:?}");
}

#[test]
fn two_shops_of_one_id_are_told_at_the_second() {
    let shop = SOUND.split_once("erp:").unwrap().0.trim_start_matches("shops:\n");
    let found = Config::parse("kontor.yaml", &SOUND.replacen("erp:", &format!("{shop}erp:"), 1)).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place, "kontor.yaml:9:9");
}

#[test]
fn a_typing_error_is_told_with_one_place() {
    for (from, to) in [
        ("signature:", "signatur:"),
        ("kind: woocommerce", "kind: woo"),
        ("env:T", "hunter2"),
        ("id: kaffee", "id: Kaffee"),
        ("  language: de", " language: de"),
        ("language: de", "language: de\n  language: en"),
    ] {
        let told = problem(from, to);
        assert!(told.starts_with("kontor.yaml:"), "{told}");
        assert!(!told.contains(" line ") && !told.contains("error:"), "the place is told twice: {told}");
        assert!(!told.contains('\n'), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn secrets_are_known_by_what_names_them() {
    let config = Config::parse("kontor.yaml", SOUND).unwrap();
    let named: Vec<String> =
        config.named_secrets().into_iter().map(|(path, secret)| format!("{path}={secret}")).collect();
    assert_eq!(
        named,
        [
            "shops[0].webhook_secrets=env:S1",
            "shops[0].api.key=env:K1",
            "shops[0].api.secret=env:K2",
            "erp.token=env:T",
            "erp.webhook_secrets=env:H",
        ]
    );
    let mut all: Vec<_> = config.secrets(Scope::Everything).iter().map(ToString::to_string).collect();
    let mut of_named: Vec<_> = config.named_secrets().iter().map(|(_, secret)| secret.to_string()).collect();
    all.sort();
    of_named.sort();
    assert_eq!(all, of_named, "what has a path and what is resolved differ");
}
