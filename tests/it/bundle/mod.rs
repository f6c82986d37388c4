//! The deployed bundle: `template.yaml` in a stand-in of AWS that evaluates its roles, driven from outside only.
//!
//! One stack, one story after the other: they share its queues. What a stand-in of AWS can't show is in docs/smoke.md.

mod aws;
mod stack;
mod stands;
mod versions;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use kontor_flow::order::Cause;
use kontor_flow::{Order, OrderStatus, StepState};
use kontor_runtime::clock::{self, Stopwatch};
use kontor_runtime::settings::FUNCTIONS;
use kontor_sandbox::traffic::{
    Parcel, SHOPIFY_PAID, SHOPWARE_PAID, SMARTSTORE_NET, WOO_PREPAID, shopware_id,
};
use kontor_testkit::ministack_with_rights;
use serde_json::{Value, json};

use self::stack::{Bundle, CODE, STACK, order_key};

/// Since a command was sent, so much has passed that nobody counts on it any more.
const LONG_AGO: Duration = Duration::from_secs(16 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn the_deployed_bundle_carries_orders() {
    let Some(ministack) = ministack_with_rights() else { return };
    let bundle = Bundle::deploy(ministack).await;
    let watch = Stopwatch::start();
    let stage = Stage { bundle: &bundle, watch, through: RefCell::default() };
    stage.nothing_is_taken_before_there_is_a_configuration().await;
    stage.the_operator_pushes_the_configuration();
    stage.orders_go_from_the_shop_to_the_erp_and_back().await;
    stage.strangers_are_refused().await;
    stage.notices_bring_the_orders_they_name().await;
    stage.an_order_of_which_no_webhook_tells();
    stage.a_message_is_lost().await;
    stage.of_a_batch_only_the_bad_message_comes_again().await;
    stage.what_cannot_be_read_is_kept_and_somebody_is_told().await;
    stage.two_versions_work_side_by_side().await;
    stage.what_was_lost_is_sent_again_by_the_schedule().await;
    stage.what_no_webhook_told_is_found_by_asking().await;
    stage.roles_allow_no_more_than_they_say();
    stage.the_books_add_up().await;
}

/// Where the stories are told.
struct Stage<'a> {
    bundle: &'a Bundle,
    watch: Stopwatch,
    /// The orders that are through.
    through: RefCell<BTreeSet<String>>,
}

