//! The template against the code: triggers, variables, rights, queues, table and alarms are what the functions work with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kontor_aws::table;
use kontor_flow::Queue;
use kontor_runtime::batch::{LIMIT, VISIBILITY};
use kontor_runtime::settings::{self, FUNCTIONS, Function, TableRight, Trigger};
use serde_json::{Value, json};

const FORTNIGHT: u64 = 14 * 24 * 3600;

/// The four templates.
#[derive(Clone)]
struct Templates {
    bundle: Value,
    data: Value,
    messaging: Value,
    alarms: Value,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> Value {
    let text = std::fs::read_to_string(root().join(path)).expect(path);
    serde_saphyr::from_str(&text).expect(path)
}

impl Templates {
    fn read() -> Self {
        Self {
            bundle: read("template.yaml"),
            data: read("infra/data.yaml"),
            messaging: read("infra/messaging.yaml"),
            alarms: read("infra/alarms.yaml"),
        }
    }

    fn parts(&mut self) -> [&mut Value; 4] {
        [&mut self.bundle, &mut self.data, &mut self.messaging, &mut self.alarms]
    }
}

/// What is wrong.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.0.push(what.into());
        }
    }

    fn differs<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: &T, should: &T) {
        self.unless(is == should, format!("{what} is {is:?}, should be {should:?}"));
    }
}

fn of_type<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let all = template["Resources"].as_object().into_iter().flatten();
    all.filter(|(_, it)| it["Type"] == kind).map(|(name, it)| (name.as_str(), it)).collect()
}

fn attribute(resource: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [resource, attribute] })
}

/// The name of a queue's resource, and of its outputs.
fn resource(queue: Queue, dead: bool) -> String {
    let word = queue.as_str();
    format!("{}{}{}", word[..1].to_uppercase(), &word[1..], if dead { "Dead" } else { "" })
}

fn queue_arn(queue: Queue, dead: bool) -> Value {
    attribute("Messaging", &format!("Outputs.{}Arn", resource(queue, dead)))
}

fn queue_url(queue: Queue, dead: bool) -> Value {
    attribute("Messaging", &format!("Outputs.{}Url", resource(queue, dead)))
}

/// The resource of a function, found by the function's name.
fn deployed<'a>(template: &'a Value, function: &Function) -> Option<(&'a str, &'a Value)> {
    let name = json!({ "Fn::Sub": format!("${{AWS::StackName}}-{}", function.name) });
    of_type(template, "AWS::Serverless::Function")
        .into_iter()
        .find(|(_, it)| it["Properties"]["FunctionName"] == name)
}

fn check(templates: &Templates) -> Vec<String> {
    let mut wrong = Wrong::default();
    check_set(&mut wrong, &templates.bundle);
    for function in FUNCTIONS {
        let Some((name, it)) = deployed(&templates.bundle, &function) else {
            wrong.unless(false, format!("{} is not deployed", function.name));
            continue;
        };
        check_process(&mut wrong, &templates.bundle, &function, name, it);
        check_trigger(&mut wrong, &templates.bundle, &function, name, it);
        let (is, should) = (granted(&templates.bundle, name), rights(&function, name));
        for right in is.difference(&should) {
            wrong.unless(false, format!("{} has a right it does not need: {right:?}", function.name));
        }
        for right in should.difference(&is) {
            wrong.unless(false, format!("{} lacks a right: {right:?}", function.name));
        }
    }
    check_stacks(&mut wrong, templates);
    check_queues(&mut wrong, &templates.messaging);
    check_table(&mut wrong, &templates.data);
    check_alarms(&mut wrong, &templates.alarms);
    wrong.0
}

/// Functions of the template, of the code, and of the folder are the same.
fn check_set(wrong: &mut Wrong, bundle: &Value) {
    let folder = std::fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap().file_name());
    let crates: BTreeSet<_> =
        folder.map(|name| name.into_string().unwrap()).filter(|name| name != "kontor").collect();
    let known: BTreeSet<_> = FUNCTIONS.iter().map(|function| function.name.to_owned()).collect();
    wrong.differs("the folder functions", &crates, &known);
    wrong.differs("functions", &of_type(bundle, "AWS::Serverless::Function").len(), &FUNCTIONS.len());
    wrong.differs("roles", &of_type(bundle, "AWS::IAM::Role").len(), &FUNCTIONS.len());
    let (policies, managed) = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy");
    wrong.unless(
        of_type(bundle, policies).is_empty() && of_type(bundle, managed).is_empty(),
        "rights beside the roles",
    );
}

