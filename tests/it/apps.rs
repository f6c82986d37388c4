//! A Shopware shop installs the app, in the process an operator runs: it registers, tells of an order, and is called with the
//! keys it handed over. Then it registers again.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use kontor_sandbox::{shopware, weclapp};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::house::{TOKEN, erp_options, program};

const APP_SECRET: &str = "an-app-secret-of-the-stories";

/// What the shop hands over.
const KEYS: (&str, &str) = ("SWIASTORY", "a-secret-access-key");

fn sign(secret: &str, message: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.chain_update(message).finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A process over the folder `dir`, killed when it is dropped.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("kontor could not be stopped: {error}");
        }
    }
}

fn settings(dir: &Path, shop: &str, erp: &str, us: &str) {
    let yaml = format!(
        "public_url: \"{us}\"\n\
         shops: [{{ id: garten, kind: shopware, url: \"{shop}\", flow: standard, app_secret: env:APP, poll_minutes: 0, \
         payments: {{ payment_paypal: prepaid }} }}]\n\
         erp: {{ url: \"{erp}\", token: env:TOKEN, gross_channel: GROSS1, settle_seconds: 1, \
         articles: {{ shipping: SHIPPING, fee: FEE, discount: DISCOUNT, rounding: ROUNDING }} }}\n\
         mail: {{ from: \"Kontor <stories@kontor.test>\", language: de, signature: Kontor }}\n"
    );
    std::fs::write(dir.join("kontor.yaml"), yaml).unwrap();
    std::fs::create_dir(dir.join("flows")).unwrap();
    let flow = format!("{}/../infra/flows/standard.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(flow, dir.join("flows/standard.yaml")).unwrap();
}

fn kontor(dir: &Path, args: &[&str]) -> (String, i32) {
    let mut command = Command::new(program());
    let output =
        command.args(args).current_dir(dir).env("APP", APP_SECRET).env("TOKEN", TOKEN).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8(said).unwrap(), output.status.code().unwrap())
}

