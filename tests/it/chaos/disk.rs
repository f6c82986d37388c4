//! The disk is full, under load: nothing is taken that can't be kept, and once there is room everything goes on.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::accounts::compare;
use super::desk::{Desk, stands};
use super::dice::Dice;
use super::ledger::Shops;
use crate::house::Urls;

/// How large the small disk is.
const MIB: u64 = 48;

/// A small disk under the data folder, in a mount namespace of its own; where none can be made, a limit on the size of
/// files comes closest.
enum Disk {
    /// A tmpfs: the process that holds its namespace, and where it is seen from out here.
    Small { holder: Child, data: PathBuf },
    /// A limit on the size of every file.
    Limit,
}

impl Disk {
    fn under(desk: &mut Desk) -> Self {
        let data = desk.dir.path().join("data");
        for flags in ["-Urm", "-m"] {
            let script = format!(
                "mount -t tmpfs -o size={MIB}m tmpfs '{}' && echo mounted && exec sleep 1800",
                data.display()
            );
            let held = Command::new("unshare")
                .args([flags, "sh", "-c", &script])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut holder) = held else { continue };
            let mut said = [0; 7];
            if std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut said).is_ok() {
                return Self::entered(desk, holder, flags, &data);
            }
            holder.wait().unwrap();
        }
        eprintln!(
            "chaos, disk: no small disk can be mounted here; a limit on the size of files takes its place"
        );
        desk.behind(["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"].map(str::to_owned).to_vec(), data);
        Self::Limit
    }

    fn entered(desk: &mut Desk, holder: Child, flags: &str, data: &Path) -> Self {
        eprintln!("chaos, disk: a tmpfs of {MIB} MiB (unshare {flags})");
        let pid = holder.id().to_string();
        let mut wrapper = vec!["nsenter".to_owned(), "-t".to_owned(), pid.clone(), "-m".to_owned()];
        if flags.contains('U') {
            wrapper.extend(["-U", "--preserve-credentials"].map(str::to_owned));
        }
        let seen = Path::new("/proc").join(pid).join("root").join(data.strip_prefix("/").unwrap());
        desk.behind(wrapper, seen.clone());
        Self::Small { holder, data: seen }
    }

    /// From now on there is no room.
    fn fill(&self, desk: &Desk) {
        match self {
            Self::Small { data, .. } => {
                let mut ballast =
                    File::options().create(true).append(true).open(data.join("ballast")).unwrap();
                for size in [64 * 1024, 4096, 1] {
                    while ballast.write_all(&vec![1; size]).is_ok() {}
                }
            }
            Self::Limit => limit(desk, "4096"),
        }
    }

    /// There is room again.
    fn free(&self, desk: &Desk) {
        match self {
            Self::Small { data, .. } => std::fs::remove_file(data.join("ballast")).unwrap(),
            Self::Limit => limit(desk, "unlimited"),
        }
    }
}

fn limit(desk: &Desk, bytes: &str) {
    let pid = desk.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
    assert!(limited.unwrap().success(), "prlimit does not work here");
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Self::Small { holder, .. } = self
            && let Err(error) = holder.kill().and_then(|()| holder.wait().map(|_| ()))
        {
            eprintln!("the small disk could not be given up: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_that_cannot_be_kept() {
    let mut dice = Dice::thrown_for("disk");
    let stands = stands().await;
    let mut desk = Desk::new(&stands, &Urls::of(&stands));
    let disk = Disk::under(&mut desk);
    desk.begin();
    desk.ready().await;
    let shops = Shops::open(&stands, &desk.url, &mut dice, 4, Duration::from_millis(60));
    let rounds = super::minutes().map_or(2, |minutes| minutes * 6);
    for round in 0..rounds {
        tokio::time::sleep(dice.millis(1_000, 2_000)).await;
        disk.fill(&desk);
        // The log of the database may have room left of its own; then the disk counts as full once that is used up.
        let refused = shops.ledger.answered(503);
        let full = async {
            while shops.ledger.answered(503) < refused + 10 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), full).await.expect("deliveries are refused");
        // What is taken now and then, where a few pages have become free, has to be there in the end like all others.
        tokio::time::sleep(Duration::from_secs(2)).await;
        // Reads go on.
        assert!(desk.ask(&["orders", "list", "--limit", "5"]).as_array().unwrap().len() == 5);
        assert!(desk.ask(&["failures", "list"]).is_array());
        if round % 2 == 1 {
            // Nobody can start here; whoever tries is told why, and ends.
            desk.kill();
            desk.begin();
            tokio::time::sleep(dice.millis(300, 600)).await;
            disk.free(&desk);
            desk.again().await;
        } else {
            disk.free(&desk);
        }
    }
    let ledger = shops.close().await;
    assert_eq!(
        ledger.read().answers.keys().filter(|status| ![0, 200, 503].contains(*status)).count(),
        0,
        "answers are 200 or 503"
    );
    desk.quiet(&stands, &ledger).await;
    let log = desk.log();
    let told = log.lines().filter(|line| line.contains("nothing can be stored")).count();
    let over = log.lines().filter(|line| line.contains("can be stored again")).count();
    eprintln!("chaos, disk: {} lines of log, {told} tell of the disk", log.lines().count());
    assert!(told >= 1 && over >= 1, "an operator is told: {log}");
    compare("disk", &ledger, &stands, &desk);
}