fn check_process(wrong: &mut Wrong, bundle: &Value, function: &Function, name: &str, it: &Value) {
    let (slug, it) = (function.name, &it["Properties"]);
    wrong.differs(slug, &it["CodeUri"], &json!(format!("target/lambda/{slug}")));
    wrong.differs(slug, &it["Role"], &attribute(&format!("{name}Role"), "Arn"));
    wrong.unless(it.get("Policies").is_none(), format!("{slug} has rights beside its role"));
    let mut variables = BTreeMap::from([(settings::TABLE, attribute("Data", "Outputs.TableName"))]);
    for (queue, dead) in function.queues() {
        variables.insert(settings::queue_variable(queue, dead), queue_url(queue, dead));
    }
    if function.alerts {
        variables.insert(settings::ALERT_TOPIC, attribute("Messaging", "Outputs.AlertsArn"));
    }
    if function.secrets {
        variables.insert(settings::SECRET_PREFIX, json!({ "Ref": "SecretPrefix" }));
    }
    let names: BTreeSet<_> = function.variables().into_iter().collect();
    wrong.differs("variables known to this test", &variables.keys().copied().collect(), &names);
    wrong.differs(&format!("environment of {slug}"), &it["Environment"]["Variables"], &json!(variables));

    let log = &bundle["Resources"][format!("{name}Log")];
    wrong.differs(slug, &it["LoggingConfig"]["LogGroup"], &json!({ "Ref": format!("{name}Log") }));
    wrong.differs(slug, &log["Properties"]["RetentionInDays"], &json!({ "Ref": "LogDays" }));
    let timeout = it["Timeout"].as_u64().unwrap_or(0);
    let long = timeout > LIMIT.as_secs() + 2 && timeout < VISIBILITY.as_secs();
    wrong.unless(
        long || matches!(function.trigger, Trigger::Http(_)),
        format!("{slug} has no time for its records"),
    );
}

fn check_trigger(wrong: &mut Wrong, bundle: &Value, function: &Function, name: &str, it: &Value) {
    let slug = function.name;
    let events: Vec<_> =
        it["Properties"]["Events"].as_object().into_iter().flatten().map(|(_, event)| event).collect();
    let sources: BTreeSet<_> = events.iter().map(|event| event["Properties"]["Queue"].to_string()).collect();
    let mut fed_by = |queues: Vec<(Queue, bool)>| {
        let should = queues.iter().map(|(queue, dead)| queue_arn(*queue, *dead).to_string()).collect();
        wrong.differs(&format!("what feeds {slug}"), &sources, &should);
        for event in &events {
            let it = &event["Properties"];
            wrong.differs(slug, &event["Type"], &json!("SQS"));
            wrong.differs(slug, &it["FunctionResponseTypes"], &json!(["ReportBatchItemFailures"]));
            wrong.unless(
                it["ScalingConfig"]["MaximumConcurrency"] != Value::Null,
                format!("{slug} takes all it gets"),
            );
            let size = it["BatchSize"].as_u64().unwrap_or(0);
            wrong.unless((1..=25).contains(&size), format!("{slug} takes batches of {size}"));
        }
    };
    match function.trigger {
        Trigger::Http(_) => {
            wrong.unless(events.is_empty(), format!("{slug} has events beside its route"));
            function.routes().iter().for_each(|route| check_route(wrong, bundle, route, name));
        }
        Trigger::Queue(queue) => fed_by(vec![(queue, false)]),
        Trigger::DeadLetters => fed_by(Queue::ALL.map(|queue| (queue, true)).to_vec()),
        Trigger::Schedule => {
            let should = json!({ "EachMinute": { "Type": "Schedule", "Properties": { "Schedule": "rate(1 minute)" } } });
            wrong.differs(slug, &it["Properties"]["Events"], &should);
        }
    }
}

