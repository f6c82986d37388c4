//! The bundle as one stack: built, packed and deployed through CloudFormation, with stand-ins behind it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kontor_flow::Order;
use kontor_runtime::clock::Stopwatch;
use kontor_runtime::settings::FUNCTIONS;
use kontor_sandbox::traffic::Parcel;
use kontor_testkit::Ministack;
use serde_json::{Value, json};

use super::aws::Aws;
use super::stands::Stands;
use crate::house::{SECRET, TOKEN};

/// The name of the stack, and what every name in it begins with.
pub(crate) const STACK: &str = "kontor";
/// Where packed functions and nested templates are uploaded to.
pub(crate) const CODE: &str = "code";
/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Pauses between two looks.
const BETWEEN: Duration = Duration::from_millis(150);

/// A folder with a folder per function that holds its `bootstrap`, as `cargo lambda build` leaves them in `target/lambda`.
const BUILT: &str = "KONTOR_BUNDLE";
/// The same of another version: its `work-events` runs beside this one's.
const OTHER: &str = "KONTOR_BUNDLE_OTHER";

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The deployed bundle.
pub(crate) struct Bundle {
    pub(crate) aws: Aws,
    pub(crate) stands: Stands,
    pub(crate) client: reqwest::Client,
    /// What the URLs of webhooks begin with.
    pub(crate) url: String,
    outputs: BTreeMap<String, String>,
    dir: tempfile::TempDir,
    // Ends last: the functions run in it.
    _ministack: Ministack,
}

impl Bundle {
    /// Builds the functions, if they are not given, and deploys them.
    pub(crate) async fn deploy(ministack: Ministack) -> Self {
        let aws = Aws::open(&ministack);
        let dir = tempfile::tempdir().unwrap();
        let built = named(BUILT).unwrap_or_else(|| crate::house::programs().to_owned());
        aws.call(
            "s3",
            "create_bucket",
            json!({
                "Bucket": CODE, "CreateBucketConfiguration": { "LocationConstraint": "eu-central-1" }
            }),
        );
        let watch = Stopwatch::start();
        let other = named(OTHER).unwrap_or_else(|| built.clone());
        let mut programs = vec![("work-events-other.zip".to_owned(), "work-events", other)];
        programs.extend(
            FUNCTIONS.map(|function| (format!("{}.zip", function.name), function.name, built.clone())),
        );
        aws.upload(CODE, &packed(&dir, programs));
        eprintln!("bundle: packed and uploaded in {:.1} s", watch.elapsed().as_secs_f64());
        let watch = Stopwatch::start();
        let outputs = create(&aws, &template(&aws, &ministack));
        eprintln!("bundle: deployed in {:.1} s", watch.elapsed().as_secs_f64());
        // A request of a shop is not signed for AWS. ministack has the HTTP APIs of all accounts under one address.
        let id = outputs["ApiUrl"].trim_start_matches("http://").split('.').next().unwrap();
        let url = format!("{}/_aws/execute-api/{id}/$default", ministack.endpoint());
        let stands = Stands::start().await;
        stands.erp.send_webhooks_to(Some(format!("{url}/webhooks/weclapp/{SECRET}")));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let bundle = Self { aws, stands, client, url, outputs, dir, _ministack: ministack };
        bundle.configure();
        bundle
    }

    /// Writes secrets and configuration as an operator would; nothing is in force yet.
    fn configure(&self) {
        for (name, value) in [("shop-webhook", SECRET), ("hook", SECRET), ("token", TOKEN)] {
            let with = json!({ "Name": format!("kontor/{name}"), "SecretString": value });
            self.aws.call("secretsmanager", "create_secret", with);
        }
        self.aws.call("sesv2", "create_email_identity", json!({ "EmailIdentity": "kontor.test" }));
        let flows = self.dir.path().join("flows");
        std::fs::create_dir(&flows).unwrap();
        std::fs::copy(format!("{ROOT}/infra/flows/standard.yaml"), flows.join("standard.yaml")).unwrap();
        std::fs::write(self.dir.path().join("kontor.yaml"), yaml(&self.stands)).unwrap();
    }

