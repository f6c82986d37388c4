//! ministack, a local stand-in of AWS, as a child process: for everything with SQS, SNS, HTTP routes and functions.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Starts of ministack that are tried: another process may take the port in between.
const STARTS: u32 = 3;
/// Looks at its health, and at its end, a tenth of a second apart.
const LOOKS: u32 = 300;
/// Attempts at fetching the packages: a registry may be away for a moment.
const FETCHES: u32 = 3;

/// The secret key of every account.
pub const SECRET_KEY: &str = "test";

/// A running ministack; dropping it ends it, and the functions that run in it.
#[derive(Debug)]
pub struct Ministack {
    child: Child,
    python: PathBuf,
    port: u16,
    accounts: AtomicU32,
}

impl Ministack {
    /// Its address, as in `http://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The Python with the packages of `tests/requirements.txt`, boto3 among them.
    #[must_use]
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// A new account of twelve digits: used as access key id, it is a world of its own.
    #[must_use]
    pub fn account(&self) -> String {
        format!("1000{:08}", self.accounts.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        // It ends with its standard input, after the functions that run in it.
        drop(self.child.stdin.take());
        for _ in 0..LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // An error means that it has ended already.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// Starts ministack on a free port of this machine only, in an environment under `target/` that is made the first time.
///
/// Where there is no `python3`, or `pip` can't fetch the packages, says so and answers none: the test passes without
/// having tested. Where the variable `CI` is `true`, that is a failure.
///
/// # Panics
/// If it can't be had and `CI` is `true`; if it can be had and does not start.
#[must_use]
pub fn ministack() -> Option<Ministack> {
    open(false)
}

/// The same, with rights: calls must be signed, and functions may do what the policies of their roles allow, no more.
/// Conditions on the keys of a table are not looked at.
///
/// # Panics
/// As [`ministack`].
#[must_use]
pub fn ministack_with_rights() -> Option<Ministack> {
    open(true)
}

fn open(rights: bool) -> Option<Ministack> {
    match environment(&root()) {
        Ok(python) => {
            Some(start(&python, rights).unwrap_or_else(|why| panic!("ministack does not start: {why}")))
        }
        Err(why) => {
            assert!(!in_ci(), "ministack is needed where CI=true, and cannot be had: {why}");
            let line = format!("\n*** NOT TESTED: ministack cannot be had: {why}\n\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
    }
}

fn in_ci() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by their environment that nothing may be missing"
    )]
    let ci = std::env::var("CI");
    ci.is_ok_and(|ci| ci == "true")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python with the packages of `tests/requirements.txt`; one process makes it, the others wait.
fn environment(root: &Path) -> Result<PathBuf, String> {
    let (target, wanted) = (root.join("target"), root.join("tests/requirements.txt"));
    let wanted_text = std::fs::read_to_string(&wanted).map_err(|e| format!("{}: {e}", wanted.display()))?;
    std::fs::create_dir_all(&target).map_err(|e| e.to_string())?;
    let lock = File::create(target.join("ministack-venv.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let venv = target.join("ministack-venv");
    let (python, stamp) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted_text) {
        return Ok(python);
    }
    if venv.exists() {
        std::fs::remove_dir_all(&venv).map_err(|e| e.to_string())?;
    }
    run("python3", ["-m".as_ref(), "venv".as_ref(), venv.as_os_str()]).map_err(|why| {
        format!("{why} (python3 with its module venv is needed; Debian: apt install python3-venv)")
    })?;
    fetch(&python, &wanted)?;
    std::fs::write(&stamp, wanted_text).map_err(|e| e.to_string())?;
    Ok(python)
}

fn fetch(python: &Path, wanted: &Path) -> Result<(), String> {
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"];
    let mut why = String::new();
    for _ in 0..FETCHES {
        match run(python, install.map(OsStr::new).into_iter().chain([wanted.as_os_str()])) {
            Ok(()) => return Ok(()),
            Err(error) => why = error,
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    Err(format!("{why} (pip must reach a Python registry)"))
}

fn run<'a>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = &'a OsStr>) -> Result<(), String> {
    let name = program.as_ref().display().to_string();
    let output = Command::new(&program).args(args).output().map_err(|e| format!("{name}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    // `venv` tells on standard output what is missing, `pip` on standard error.
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    Err(format!("{name} ended with {}: {said}", output.status))
}

fn start(python: &Path, rights: bool) -> Result<Ministack, String> {
    let mut why = String::new();
    for _ in 0..STARTS {
        let mut ministack = spawn(python, rights)?;
        match wait_until_ready(&mut ministack) {
            Ok(()) => return Ok(ministack),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn spawn(python: &Path, rights: bool) -> Result<Ministack, String> {
    let free = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let port = free.local_addr().map_err(|e| e.to_string())?.port();
    drop(free);
    let child = Command::new(python)
        .arg(root().join("tests/ministack.py"))
        .arg("--end-with-stdin")
        .env("BIND_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "0")
        .env("GATEWAY_PORT", port.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AUTH", rights.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    Ok(Ministack { child, python: python.to_owned(), port, accounts: AtomicU32::new(1) })
}

fn wait_until_ready(ministack: &mut Ministack) -> Result<(), String> {
    for _ in 0..LOOKS {
        if let Ok(Some(status)) = ministack.child.try_wait() {
            return Err(format!("it ended at once with {status}"));
        }
        if is_healthy(ministack.port) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("it did not become ready in 30 s".to_owned())
}

fn is_healthy(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
    let asked =
        stream.write_all(b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = [0; 12];
    let timed = stream.set_read_timeout(Some(Duration::from_secs(2)));
    timed.and(asked).and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == *b"HTTP/1.1 200"
}
