//! The queues on SQS and the topic on SNS, against ministack.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use kontor_aws::{QueueUrls, Queues, Topic};
use kontor_flow::ports::{Notifier, Outgoing, Receiver, Sender, StoreError};
use kontor_flow::{Address, Queue};
use kontor_testkit::{Ministack, ministack, queues_behave};

fn sqs(aws: &Ministack, account: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(account, "test", None, None, "test"))
        .endpoint_url(aws.endpoint());
    Client::from_conf(config.build())
}

fn sns(aws: &Ministack, account: &str) -> aws_sdk_sns::Client {
    let config = aws_sdk_sns::Config::builder()
        .behavior_version(aws_sdk_sns::config::BehaviorVersion::latest())
        .region(aws_sdk_sns::config::Region::new("eu-central-1"))
        .credentials_provider(aws_sdk_sns::config::Credentials::new(account, "test", None, None, "test"))
        .endpoint_url(aws.endpoint());
    aws_sdk_sns::Client::from_conf(config.build())
}

async fn arn(client: &Client, url: &str) -> String {
    let all = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await;
    all.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap()
}

/// Every queue with its dead-letter queue behind it.
async fn queues(client: &Client, max_receives: u32) -> Queues {
    let mut urls = Vec::new();
    for queue in Queue::ALL {
        let (live, dead) = (Address::Live(queue), Address::Dead(queue));
        let url = client.create_queue().queue_name(dead.to_string()).send().await.unwrap().queue_url.unwrap();
        let target = arn(client, &url).await;
        urls.push((dead, url));
        let policy = format!("{{\"deadLetterTargetArn\":\"{target}\",\"maxReceiveCount\":{max_receives}}}");
        let create = client.create_queue().queue_name(live.to_string());
        let made = create.attributes(QueueAttributeName::RedrivePolicy, policy).send().await.unwrap();
        urls.push((live, made.queue_url.unwrap()));
    }
    Queues::new(client.clone(), urls.into_iter().collect::<QueueUrls>())
}

#[tokio::test]
async fn queues_on_sqs_behave() {
    let Some(aws) = ministack() else { return };
    let queues = queues(&sqs(&aws, &aws.account()), 12).await;
    queues_behave(&queues, &queues, &queues).await;
}

#[tokio::test]
async fn a_message_taken_too_often_ends_in_the_dead_letter_queue() {
    let Some(aws) = ministack() else { return };
    let queues = queues(&sqs(&aws, &aws.account()), 2).await;
    let (live, dead) = (Address::Live(Queue::Erp), Address::Dead(Queue::Erp));
    queues.send(live, vec![Outgoing::now("poison".to_owned())]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(queues.receive(live, 1, Duration::ZERO, Duration::from_secs(1)).await.unwrap().len(), 1);
    }
    assert_eq!(queues.receive(live, 1, Duration::ZERO, Duration::ZERO).await.unwrap(), []);
    let moved = queues.receive(dead, 10, Duration::from_secs(60), Duration::from_secs(1)).await.unwrap();
    assert_eq!(moved.iter().map(|m| m.body.as_str()).collect::<Vec<_>>(), ["poison"]);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_unavailable() {
    let Some(aws) = ministack() else { return };
    let client = sqs(&aws, &aws.account());
    let nowhere = Queues::new(client.clone(), QueueUrls::default());
    let refused = nowhere.send(Address::Live(Queue::Erp), vec![Outgoing::now("x".to_owned())]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    let gone = [(Address::Live(Queue::Erp), format!("{}/100000000001/gone", aws.endpoint()))];
    let gone = Queues::new(client, gone.into_iter().collect());
    let refused = gone.receive(Address::Live(Queue::Erp), 1, Duration::ZERO, Duration::ZERO).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_notice_reaches_who_listens() {
    let Some(aws) = ministack() else { return };
    let account = aws.account();
    let (sqs, sns) = (sqs(&aws, &account), sns(&aws, &account));
    let queues = queues(&sqs, 12).await;
    let url = sqs.get_queue_url().queue_name("mail").send().await.unwrap().queue_url.unwrap();
    let topic = sns.create_topic().name("admin").send().await.unwrap().topic_arn.unwrap();
    let listen = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(arn(&sqs, &url).await);
    listen.attributes("RawMessageDelivery", "true").send().await.unwrap();
    Topic::new(sns, topic).notify("3 failures: größer", "text für den Admin").await.unwrap();
    let heard =
        queues.receive(Address::Live(Queue::Mail), 1, Duration::from_secs(60), Duration::from_secs(5)).await;
    assert_eq!(heard.unwrap().first().map(|m| m.body.as_str()), Some("text für den Admin"));
}
