//! One function: its process, and the Runtime API it takes its invocations from.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Part, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use kontor_flow::Queue;
use kontor_runtime::clock::{self, Stopwatch};
use kontor_runtime::settings::{self, Function};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as Turn, mpsc, oneshot};

use crate::aws::Aws;
use crate::world::{SECRET, TABLE, queue_name};

/// One invocation, measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation {
    /// From the event to the answer, less the time other processes kept it from a processor.
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

type Job = (String, oneshot::Sender<Value>);

/// A function.
pub(crate) struct Host {
    pub(crate) function: Function,
    aws: Arc<Aws>,
    jobs: mpsc::UnboundedSender<Job>,
    waiting: Turn<mpsc::UnboundedReceiver<Job>>,
    answers: Mutex<Vec<oneshot::Sender<Value>>>,
    polled: Mutex<Option<oneshot::Sender<()>>>,
    turn: Turn<()>,
    child: Turn<Option<Child>>,
    pid: AtomicU64,
    logged: AtomicU64,
    invocations: Mutex<Vec<Invocation>>,
    first: Mutex<Option<Value>>,
}

/// How long a process took, from before it was made to its first look for an invocation, less the time other processes
/// kept it from a processor.
pub(crate) struct Started {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) memory_kib: u64,
}

impl Host {
    /// Starts the process of `function` and waits until it looks for invocations.
    pub(crate) async fn start(function: Function, bins: &Path, aws: Arc<Aws>) -> (Arc<Self>, Started) {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let host = Arc::new(Self {
            function,
            aws,
            jobs,
            waiting: Turn::new(waiting),
            answers: Mutex::default(),
            polled: Mutex::default(),
            turn: Turn::default(),
            child: Turn::default(),
            pid: AtomicU64::new(0),
            logged: AtomicU64::new(0),
            invocations: Mutex::default(),
            first: Mutex::default(),
        });
        let started = host.process(bins).await;
        (host, started)
    }

    async fn process(self: &Arc<Self>, bins: &Path) -> Started {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(respond))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .fallback(service)
            .with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, api).await });
        let (polled, poll) = oneshot::channel();
        *self.polled.lock().unwrap() = Some(polled);
        let mut command = self.command(bins, &address);
        let watch = Stopwatch::start();
        let mut child = command.spawn().unwrap();
        self.pid.store(child.id().unwrap().into(), Ordering::SeqCst);
        let mut stdout = child.stdout.take().unwrap();
        let host = Arc::clone(self);
        tokio::spawn(async move {
            let mut page = [0; 8192];
            while let Ok(bytes @ 1..) = stdout.read(&mut page).await {
                host.logged.fetch_add(u64::try_from(bytes).unwrap(), Ordering::SeqCst);
            }
        });
        poll.await.unwrap();
        let (wall, (cpu, queued)) = (watch.elapsed(), self.times());
        let started = Started { wall: wall.saturating_sub(queued), cpu, memory_kib: self.memory_kib() };
        *self.child.lock().await = Some(child);
        started
    }

    fn command(&self, bins: &Path, address: &str) -> Command {
        let name = self.function.name;
        let mut command = Command::new(bins.join(name).join("bootstrap"));
        command.env_clear().stdout(Stdio::piped()).kill_on_drop(true);
        command.env("AWS_LAMBDA_RUNTIME_API", address).env("AWS_ENDPOINT_URL", format!("http://{address}"));
        command.env("AWS_LAMBDA_FUNCTION_NAME", name).env("AWS_LAMBDA_FUNCTION_VERSION", "1");
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256").env("AWS_REGION", "eu-central-1");
        command.env("AWS_LAMBDA_LOG_GROUP_NAME", name).env("AWS_LAMBDA_LOG_STREAM_NAME", name);
        command.env("AWS_ACCESS_KEY_ID", "bench").env("AWS_SECRET_ACCESS_KEY", "bench");
        command
            .env(settings::TABLE, TABLE)
            .env(settings::SECRET_PREFIX, "bench/")
            .env(settings::ALERT_TOPIC, SECRET);
        for (queue, dead) in Queue::ALL.into_iter().flat_map(|queue| [(queue, false), (queue, true)]) {
            let url = format!("http://{address}/100000000001/{}", queue_name(queue, dead));
            command.env(settings::queue_variable(queue, dead), url);
        }
        command
    }

    /// Invokes the function and waits for its answer; one invocation at a time, as in one environment of Lambda.
    pub(crate) async fn invoke(&self, event: &Value) -> (Value, Invocation) {
        let _turn = self.turn.lock().await;
        self.first.lock().unwrap().get_or_insert_with(|| event.clone());
        let (answer, answered) = oneshot::channel();
        let (before, watch) = (self.times(), Stopwatch::start());
        self.jobs.send((event.to_string(), answer)).unwrap();
        let answer = answered.await.unwrap();
        let (wall, after) = (watch.elapsed(), self.times());
        let (cpu, queued) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        let measured = Invocation { wall: wall.saturating_sub(queued), cpu };
        self.invocations.lock().unwrap().push(measured);
        (answer, measured)
    }

    /// The services it calls.
    pub(crate) fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The first event it was ever given.
    pub(crate) fn first_event(&self) -> Option<Value> {
        self.first.lock().unwrap().clone()
    }

    /// The invocations and the bytes logged since the last time.
    pub(crate) fn take(&self) -> (Vec<Invocation>, u64) {
        (std::mem::take(&mut self.invocations.lock().unwrap()), self.logged.swap(0, Ordering::SeqCst))
    }

    /// CPU time of all threads of the process so far, and how long they waited for a processor.
    fn times(&self) -> (Duration, Duration) {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid.load(Ordering::SeqCst)));
        let text = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("schedstat")).ok();
        let texts: Vec<String> = tasks.into_iter().flatten().flatten().filter_map(text).collect();
        let sum = |field: usize| {
            let nanos = texts.iter().filter_map(|text| text.split(' ').nth(field)?.parse::<u64>().ok());
            Duration::from_nanos(nanos.sum())
        };
        (sum(0), sum(1))
    }

    /// The most memory the process had so far.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.load(Ordering::SeqCst)));
        let status = status.unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    }

    /// Ends the process.
    pub(crate) async fn stop(&self) {
        if let Some(mut child) = self.child.lock().await.take() {
            child.kill().await.unwrap();
        }
    }
}

async fn next(State(host): State<Arc<Host>>) -> Response {
    let first = host.polled.lock().unwrap().take();
    if let Some(first) = first {
        first.send(()).unwrap();
    }
    let Some((event, answer)) = host.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    host.answers.lock().unwrap().push(answer);
    let deadline = clock::now().as_millisecond() + 120_000;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:eu-central-1:1:function:{}", host.function.name),
        ),
        ("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793".to_owned()),
    ];
    (headers, event).into_response()
}

async fn respond(State(host): State<Arc<Host>>, Part(_id): Part<String>, body: Bytes) -> StatusCode {
    let answer = host.answers.lock().unwrap().pop().unwrap();
    answer.send(serde_json::from_slice(&body).unwrap_or_default()).unwrap();
    StatusCode::ACCEPTED
}

async fn failed(State(host): State<Arc<Host>>, body: Bytes) -> StatusCode {
    panic!("{} failed: {}", host.function.name, String::from_utf8_lossy(&body));
}

async fn service(State(host): State<Arc<Host>>, headers: HeaderMap, body: Bytes) -> Response {
    host.aws.answer(host.function.name, headers, body).await
}