async fn up(dir: &Path, listen: &str) -> Up {
    let process = Command::new(program())
        .args(["--json", "up", "--listen", listen])
        .current_dir(dir)
        .env("APP", APP_SECRET)
        .env("TOKEN", TOKEN)
        .env("KONTOR_LOG", "error")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let up = Up(process);
    for _ in 0..200 {
        if reqwest::get(format!("http://{listen}/health")).await.is_ok() {
            return up;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("kontor did not start");
}

/// The shop's side of the app.
struct Shop {
    client: reqwest::Client,
    us: String,
    url: String,
}

impl Shop {
    /// Asks for a secret, signed with `old`, too, if it has one.
    async fn register(&self, old: Option<&str>) -> (StatusCode, Value) {
        let url = self.url.replace(':', "%3A").replace('/', "%2F");
        let now = kontor_runtime::clock::now().as_second();
        let query = format!("shop-id=hRCw2xo1EDZnLco4&shop-url={url}&timestamp={now}");
        let request = self.client.get(format!("{}/apps/shopware/garten/register?{query}", self.us));
        let mut request = request.header("shopware-app-signature", sign(APP_SECRET, &query));
        if let Some(old) = old {
            request = request.header("shopware-shop-signature", sign(old, &query));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn confirm(&self, at: &str, secret: &str, old: Option<&str>) -> StatusCode {
        let body = json!({
            "apiKey": KEYS.0, "secretKey": KEYS.1, "timestamp": "1795282184", "shopUrl": self.url, "shopId": "hRCw2xo1EDZnLco4",
        });
        let body = body.to_string();
        let mut request = self.client.post(at).header("shopware-shop-signature", sign(secret, &body));
        if let Some(old) = old {
            request = request.header("shopware-shop-signature-previous", sign(old, &body));
        }
        request.body(body).send().await.unwrap().status()
    }

    async fn tell(&self, event: &str, payload: Value, secret: &str) -> StatusCode {
        let source =
            json!({ "url": self.url, "appVersion": "1.0.0", "shopId": "hRCw2xo1EDZnLco4", "eventId": "e1" });
        let body = json!({ "data": { "payload": payload, "event": event }, "source": source, "timestamp": 1_795_282_185 });
        let body = body.to_string();
        let signed = sign(secret, &body);
        let request = self.client.post(format!("{}/webhooks/shopware/garten", self.us));
        request.header("shopware-shop-signature", signed).body(body).send().await.unwrap().status()
    }

    async fn told_of(&self, order: &Value, secret: &str) -> StatusCode {
        self.tell("checkout.order.placed", json!({ "order": { "id": order["id"] } }), secret).await
    }
}

fn order() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/shopware/prepaid-promotion.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_installs_the_app_and_its_orders_are_booked() {
    let erp = weclapp::Sandbox::start("127.0.0.1:0", &erp_options()).await.unwrap();
    let state = shopware::State::new(KEYS.0, KEYS.1);
    let sandbox = shopware::Sandbox::start("127.0.0.1:0", state).await.unwrap();
    // A port that is free now, and named in the manifest.
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let us = format!("http://{listen}");
    let dir = tempfile::tempdir().unwrap();
    settings(dir.path(), &sandbox.url, &erp.url, &us);

    let (manifest, code) = kontor(dir.path(), &["shops", "manifest", "garten"]);
    assert_eq!(code, 0, "{manifest}");
    for part in [
        format!("<registrationUrl>{us}/apps/shopware/garten/register</registrationUrl>"),
        format!("<secret>{APP_SECRET}</secret>"),
        format!("url=\"{us}/webhooks/shopware/garten\" event=\"checkout.order.placed\""),
    ] {
        assert!(manifest.contains(&part), "{part} is not in {manifest}");
    }
    let (said, code) = kontor(dir.path(), &["shops", "manifest", "nobody"]);
    assert_eq!((said.contains("has no shop nobody"), code), (true, 2), "{said}");

    let _up = up(dir.path(), &listen).await;
    let shop = Shop { client: reqwest::Client::new(), us: us.clone(), url: sandbox.url.clone() };
    let order = order();
    assert!(sandbox.state().seed(&order));
    assert_eq!(shop.told_of(&order, "").await, 401, "before it registers nobody can sign for it");

    let (status, told) = shop.register(None).await;
    assert_eq!(status, 200);
    let secret = told["secret"].as_str().unwrap().to_owned();
    assert!((64..=255).contains(&secret.len()));
    let proof = sign(APP_SECRET, &format!("hRCw2xo1EDZnLco4{}Kontor", sandbox.url));
    assert_eq!(told["proof"], json!(proof));
    let confirm = told["confirmation_url"].as_str().unwrap().to_owned();
    assert_eq!(confirm, format!("{us}/apps/shopware/garten/confirm"));
    assert_eq!(shop.told_of(&order, &secret).await, 401, "not before it is confirmed");
    assert_eq!(shop.confirm(&confirm, "another", None).await, 401);
    assert_eq!(shop.confirm(&confirm, &secret, None).await, 200);
    assert_eq!(shop.told_of(&order, &secret).await, 200);
    assert_eq!(shop.told_of(&order, &secret).await, 200, "twice is once");

    let key = format!("garten/{}", order["id"].as_str().unwrap());
    let booked = async {
        while !erp.report().sales_orders.iter().any(|booked| booked.order_key.as_deref() == Some(&key)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), booked).await.is_err() {
        panic!("{}", kontor(dir.path(), &["failures", "list", "--state", "all"]).0);
    }
    assert_eq!(erp.report().sales_orders.len(), 1);

    assert_eq!(shop.register(None).await.0, 401, "who is registered signs with what it has");
    let (status, told) = shop.register(Some(&secret)).await;
    assert_eq!(status, 200);
    let new = told["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, secret);
    assert_eq!(shop.told_of(&order, &secret).await, 200, "the old one counts until it is confirmed");
    assert_eq!(shop.confirm(&confirm, &new, None).await, 401, "both sign");
    assert_eq!(shop.confirm(&confirm, &new, Some(&secret)).await, 200);
    for known in [&secret, &new, &secret] {
        assert_eq!(shop.told_of(&order, known).await, 200, "and a minute longer");
    }
    assert_eq!(shop.tell("app.deleted", json!([]), &new).await, 200);
    assert_eq!(shop.told_of(&order, &new).await, 401, "what was removed signs no more");
    assert_eq!(shop.register(None).await.0, 200, "and may come back");
}
