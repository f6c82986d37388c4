//! Input that means harm, through the real handlers: it is refused, kept as a failure, or read; nothing falls over.

mod answers;
mod bodies;
mod language;
mod mutations;

use std::process::Command;

/// What a function has in AWS, in MiB (template.yaml); the one process on a machine needs no more for one delivery.
const MEMORY: u64 = 256;

/// The most memory this process ever had, in MiB, where the system tells (Linux).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

/// Everything hostile once more, in a process of its own: a stack that overflows or memory that runs out would end it.
#[test]
fn no_input_takes_more_memory_than_a_function_has() {
    let here = std::env::current_exe().unwrap();
    let child = Command::new(here)
        .args(["--exact", "hostile::everything_hostile", "--ignored", "--nocapture", "--test-threads", "1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "the process ended with {}: {said}", child.status);
    // Only Linux tells.
    let Some(peak) = said.lines().find_map(|line| line.strip_prefix("peak ")) else { return };
    let peak: u64 = peak.trim().parse().unwrap();
    assert!(peak < MEMORY, "{peak} MiB were needed, a function has {MEMORY}");
}

#[test]
#[ignore = "it is run by the test above, alone in a process"]
fn everything_hostile() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    // On a worker's stack, as in a function.
    runtime.block_on(async { tokio::spawn(bodies::all()).await.unwrap() });
    runtime.block_on(async { tokio::spawn(answers::all()).await.unwrap() });
    language::all();
    if let Some(peak) = peak() {
        // The test runner leaves its own line open.
        eprintln!("everything hostile took {peak} MiB");
        std::io::Write::write_all(&mut std::io::stdout(), format!("\npeak {peak}\n").as_bytes()).unwrap();
    }
}