impl Stage<'_> {
    fn told(&self, what: &str) {
        eprintln!("bundle: {:5.1} s  {what}", self.watch.elapsed().as_secs_f64());
    }

    /// Waits until these orders are completed.
    async fn completed(&self, keys: impl IntoIterator<Item = String>) {
        for key in keys {
            let done = || self.bundle.order(&key).is_some_and(|order| order.status == OrderStatus::Completed);
            self.bundle.until(&format!("order {key} is completed"), done).await;
            self.through.borrow_mut().insert(key);
        }
    }

    async fn nothing_is_taken_before_there_is_a_configuration(&self) {
        assert_eq!(self.bundle.deliver(&woo(1)).await, 503, "the shop is to send it again");
        self.told("without a configuration, shops are asked to come again");
    }

    fn the_operator_pushes_the_configuration(&self) {
        let pushed = || {
            let output = self.bundle.push();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "kontor push: {}{said}",
                String::from_utf8_lossy(&output.stdout)
            );
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        };
        assert_eq!(pushed(), json!({ "version": 1 }));
        assert_eq!(pushed(), json!({ "version": 1 }), "what is in force already is not pushed again");
        let kept = self.bundle.item("CONFIG", "CURRENT").unwrap();
        assert!(stack::body(&kept).contains("anna"), "who pushed it is kept");
        self.told("the operator has pushed a configuration");
    }

    async fn orders_go_from_the_shop_to_the_erp_and_back(&self) {
        let (woo, shopify) = (woo(1), SHOPIFY_PAID.parcel("schnee", 2, "lena@example.test").unwrap());
        // At least once is what shops promise.
        for parcel in [&woo, &shopify, &woo] {
            assert_eq!(self.bundle.deliver(parcel).await, 200);
        }
        self.completed(["kaffee/1".to_owned(), "schnee/2".to_owned()]).await;
        assert_eq!(self.bundle.send(&woo, crate::house::SECRET).await, 200, "and once more when all is done");
        let report = self.bundle.stands.erp.report();
        let documents = [&report.sales_orders, &report.shipments, &report.invoices].map(Vec::len);
        assert_eq!((report.customers, documents), (2, [2, 2, 2]), "{report:#?}");
        let shop = self.bundle.stands.woocommerce.state().report();
        assert_eq!(shop.orders.get("completed"), Some(&1), "the shop was told of the shipment: {shop:#?}");
        let told = self.bundle.stands.shopify.state().report();
        assert_eq!(told.fulfillments, 1, "{told:#?}");
        self.told("orders of two shops went to the ERP, and word of their parcels back");
    }

    /// Shopware and Smartstore tell that something changed; work-shops fetches it.
    async fn notices_bring_the_orders_they_name(&self) {
        let shopware = SHOPWARE_PAID.parcel("garten", 4, &email(4)).unwrap();
        let smartstore = SMARTSTORE_NET.parcel("tinte", 5, &email(5)).unwrap();
        for parcel in [&shopware, &smartstore, &shopware] {
            assert_eq!(self.bundle.deliver(parcel).await, 200);
        }
        self.completed([format!("garten/{}", shopware_id(4)), "tinte/5".to_owned()]).await;
        let told = self.bundle.stands.shopware.state().report();
        assert_eq!((told.shipped, told.doubled_tracking.len()), (1, 0), "{told:#?}");
        let told = self.bundle.stands.smartstore.state().report();
        assert_eq!((told.shipments, told.doubled_shipments.len()), (1, 0), "{told:#?}");
        self.told("notices of two more shops led to their orders, and word of their parcels back");
    }

    fn an_order_of_which_no_webhook_tells(&self) {
        let order: Value = serde_json::from_str(&woo(40).body).unwrap();
        assert!(self.bundle.stands.woocommerce.state().place(&order));
        assert!(self.bundle.order("kaffee/40").is_none());
    }

    /// sync-orders has the shop asked once a minute, and work-shops asks it.
    async fn what_no_webhook_told_is_found_by_asking(&self) {
        self.completed(["kaffee/40".to_owned()]).await;
        self.told("an order that no webhook told of was found by asking");
    }

    async fn strangers_are_refused(&self) {
        assert_eq!(self.bundle.send(&woo(3), "not the secret").await, 401, "forged");
        let elsewhere = format!("{}/webhooks/nobody/kaffee", self.bundle.url);
        let answer = self.bundle.client.post(elsewhere).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 404, "no such route");
        let hint = format!("{}/webhooks/weclapp/wrong", self.bundle.url);
        let body = r#"{"entityId":"1","entityName":"shipment","type":"UPDATE"}"#;
        assert_eq!(self.bundle.client.post(hint).body(body).send().await.unwrap().status(), 401, "hint");
        assert!(self.bundle.order("kaffee/3").is_none());
        self.told("a forged delivery was refused");
    }

    /// The command of an order is gone from its queue, and nobody has seen it. Time passes; the schedule comes later.
    async fn a_message_is_lost(&self) {
        self.let_commands_lie().await;
        assert_eq!(self.bundle.deliver(&woo(30)).await, 200);
        let mut lost = None;
        self.bundle
            .until("the command is in its queue", || {
                lost = self.bundle.look("QueueErp", "kaffee/30");
                lost.is_some()
            })
            .await;
        let with = json!({ "QueueUrl": self.bundle.output("QueueErp"), "ReceiptHandle": lost });
        self.bundle.aws.call("sqs", "delete_message", with);
        self.let_time_pass("kaffee/30", LONG_AGO);
        self.bundle.feed("work-erp", true);
        self.told("a command was lost on the way");
    }

    /// From now on nobody takes commands for the ERP.
    async fn let_commands_lie(&self) {
        self.bundle
            .until("nothing is under way to the ERP", || self.bundle.depth("QueueErp") == (0, 0))
            .await;
        self.bundle.feed("work-erp", false);
    }

    /// As if everything of this order had been a while ago.
    fn let_time_pass(&self, key: &str, by: Duration) {
        let before = |at: jiff::Timestamp| at.checked_sub(by).unwrap();
        let mut order: Order = self.bundle.order(key).unwrap();
        let mut moved = 0;
        for state in order.steps.values_mut() {
            if let StepState::Requested { since, .. } = state {
                *since = before(*since);
                moved += 1;
            }
        }
        assert_eq!(moved, 1, "one command is under way: {:?}", order.steps);
        order.due_at = order.due_at.map(before);
        let due = order.due_at.unwrap();
        assert!(due < clock::now(), "it is due at {due}");
        self.bundle.aws.call(
            "dynamodb",
            "update_item",
            json!({
                "TableName": self.bundle.output("TableName"),
                "Key": { "pk": { "S": order_key(key) }, "sk": { "S": "STATE" } },
                "UpdateExpression": "SET body = :b, due_at = :d",
                "ConditionExpression": "version = :v",
                "ExpressionAttributeValues": {
                    ":b": { "S": serde_json::to_string(&order).unwrap() },
                    ":d": { "N": due.as_microsecond().to_string() },
                    ":v": { "N": order.version.to_string() }
                }
            }),
        );
    }

    async fn what_was_lost_is_sent_again_by_the_schedule(&self) {
        self.completed(["kaffee/30".to_owned()]).await;
        assert!(self.bundle.invocations("sync-overdue") > 0);
        let timeline = self.bundle.timeline("kaffee/30");
        let due = serde_json::to_value(Cause::Due).unwrap();
        assert!(timeline.iter().any(|entry| entry["cause"] == due), "{timeline:#?}");
        self.told("the schedule has sent the lost command again, and its order is through");
    }

    /// Five orders whose customers the ERP tells of, one whose customer it does not.
    async fn of_a_batch_only_the_bad_message_comes_again(&self) {
        let reception = &self.bundle.stands.reception;
        let (bad, good) = (email(40), [41, 42, 43, 44, 45]);
        reception.close_to(Some(&bad));
        self.let_commands_lie().await;
        for number in [40].into_iter().chain(good) {
            assert_eq!(self.bundle.deliver(&woo(number)).await, 200);
        }
        self.bundle.until("six commands wait", || self.bundle.depth("QueueErp").0 >= 6).await;
        self.bundle.feed("work-erp", true);
        self.completed(good.map(|number| format!("kaffee/{number}"))).await;
        self.bundle.until("the bad one comes again and again", || reception.asked(&bad) >= 3).await;
        for number in good {
            assert_eq!(reception.asked(&email(number)), 1, "the order kaffee/{number} was not tried again");
        }
        let log = self.bundle.log("work-erp");
        assert!(log.iter().any(|line| counts(line, "done") >= 5), "they were one batch: {log:#?}");
        assert_eq!(self.bundle.order("kaffee/40").unwrap().status, OrderStatus::InWork);
        reception.close_to(None);
        self.completed(["kaffee/40".to_owned()]).await;
        self.told("of a batch of six, five were done once, and one came again until it could be done");
    }

    async fn what_cannot_be_read_is_kept_and_somebody_is_told(&self) {
        let inbox = Inbox::open(self.bundle);
        let poison = r#"{"order":"rotten"}"#;
        self.bundle.put("QueueEvents", poison);
        self.bundle.until("the failure is on record", || !self.bundle.failures().is_empty()).await;
        // A copy of what is known to be bad tells nobody anew.
        self.bundle.put("QueueEvents", poison);
        self.bundle.until("the copy is counted", || self.bundle.failures()[0]["times"] == 2).await;
        let failure = &self.bundle.failures()[0];
        assert_eq!(
            (failure["class"].as_str(), failure["queue"].as_str()),
            (Some("unreadable"), Some("events"))
        );
        assert_eq!(failure["message"], poison, "the whole message is kept");

        // What the order desk can read, and the ERP can't take.
        let mut unknown = woo(50);
        unknown.body = unknown.body.replace("TASSE-01", "TASSE-99");
        assert_eq!(self.bundle.deliver(&unknown).await, 200);
        self.bundle.until("the order is a failure", || self.bundle.failures().len() == 2).await;
        self.bundle.until("somebody is told of both", || inbox.read(self.bundle).len() >= 2).await;
        let told = inbox.read(self.bundle);
        assert_eq!(told.len(), 2, "one word for each failure: {told:#?}");
        let id = failure["id"].as_str().unwrap();
        assert!(told[0].contains(id) && told[1].contains("kaffee/50"), "{told:#?}");
        assert!(!told.concat().contains("example.test"), "and nothing personal: {told:#?}");
        self.told("bad messages are on record, and the admin was told of each once");
    }

    /// `work-events` twice on the same queue, as while an update is rolled out; what the neighbour versions write.
    async fn two_versions_work_side_by_side(&self) {
        let failures = self.bundle.failures().len();
        let other = self.another_version("work-events-other", "WorkEventsRole");
        let queue = json!({ "QueueUrl": self.bundle.output("QueueEvents"), "AttributeNames": ["QueueArn"] });
        let found = self.bundle.aws.call("sqs", "get_queue_attributes", queue);
        let source = self.bundle.aws.call(
            "lambda",
            "create_event_source_mapping",
            json!({
                "FunctionName": other,
                "EventSourceArn": found["Attributes"]["QueueArn"],
                "BatchSize": 1,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            }),
        );
        // A version with more to tell puts it beside what is there. An earlier one left out what was not asked for yet.
        for (number, message) in [(60, from_later(&woo(60))), (61, from_earlier(&woo(61)))] {
            self.bundle.stands.place(&woo(number));
            self.bundle.put("QueueEvents", &message.to_string());
            self.completed([format!("kaffee/{number}")]).await;
        }
        self.hand_over(62, "work-events-other", "work-events").await;
        let before = self.bundle.invocations("work-events-other");
        assert!(before > 0, "the other version took part");
        self.hand_over(63, "work-events", "work-events-other").await;
        assert!(self.bundle.invocations("work-events-other") > before, "and again");
        self.bundle.feed("work-events", true);

        // What this version can't know is kept for the one that does.
        let message = json!({ "v": 2, "message": { "parcel": { "order": "kaffee/66" } } }).to_string();
        self.bundle.put("QueueEvents", &message);
        self.bundle.until("it is kept", || self.bundle.failures().len() > failures).await;
        let kept = self.bundle.failures();
        let kept = kept.iter().find(|failure| failure["message"] == message.as_str());
        let cause = kept.unwrap()["cause"].as_str().unwrap();
        assert!(cause.contains("version 2"), "{cause}");

        self.bundle.aws.call("lambda", "delete_event_source_mapping", json!({ "UUID": source["UUID"] }));
        self.told("two versions of a function worked side by side, and a message of a later one is kept");
    }

    /// An order that one version begins and another ends: each reads what the other stored and sent.
    async fn hand_over(&self, number: u64, first: &str, second: &str) {
        let key = format!("kaffee/{number}");
        self.let_commands_lie().await;
        self.bundle.feed(second, false);
        self.bundle.feed(first, true);
        assert_eq!(self.bundle.deliver(&woo(number)).await, 200);
        let begun = || self.bundle.look("QueueErp", &key).is_some();
        self.bundle.until(&format!("{first} has begun with {key}"), begun).await;
        self.bundle.feed(first, false);
        self.bundle.feed(second, true);
        self.bundle.feed("work-erp", true);
        self.completed([key]).await;
    }

    /// The other version of `work-events` as a function beside it, in the role of the stack's resource `role`.
    fn another_version(&self, name: &str, role: &str) -> String {
        let aws = &self.bundle.aws;
        let known = json!({ "FunctionName": format!("{STACK}-work-events") });
        let known = aws.call("lambda", "get_function_configuration", known);
        let with = json!({ "StackName": STACK, "LogicalResourceId": role });
        let role = aws.call("cloudformation", "describe_stack_resource", with);
        let role = json!({ "RoleName": role["StackResourceDetail"]["PhysicalResourceId"] });
        let role = aws.call("iam", "get_role", role);
        let name = format!("{STACK}-{name}");
        aws.call(
            "lambda",
            "create_function",
            json!({
                "FunctionName": name,
                "Runtime": known["Runtime"],
                "Handler": known["Handler"],
                "Timeout": known["Timeout"],
                "MemorySize": known["MemorySize"],
                "Environment": known["Environment"],
                "Role": role["Role"]["Arn"],
                "Code": { "S3Bucket": CODE, "S3Key": "work-events-other.zip" },
            }),
        );
        name
    }

    /// The same function in another's role: what it may not do, it can't.
    fn roles_allow_no_more_than_they_say(&self) {
        let name = self.another_version("work-events-misplaced", "WorkMailRole");
        let record = json!({
            "messageId": "a", "receiptHandle": "a", "body": from_later(&woo(90)).to_string(),
            "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:0:kontor-events",
        });
        let with = json!({ "FunctionName": name, "Payload": json!({ "Records": [record] }).to_string() });
        let answer = self.bundle.aws.call("lambda", "invoke", with);
        let answer: Value = serde_json::from_str(answer["Payload"].as_str().unwrap()).unwrap();
        assert_eq!(
            answer,
            json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }),
            "it is to come again"
        );
        let log = self.bundle.log("work-events-misplaced").join("\n");
        assert!(
            log.contains("AccessDenied"),
            "a role is evaluated, or nothing was proven of the others: {log}"
        );
        assert!(self.bundle.order("kaffee/90").is_none());
        for function in FUNCTIONS {
            let log = self.bundle.log(function.name);
            let denied: Vec<_> = log.iter().filter(|line| line.contains("AccessDenied")).collect();
            assert!(denied.is_empty(), "{} lacks a right: {denied:#?}", function.name);
        }
        self.told("no function lacked a right, and a wrong role is refused");
    }

    async fn the_books_add_up(&self) {
        for queue in ["QueueEvents", "QueueErp", "QueueShops", "QueueMail"] {
            for queue in [queue.to_owned(), format!("{queue}Dead")] {
                let empty = || self.bundle.depth(&queue) == (0, 0);
                self.bundle.until(&format!("{queue} is worked off"), empty).await;
            }
        }
        let report = self.bundle.stands.erp.report();
        assert_eq!(report.doubled, []);
        assert_eq!(report.contract_violations, Vec::<String>::new());
        let through = self.through.borrow();
        for documents in [&report.sales_orders, &report.shipments, &report.invoices] {
            let keys: BTreeSet<_> =
                documents.iter().filter_map(|document| document.order_key.clone()).collect();
            assert_eq!(
                (&keys, documents.len()),
                (&*through, through.len()),
                "each order has one, and no other has"
            );
        }
        assert_eq!(
            (report.customers, report.unpaid_shipments),
            (through.len() + 1, 0),
            "and who ordered what is not sold"
        );
        let calls: Vec<_> = FUNCTIONS
            .iter()
            .map(|function| (function.name, self.bundle.invocations(function.name)))
            .collect();
        assert!(calls.iter().all(|(_, count)| *count > 0), "every function was called: {calls:?}");
        let all: usize = calls.iter().map(|(_, count)| count).sum();
        self.told(&format!("{} orders, each once; {all} invocations: {calls:?}", through.len()));
    }
}

