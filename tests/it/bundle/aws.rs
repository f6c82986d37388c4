//! AWS as an operator reaches it: any call of any service, through boto3, which checks it against AWS's own model and signs it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use kontor_testkit::Ministack;
use kontor_testkit::ministack::SECRET_KEY;
use serde_json::{Value, json};

const REGION: &str = "eu-central-1";

/// One account of a ministack, as its root.
pub(crate) struct Aws {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    environment: Vec<(&'static str, String)>,
}

impl Aws {
    /// The way to a new account of `ministack`.
    pub(crate) fn open(ministack: &Ministack) -> Self {
        let environment = vec![
            ("AWS_ENDPOINT_URL", ministack.endpoint()),
            ("AWS_ACCESS_KEY_ID", ministack.account()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            // Whoever runs this may have an account of their own. It is not meant.
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ];
        let mut child = Self::within(&environment, ministack.python())
            .arg("-u")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/it/bundle/aws.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, pipes: Mutex::new((stdin, BufReader::new(stdout))), environment }
    }

    fn within(environment: &[(&'static str, String)], program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A program that is signed in to this account.
    pub(crate) fn signed_in(&self, program: &Path) -> Command {
        Self::within(&self.environment, program)
    }

    fn ask(&self, ask: &Value) -> Result<Value, String> {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{ask}").unwrap();
        pipes.0.flush().unwrap();
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        let mut answer: BTreeMap<String, Value> =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no answer to {ask}: {line}"));
        answer.remove("done").ok_or_else(|| answer["refused"].as_str().unwrap().to_owned())
    }

    /// Calls AWS.
    pub(crate) fn call(&self, service: &str, call: &str, with: Value) -> Value {
        self.tried(service, call, with).unwrap_or_else(|why| panic!("{service} {call}: {why}"))
    }

    /// Calls AWS; a refusal in its words.
    pub(crate) fn tried(&self, service: &str, call: &str, with: Value) -> Result<Value, String> {
        self.ask(&json!({ "service": service, "call": call, "with": with }))
    }

    /// Packs the files of each folder and uploads them under its key.
    pub(crate) fn upload(&self, bucket: &str, folders: &BTreeMap<String, PathBuf>) {
        self.ask(&json!({ "bucket": bucket, "upload": folders }))
            .unwrap_or_else(|why| panic!("upload: {why}"));
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the way to AWS could not be closed: {error}");
        }
    }
}