    /// `kontor push`, as the operator calls it.
    pub(crate) fn push(&self) -> Output {
        let mut kontor = self.aws.signed_in(&crate::house::program());
        kontor.args(["--json", "push", "--by", "anna", "--table", self.output("TableName"), "--config"]);
        kontor.arg(self.dir.path().join("kontor.yaml")).output().unwrap()
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    /// The shop has the order, and tells of it. Answers the HTTP status.
    pub(crate) async fn deliver(&self, parcel: &Parcel) -> u16 {
        self.stands.place(parcel);
        self.send(parcel, SECRET).await
    }

    /// A delivery signed with `secret`.
    pub(crate) async fn send(&self, parcel: &Parcel, secret: &str) -> u16 {
        parcel.send(&self.client, &self.url, secret).await.unwrap()
    }

    /// An item of the table.
    pub(crate) fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let with = json!({ "TableName": self.output("TableName"), "Key": key, "ConsistentRead": true });
        self.aws.call("dynamodb", "get_item", with).get("Item").cloned()
    }

    /// An order, `shop/number`.
    pub(crate) fn order(&self, key: &str) -> Option<Order> {
        let item = self.item(&order_key(key), "STATE")?;
        Some(serde_json::from_str(&body(&item)).unwrap())
    }

    /// The timeline of an order, as text.
    pub(crate) fn timeline(&self, key: &str) -> Vec<Value> {
        let with = json!({
            "TableName": self.output("TableName"), "ConsistentRead": true,
            "KeyConditionExpression": "pk = :p AND begins_with(sk, :s)",
            "ExpressionAttributeValues": { ":p": { "S": order_key(key) }, ":s": { "S": "LOG#" } }
        });
        let found = self.aws.call("dynamodb", "query", with);
        let entry = |item: &Value| serde_json::from_str(&body(item)).unwrap();
        found["Items"].as_array().unwrap().iter().map(entry).collect()
    }