/// A queue that hears what the admin is told.
struct Inbox {
    url: String,
}

impl Inbox {
    fn open(bundle: &Bundle) -> Self {
        let url = bundle.aws.call("sqs", "create_queue", json!({ "QueueName": "inbox" }))["QueueUrl"].clone();
        let names = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let arn = bundle.aws.call("sqs", "get_queue_attributes", names)["Attributes"]["QueueArn"].clone();
        let topic = bundle.output("AlertTopic");
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": topic } }
        }] });
        let with = json!({ "QueueUrl": url, "Attributes": { "Policy": policy.to_string(), "VisibilityTimeout": "0" } });
        bundle.aws.call("sqs", "set_queue_attributes", with);
        bundle.aws.call("sns", "subscribe", json!({ "TopicArn": topic, "Protocol": "sqs", "Endpoint": arn }));
        Self { url: url.as_str().unwrap().to_owned() }
    }

    /// Everything that was told so far, in order.
    fn read(&self, bundle: &Bundle) -> Vec<String> {
        let with = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0, "MessageSystemAttributeNames": ["SentTimestamp"]
        });
        let found = bundle.aws.call("sqs", "receive_message", with);
        let mut told: Vec<(String, String)> = Vec::new();
        for message in found["Messages"].as_array().into_iter().flatten() {
            let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            let sent = message["Attributes"]["SentTimestamp"].as_str().unwrap().to_owned();
            told.push((sent, format!("{}\n{}", body["Subject"], body["Message"])));
        }
        told.sort_unstable();
        told.into_iter().map(|(_, text)| text).collect()
    }
}