fn check_route(wrong: &mut Wrong, bundle: &Value, key: &str, name: &str) {
    let (method, path) = key.split_once(' ').unwrap();
    let key = json!(key);
    let routes = of_type(bundle, "AWS::ApiGatewayV2::Route");
    let route = routes.values().find(|it| it["Properties"]["RouteKey"] == key);
    wrong.unless(route.is_some(), format!("there is no route {key}"));
    let target = route.map(|it| it["Properties"]["Target"].clone());
    wrong.differs(
        "target",
        &target,
        &Some(json!({ "Fn::Sub": format!("integrations/${{{name}Integration}}") })),
    );
    let integration = &bundle["Resources"][format!("{name}Integration")]["Properties"];
    wrong.differs("integration", &integration["IntegrationUri"], &attribute(name, "Arn"));
    wrong.differs("payload", &integration["PayloadFormatVersion"], &json!("2.0"));
    let path = path.replace("{shop}", "*").replace("{secret}", "*");
    let source = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}";
    let permissions = of_type(bundle, "AWS::Lambda::Permission");
    let caller = json!({ "Fn::Sub": format!("{source}/*/{method}{path}") });
    let permission = permissions.values().find(|it| it["Properties"]["SourceArn"] == caller);
    wrong.unless(permission.is_some(), format!("nobody may call {name} for {key}"));
    let callee = permission.map(|it| it["Properties"]["FunctionName"].clone());
    wrong.differs("callee", &callee, &Some(json!({ "Ref": name })));
    let all: usize = FUNCTIONS.iter().map(|function| function.routes().len()).sum();
    wrong.differs("routes", &routes.len(), &all);
    wrong.differs("permissions", &permissions.len(), &all);
    let http = FUNCTIONS.iter().filter(|function| matches!(function.trigger, Trigger::Http(_))).count();
    wrong.differs("integrations", &of_type(bundle, "AWS::ApiGatewayV2::Integration").len(), &http);
    wrong.differs("stages", &of_type(bundle, "AWS::ApiGatewayV2::Stage").len(), &1);
}

/// A right: action, resource, and the partition keys it is for.
type Right = (String, String, Vec<String>);