    /// Every failure record that is open.
    pub(crate) fn failures(&self) -> Vec<Value> {
        let with = json!({
            "TableName": self.output("TableName"), "IndexName": "failures-by-state",
            "KeyConditionExpression": "failure_state = :s",
            "ExpressionAttributeValues": { ":s": { "S": "open" } }
        });
        let found = self.aws.call("dynamodb", "query", with);
        let keys = found["Items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["pk"]["S"].as_str().unwrap().to_owned());
        let record = |pk: String| self.item(&pk, "RECORD").unwrap();
        keys.map(record).map(|item| serde_json::from_str(&body(&item)).unwrap()).collect()
    }

    /// Messages in a queue: to be had, and in somebody's hands.
    pub(crate) fn depth(&self, output: &str) -> (u32, u32) {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let with = json!({ "QueueUrl": self.output(output), "AttributeNames": names });
        let found = self.aws.call("sqs", "get_queue_attributes", with);
        let [waiting, taken] = names.map(|name| found["Attributes"][name].as_str().unwrap().parse().unwrap());
        (waiting, taken)
    }

    /// The receipt of a message that has this word in it, if it is in the queue. It stays there for others.
    pub(crate) fn look(&self, output: &str, word: &str) -> Option<Value> {
        let with =
            json!({ "QueueUrl": self.output(output), "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
        let found = self.aws.call("sqs", "receive_message", with);
        let mut messages = found.get("Messages")?.as_array()?.iter();
        let message =
            messages.find(|message| message["Body"].as_str().is_some_and(|body| body.contains(word)))?;
        Some(message["ReceiptHandle"].clone())
    }

    /// Puts a text into a queue.
    pub(crate) fn put(&self, output: &str, body: &str) {
        self.aws.call("sqs", "send_message", json!({ "QueueUrl": self.output(output), "MessageBody": body }));
    }

    /// Waits until `happened` says so.
    pub(crate) async fn until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let watch = Stopwatch::start();
        while !happened() {
            assert!(watch.elapsed() < PATIENCE, "this did not happen: {what}");
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// The log lines of a function.
    pub(crate) fn log(&self, function: &str) -> Vec<String> {
        let group = format!("/aws/lambda/{STACK}-{function}");
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let mut with = json!({ "logGroupName": group });
            if let Some(token) = next {
                with["nextToken"] = token;
            }
            // A function that never ran has no log.
            let Ok(found) = self.aws.tried("logs", "filter_log_events", with) else { return lines };
            let events = found["events"].as_array().unwrap();
            lines.extend(events.iter().map(|event| event["message"].as_str().unwrap().trim().to_owned()));
            next = found.get("nextToken").cloned();
            if next.is_none() {
                return lines;
            }
        }
    }

    /// How often a function was called.
    pub(crate) fn invocations(&self, function: &str) -> usize {
        self.log(function).iter().filter(|line| line.starts_with("REPORT ")).count()
    }

    /// Lets the queue of a function lie, or has it worked off.
    pub(crate) fn feed(&self, function: &str, on: bool) {
        let with = json!({ "FunctionName": format!("{STACK}-{function}") });
        let sources = self.aws.call("lambda", "list_event_source_mappings", with);
        for source in sources["EventSourceMappings"].as_array().unwrap() {
            let with = json!({ "UUID": source["UUID"], "Enabled": on });
            self.aws.call("lambda", "update_event_source_mapping", with);
        }
    }
}

impl Drop for Bundle {
    /// A story that went wrong is told by the functions' own logs.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for function in FUNCTIONS {
            let lines = self.log(function.name);
            let bad: Vec<_> =
                lines.iter().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect();
            let from = bad.len().saturating_sub(8);
            eprintln!("{}: {} lines, the last bad ones: {:#?}", function.name, lines.len(), &bad[from..]);
        }
    }
}

pub(crate) fn order_key(key: &str) -> String {
    format!("ORDER#{}", key.replace('/', "#"))
}

/// What an item holds as a whole: text, or compressed where it is long.
pub(crate) fn body(item: &Value) -> String {
    let body = &item["body"];
    if let Some(text) = body["S"].as_str() {
        return text.to_owned();
    }
    let packed = STANDARD.decode(body["B"].as_str().unwrap()).unwrap();
    String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap()
}

fn named(variable: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests are told by their environment what was built")]
    std::env::var(variable).ok().map(PathBuf::from)
}

/// A folder with each function's `bootstrap`: as it was built for AWS, or a program of this machine without its symbols.
fn packed(dir: &tempfile::TempDir, programs: Vec<(String, &str, PathBuf)>) -> BTreeMap<String, PathBuf> {
    let (mut folders, mut strips) = (BTreeMap::new(), Vec::new());
    for (key, name, built) in programs {
        let program = built.join(name);
        let bundled = program.is_dir();
        let folder = if bundled { program.clone() } else { dir.path().join("built").join(&key) };
        if !bundled {
            std::fs::create_dir_all(&folder).unwrap();
            let bootstrap = folder.join("bootstrap");
            let strip = Command::new("strip").arg("-o").arg(&bootstrap).arg(&program).spawn();
            strips.push((strip, program, bootstrap));
        }
        folders.insert(key, folder);
    }
    // Symbols are most of an unoptimised program. Where there is no `strip`, all only takes longer.
    for (strip, program, bootstrap) in strips {
        if !strip.and_then(|mut strip| strip.wait()).is_ok_and(|status| status.success()) {
            std::fs::copy(program, bootstrap).unwrap();
        }
    }
    folders
}

/// The template with code and nested templates where they were uploaded to: what `aws cloudformation package` makes of it.
fn template(aws: &Aws, ministack: &Ministack) -> String {
    let read = |file: &str| std::fs::read_to_string(format!("{ROOT}/{file}")).unwrap();
    let mut text = read("template.yaml");
    let mut replace = |from: String, to: String| {
        assert_eq!(text.matches(&from).count(), 1, "the template names {from:?} once");
        text = text.replace(&from, &to);
    };
    for function in FUNCTIONS {
        let name = function.name;
        replace(format!("CodeUri: target/lambda/{name}\n"), format!("CodeUri: s3://{CODE}/{name}.zip\n"));
    }
    for nested in ["infra/data.yaml", "infra/messaging.yaml", "infra/alarms.yaml"] {
        aws.call("s3", "put_object", json!({ "Bucket": CODE, "Key": nested, "Body": read(nested) }));
        let url = format!("{}/{CODE}/{nested}", ministack.endpoint());
        replace(format!("TemplateURL: {nested}\n"), format!("TemplateURL: {url}\n"));
    }
    text
}

/// Creates the stack and waits for it. Answers its outputs.
fn create(aws: &Aws, template: &str) -> BTreeMap<String, String> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let parameter = |(name, value): (&str, &str)| json!({ "ParameterKey": name, "ParameterValue": value });
    let parameters =
        [("AlertMail", "admin@kontor.test"), ("MailIdentity", "kontor.test"), ("Architecture", architecture)];
    aws.call(
        "cloudformation",
        "create_stack",
        json!({
            "StackName": STACK,
            "TemplateBody": template,
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Parameters": parameters.map(parameter),
        }),
    );
    let watch = Stopwatch::start();
    let stack = loop {
        let found = aws.call("cloudformation", "describe_stacks", json!({ "StackName": STACK }));
        let stack = found["Stacks"][0].clone();
        match stack["StackStatus"].as_str().unwrap() {
            "CREATE_COMPLETE" => break stack,
            "CREATE_IN_PROGRESS" => assert!(watch.elapsed() < PATIENCE, "the stack takes too long"),
            status => {
                let events =
                    aws.call("cloudformation", "describe_stack_events", json!({ "StackName": STACK }));
                panic!("the stack is {status}: {events:#}")
            }
        }
        std::thread::sleep(BETWEEN);
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let outputs = stack["Outputs"].as_array().unwrap().iter();
    outputs.map(|output| (text(&output["OutputKey"]), text(&output["OutputValue"]))).collect()
}

fn yaml(stands: &Stands) -> String {
    let shop = |id: &str, kind: &str, url: &str, more: &str| {
        format!(
            "  - {{ id: {id}, kind: {kind}, url: \"{url}\", flow: standard, webhook_secrets: [secret:shop-webhook], \
             api: {{ key: secret:token, secret: secret:shop-webhook }}, payments: {{ ppcp-gateway: prepaid, \
             shopify_payments: prepaid, paypal: prepaid, payment_paypal: prepaid, Payments.Invoice: invoice }}{more} }}\n"
        )
    };
    format!(
        "shops:\n{}{}{}{}erp: {{ url: \"{}\", token: secret:token, webhook_secrets: [secret:hook], \
         gross_channel: GROSS1, net_channel: NET1, settle_seconds: 1, taxes: {{ '19': '19', '7': '7', '0': '0' }}, articles: {{ shipping: SHIPPING, fee: FEE, \
         discount: DISCOUNT, rounding: ROUNDING, gift_card: GIFTCARD }} }}\n\
         mail: {{ from: \"Kontor <stories@kontor.test>\", language: de, signature: Kontor }}\n",
        shop("kaffee", "woocommerce", &stands.woocommerce.url, ", poll_minutes: 1"),
        shop("schnee", "shopify", &stands.shopify.url, ""),
        shop("garten", "shopware", &stands.shopware.url, ""),
        shop("tinte", "smartstore", &stands.smartstore.url, ", currency: EUR"),
        stands.erp_url,
    )
}