fn email(number: u64) -> String {
    format!("customer{number}@example.test")
}

fn woo(number: u64) -> Parcel {
    WOO_PREPAID.parcel("kaffee", number, &email(number)).unwrap()
}

/// The message of a later version that writes more than this one knows of.
fn from_later(parcel: &Parcel) -> Value {
    let body = json!({ "text": parcel.body });
    let delivery = json!({
        "shop": parcel.shop, "topic": parcel.topic, "received_at": clock::now().to_string(), "headers": {}, "body": body,
        "traced_by": "1-5759e988"
    });
    json!({ "v": 1, "message": { "delivery": delivery }, "written_by": "0.2.0" })
}

/// The message of a version that knew no headers yet.
fn from_earlier(parcel: &Parcel) -> Value {
    let body = json!({ "text": parcel.body });
    let received = clock::now().to_string();
    let delivery =
        json!({ "shop": parcel.shop, "topic": parcel.topic, "received_at": received, "body": body });
    json!({ "v": 1, "message": { "delivery": delivery } })
}

/// How many records of an invocation had this verdict, if the line is the metric that says so.
fn counts(line: &str, verdict: &str) -> u64 {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return 0 };
    if line["verdict"] == verdict { line["records"].as_u64().unwrap_or(0) } else { 0 }
}