/// The rights a function needs, and no other.
fn rights(function: &Function, name: &str) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    let mut grant = |actions: &[&str], resource: &Value, keys: &[&str]| {
        let keys: Vec<_> = keys.iter().map(|&key| key.to_owned()).collect();
        rights.extend(actions.iter().map(|&action| (action.to_owned(), resource.to_string(), keys.clone())));
    };
    let arn = |rest: &str, service: &str| json!({ "Fn::Sub": format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{rest}") });
    grant(&["logs:CreateLogStream", "logs:PutLogEvents"], &attribute(&format!("{name}Log"), "Arn"), &[]);

    let table = attribute("Data", "Outputs.TableArn");
    let (get, put, update) = (&["dynamodb:GetItem"], &["dynamodb:PutItem"], &["dynamodb:UpdateItem"]);
    match function.table {
        TableRight::Config => grant(get, &table, &["CONFIG"]),
        TableRight::Apps => {
            grant(get, &table, &["CONFIG", "TOKEN#shopware/*"]);
            grant(put, &table, &["TOKEN#shopware/*"]);
        }
        TableRight::Orders => {
            grant(get, &table, &["CONFIG", "FLOW#*", "ORDER#*"]);
            grant(put, &table, &["ORDER#*"]);
        }
        TableRight::Commands => {
            grant(get, &table, &["CONFIG", "ORDER#*"]);
            grant(update, &table, &["CALL#*"]);
        }
        TableRight::Asking => {
            grant(get, &table, &["CONFIG", "ORDER#*", "TOKEN#shopware/*"]);
            grant(update, &table, &["CALL#*"]);
            grant(update, &table, &["CURSOR#orders/*", "CURSOR#open/*"]);
            grant(&["dynamodb:Query"], &attribute("Data", "Outputs.StatusIndexArn"), &[]);
        }
        TableRight::Failures => grant(&["dynamodb:GetItem", "dynamodb:PutItem"], &table, &["FAILURE#*"]),
        TableRight::Due => {
            grant(get, &table, &["CONFIG", "FLOW#*", "ORDER#*"]);
            grant(put, &table, &["ORDER#*"]);
            grant(update, &table, &["CURSOR#overdue"]);
            grant(&["dynamodb:Query"], &attribute("Data", "Outputs.DueIndexArn"), &["due#*"]);
        }
    }
    for queue in function.sends {
        grant(&["sqs:SendMessage"], &queue_arn(*queue, false), &[]);
    }
    let own =
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"];
    match function.trigger {
        Trigger::Queue(queue) => {
            grant(&own, &queue_arn(queue, false), &[]);
            grant(&["sqs:SendMessage"], &queue_arn(queue, true), &[]);
        }
        Trigger::DeadLetters => {
            Queue::ALL.iter().for_each(|queue| grant(&own, &queue_arn(*queue, true), &[]))
        }
        // An order found to stand still is told as a failure of the events queue.
        Trigger::Schedule if function.table == TableRight::Due => {
            grant(&["sqs:SendMessage"], &queue_arn(Queue::Events, true), &[]);
        }
        Trigger::Schedule | Trigger::Http(_) => {}
    }
    if function.secrets {
        grant(&["secretsmanager:GetSecretValue"], &arn("secret:${SecretPrefix}*", "secretsmanager"), &[]);
    }
    if function.alerts {
        grant(&["sns:Publish"], &attribute("Messaging", "Outputs.AlertsArn"), &[]);
    }
    if function.mails {
        grant(&["ses:SendEmail"], &arn("identity/${MailIdentity}", "ses"), &[]);
    }
    rights
}

/// The rights the role of a function has.
fn granted(bundle: &Value, name: &str) -> BTreeSet<Right> {
    let role = &bundle["Resources"][format!("{name}Role")]["Properties"];
    let mut rights = BTreeSet::new();
    if role.get("ManagedPolicyArns").is_some() {
        rights.insert(("what a managed policy allows".to_owned(), String::new(), Vec::new()));
    }
    let listed = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let policies = listed(&role["Policies"]);
    for statement in policies.iter().flat_map(|policy| listed(&policy["PolicyDocument"]["Statement"])) {
        let statement = statement["Fn::If"].get(1).cloned().unwrap_or(statement);
        let keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"].as_array();
        let keys: Vec<_> =
            keys.into_iter().flatten().map(|key| key.as_str().unwrap_or("").to_owned()).collect();
        for action in listed(&statement["Action"]) {
            for resource in listed(&statement["Resource"]) {
                let action =
                    if statement["Effect"] == "Allow" { action.as_str().unwrap_or("") } else { "denied" };
                rights.insert((action.to_owned(), resource.to_string(), keys.clone()));
            }
        }
    }
    rights
}

/// What the templates hand on to each other and to the reader.
fn check_stacks(wrong: &mut Wrong, templates: &Templates) {
    let stacks: BTreeMap<_, _> = of_type(&templates.bundle, "AWS::CloudFormation::Stack")
        .into_iter()
        .map(|(name, it)| (name, it["Properties"]["TemplateURL"].as_str().unwrap_or("")))
        .collect();
    let should =
        [("Data", "infra/data.yaml"), ("Messaging", "infra/messaging.yaml"), ("Alarms", "infra/alarms.yaml")];
    wrong.differs("nested templates", &stacks, &BTreeMap::from(should));
    let outputs = &templates.messaging["Outputs"];
    for (queue, dead) in Queue::ALL.into_iter().flat_map(|queue| [(queue, false), (queue, true)]) {
        let name = resource(queue, dead);
        wrong.differs(&name, &outputs[format!("{name}Url")]["Value"], &json!({ "Ref": name }));
        wrong.differs(&name, &outputs[format!("{name}Arn")]["Value"], &attribute(&name, "Arn"));
        wrong.differs(
            &name,
            &templates.bundle["Outputs"][format!("Queue{name}")]["Value"],
            &queue_url(queue, dead),
        );
    }
    wrong.differs("topic", &outputs["AlertsArn"]["Value"], &json!({ "Ref": "Alerts" }));
    let outputs = &templates.data["Outputs"];
    wrong.differs("table", &outputs["TableName"]["Value"], &json!({ "Ref": "Table" }));
    wrong.differs("table", &outputs["TableArn"]["Value"], &attribute("Table", "Arn"));
    for (output, index) in [("DueIndexArn", table::BY_DUE), ("StatusIndexArn", table::BY_STATUS)] {
        let arn = format!("${{Table.Arn}}/index/{}", index.name);
        wrong.differs("index", &outputs[output]["Value"], &json!({ "Fn::Sub": arn }));
    }
    let outputs = &templates.bundle["Outputs"];
    wrong.differs("URL", &outputs["ApiUrl"]["Value"], &attribute("Api", "ApiEndpoint"));
    wrong.differs("table", &outputs["TableName"]["Value"], &attribute("Data", "Outputs.TableName"));
    wrong.differs("topic", &outputs["AlertTopic"]["Value"], &attribute("Messaging", "Outputs.AlertsArn"));
    wrong.differs("APIs", &of_type(&templates.bundle, "AWS::ApiGatewayV2::Api").len(), &1);
    let stage = &templates.bundle["Resources"]["Stage"]["Properties"];
    let throttled = json!({
        "ThrottlingRateLimit": { "Ref": "RequestsPerSecond" }, "ThrottlingBurstLimit": { "Ref": "RequestsPerSecond" }
    });
    wrong.differs("throttling", &stage["DefaultRouteSettings"], &throttled);
    // Its lines would have the secret in weclapp's path in them.
    wrong.differs("access log", &stage["AccessLogSettings"], &Value::Null);
}

fn check_queues(wrong: &mut Wrong, messaging: &Value) {
    let queues = of_type(messaging, "AWS::SQS::Queue");
    wrong.differs("queues", &queues.len(), &(Queue::ALL.len() * 2));
    for (queue, dead) in Queue::ALL.into_iter().flat_map(|queue| [(queue, false), (queue, true)]) {
        let name = resource(queue, dead);
        let it = queues.get(name.as_str()).map_or(&Value::Null, |it| &it["Properties"]);
        let word = if dead { format!("{queue}-dead") } else { queue.to_string() };
        wrong.differs(&name, &it["QueueName"], &json!({ "Fn::Sub": format!("${{Prefix}}-{word}") }));
        wrong.differs(&name, &it["VisibilityTimeout"], &json!(VISIBILITY.as_secs()));
        wrong.differs(&name, &it["MessageRetentionPeriod"], &json!(FORTNIGHT));
        wrong.differs(&name, &it["SqsManagedSseEnabled"], &json!(true));
        let redrive = json!({ "deadLetterTargetArn": attribute(&resource(queue, true), "Arn"), "maxReceiveCount": 200 });
        wrong.differs(&name, &it["RedrivePolicy"], if dead { &Value::Null } else { &redrive });
        let policy = &messaging["Resources"][format!("{name}Policy")];
        wrong.differs(&name, &policy["Type"], &json!("AWS::SQS::QueuePolicy"));
        wrong.differs(&name, &policy["Properties"]["Queues"], &json!([{ "Ref": name }]));
        let deny = json!([plain_denied("sqs:*", &attribute(&name, "Arn"))]);
        wrong.differs(&name, &policy["Properties"]["PolicyDocument"]["Statement"], &deny);
    }
    wrong.differs("queue policies", &of_type(messaging, "AWS::SQS::QueuePolicy").len(), &queues.len());
    check_topic_policy(wrong, messaging);
    let topics = of_type(messaging, "AWS::SNS::Topic");
    let called = topics.get("Alerts").map(|it| it["Properties"]["Subscription"].clone());
    wrong.differs(
        "admin",
        &called,
        &Some(json!([{ "Protocol": "email", "Endpoint": { "Ref": "AlertMail" } }])),
    );
}

/// What refuses everybody who comes without TLS.
fn plain_denied(action: &str, resource: &Value) -> Value {
    json!({
        "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource,
        "Condition": { "Bool": { "aws:SecureTransport": "false" } }
    })
}

/// Only this account's alarms may call, and nobody without TLS.
fn check_topic_policy(wrong: &mut Wrong, messaging: &Value) {
    let policies = of_type(messaging, "AWS::SNS::TopicPolicy");
    wrong.differs("topic policies", &policies.len(), &1);
    let policy = policies.get("AlertsPolicy").map_or(&Value::Null, |it| &it["Properties"]);
    let topic = json!({ "Ref": "Alerts" });
    wrong.differs("topic policy", &policy["Topics"], &json!([topic]));
    let alarms = json!({
        "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "sns:Publish",
        "Resource": topic, "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } }
    });
    let should = json!([alarms, plain_denied("sns:Publish", &topic)]);
    wrong.differs("topic policy", &policy["PolicyDocument"]["Statement"], &should);
}

fn check_table(wrong: &mut Wrong, data: &Value) {
    let tables = of_type(data, "AWS::DynamoDB::Table");
    let Some(it) = tables.get("Table") else { return wrong.unless(false, "there is no table") };
    wrong.differs("table", &it["DeletionPolicy"], &json!("Retain"));
    wrong.differs("table", &it["UpdateReplacePolicy"], &json!("Retain"));
    let it = &it["Properties"];
    wrong.differs("table", &it["BillingMode"], &json!("PAY_PER_REQUEST"));
    let ttl = json!({ "AttributeName": table::TTL, "Enabled": true });
    wrong.differs("TTL", &it["TimeToLiveSpecification"], &ttl);
    let recovery = json!({ "PointInTimeRecoveryEnabled": true });
    wrong.differs("recovery", &it["PointInTimeRecoverySpecification"], &recovery);
    wrong.differs("encryption", &it["SSESpecification"], &json!({ "SSEEnabled": true }));
    let keys = |hash: &str, range: &str| json!([{ "AttributeName": hash, "KeyType": "HASH" }, { "AttributeName": range, "KeyType": "RANGE" }]);
    wrong.differs("keys", &it["KeySchema"], &keys(table::PK, table::SK));
    let mut typed = vec![(table::PK, "S"), (table::SK, "S")];
    typed.extend(table::INDEXES.iter().flat_map(|index| [(index.partition, "S"), (index.sort, "N")]));
    let typed: Vec<_> =
        typed.iter().map(|(name, of)| json!({ "AttributeName": name, "AttributeType": of })).collect();
    wrong.differs("attributes", &it["AttributeDefinitions"], &json!(typed));
    let index = |index: &table::Index| {
        let held = if index.holds.is_empty() {
            json!({ "ProjectionType": "KEYS_ONLY" })
        } else {
            json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": index.holds })
        };
        json!({ "IndexName": index.name, "KeySchema": keys(index.partition, index.sort), "Projection": held })
    };
    let indexes: Vec<_> = table::INDEXES.iter().map(index).collect();
    wrong.differs("indexes", &it["GlobalSecondaryIndexes"], &json!(indexes));
}

fn check_alarms(wrong: &mut Wrong, alarms: &Value) {
    let all = of_type(alarms, "AWS::CloudWatch::Alarm");
    let called = json!([{ "Ref": "AlertsArn" }]);
    for (name, it) in &all {
        wrong.differs(&format!("who {name} calls"), &it["Properties"]["AlarmActions"], &called);
    }
    // Every figure an alarm looks at: metric, and the value of its first dimension.
    let mut watched = BTreeSet::new();
    for it in all.values().map(|it| &it["Properties"]) {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let (of, index) = (&it["Dimensions"][0]["Value"], &it["Dimensions"][1]["Value"]);
        let of = of.get("Fn::Sub").or(of.get("Ref")).map_or_else(String::new, text);
        watched.insert((text(&it["MetricName"]), of, text(index)));
    }
    let mut watches = |metric: &str, of: &str, index: &str| {
        let is = watched.contains(&(metric.to_owned(), of.to_owned(), index.to_owned()));
        wrong.unless(is, format!("no alarm on {metric} of {of} {index}"));
    };
    for queue in Queue::ALL {
        watches("ApproximateAgeOfOldestMessage", &format!("${{Prefix}}-{queue}"), "");
        watches("ApproximateNumberOfMessagesVisible", &format!("${{Prefix}}-{queue}-dead"), "");
    }
    for function in FUNCTIONS {
        watches("Errors", &format!("${{Prefix}}-{}", function.name), "");
        watches("Throttles", &format!("${{Prefix}}-{}", function.name), "");
    }
    watches("ReadThrottleEvents", "TableName", "");
    watches("WriteThrottleEvents", "TableName", "");
    table::INDEXES.iter().for_each(|index| watches("WriteThrottleEvents", "TableName", index.name));
    watches("5xx", "ApiId", "");
    let boards = of_type(alarms, "AWS::CloudWatch::Dashboard");
    let board =
        boards.values().map(|it| it["Properties"]["DashboardBody"]["Fn::Sub"].as_str().unwrap_or("")).next();
    let shown: Value = board.and_then(|board| serde_json::from_str(board).ok()).unwrap_or(Value::Null);
    let shown = shown["widgets"].to_string();
    for name in
        Queue::ALL.map(Queue::as_str).into_iter().chain(FUNCTIONS.iter().map(|function| function.name))
    {
        wrong.unless(
            shown.contains(&format!("\"${{Prefix}}-{name}\"")),
            format!("{name} is not on the dashboard"),
        );
    }
}

#[test]
fn the_template_is_what_the_code_works_with() {
    let wrong = check(&Templates::read());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every place in a template that something could be missing from: resources, outputs, variables, rights, events.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let telling = [
        "/Resources",
        "/Variables",
        "/Statement",
        "/Events",
        "/Outputs",
        "/GlobalSecondaryIndexes",
        "/Dimensions",
    ];
    let all = match value {
        Value::Object(all) => {
            all.iter().map(|(name, it)| (name.replace('~', "~0").replace('/', "~1"), it)).collect()
        }
        Value::Array(all) => all.iter().enumerate().map(|(n, it)| (n.to_string(), it)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, it) in all {
        let at = format!("{path}/{name}");
        // Who may take a role on is the same everywhere; a role without it does not deploy.
        if telling.iter().any(|place| path.ends_with(place)) && !path.contains("AssumeRolePolicyDocument") {
            found.push(at.clone());
        }
        places(it, &at, found);
    }
}

fn remove(template: &mut Value, place: &str) {
    let (holder, name) = place.rsplit_once('/').unwrap();
    match template.pointer_mut(holder).unwrap() {
        Value::Object(all) => {
            all.remove(&name.replace("~1", "/").replace("~0", "~")).unwrap();
        }
        Value::Array(all) => {
            all.remove(name.parse().unwrap());
        }
        other => panic!("{other} holds nothing"),
    }
}

#[test]
fn nothing_can_be_taken_out_unnoticed() {
    let whole = Templates::read();
    assert!(check(&whole).is_empty());
    let mut tried = 0;
    for part in 0..4 {
        let mut found = Vec::new();
        places(whole.clone().parts()[part], "", &mut found);
        for place in found {
            let mut torn = whole.clone();
            remove(torn.parts()[part], &place);
            assert!(!check(&torn).is_empty(), "{place} of template {part} can be taken out unnoticed");
            tried += 1;
        }
    }
    assert!(tried > 200, "only {tried} places were tried");
}

#[test]
fn no_right_can_be_widened_unnoticed() {
    let whole = Templates::read();
    assert!(check(&whole).is_empty());
    for (name, _) in of_type(&whole.bundle, "AWS::IAM::Role") {
        for (what, wide) in [("Action", json!("*")), ("Resource", json!("*")), ("Condition", Value::Null)] {
            let statements = format!("/Resources/{name}/Properties/Policies/0/PolicyDocument/Statement");
            let mut torn = whole.clone();
            let statement = torn.bundle.pointer_mut(&format!("{statements}/1")).unwrap();
            if statement.get(what).is_none() && what == "Condition" {
                panic!("the second statement of {name} is that on the table");
            }
            statement[what] = wide;
            assert!(!check(&torn).is_empty(), "{what} of {name} can be widened unnoticed");
        }
    }
}
