//! The house in order: layers, file headers, sizes, what may stand where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each layer may depend on, of our own crates. Tests and the test kit may use anything.
const LAYERS: [(&str, &[&str]); 7] = [
    ("domain", &[]),
    ("flow", &["domain"]),
    ("connectors", &["domain", "flow"]),
    ("aws", &["domain", "flow"]),
    ("embedded", &["domain", "flow"]),
    ("sandbox", &[]),
    ("runtime", &["domain", "flow", "connectors", "aws"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the repository").to_owned()
}

fn files(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != ".git" && name != "data") {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in ["shared", "functions", "tests"] {
        files(&root().join(dir), "rs", &mut found);
    }
    found
}

/// The names under `[dependencies]`, without `[dev-dependencies]`.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let section = text.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap_or("");
    section.lines().skip(1).filter_map(|line| line.split(['.', ' ', '=']).next()).map(str::to_owned).collect()
}

fn complain(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} things are out of order:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_layer_knows_only_those_below() {
    let mut problems = Vec::new();
    for (layer, below) in LAYERS {
        let manifest = root().join("shared").join(layer).join("Cargo.toml");
        for name in dependencies(&manifest) {
            let Some(ours) = name.strip_prefix("kontor-") else { continue };
            if !below.contains(&ours) {
                problems.push(format!("shared/{layer} depends on shared/{ours}"));
            }
        }
    }
    complain(problems);
}

#[test]
fn nouns_and_verbs_know_no_world() {
    let worldly = ["tokio", "reqwest", "http", "axum", "rusqlite", "uuid", "rand", "lambda_runtime", "hyper"];
    let mut problems = Vec::new();
    for layer in ["domain", "flow"] {
        for name in dependencies(&root().join("shared").join(layer).join("Cargo.toml")) {
            if worldly.contains(&name.as_str()) || name.starts_with("aws") {
                problems.push(format!("shared/{layer} depends on {name}"));
            }
        }
    }
    complain(problems);
}

#[test]
fn versions_stand_in_one_place() {
    let mut manifests = Vec::new();
    for dir in ["shared", "functions", "tests"] {
        files(&root().join(dir), "toml", &mut manifests);
    }
    let mut problems = Vec::new();
    for manifest in manifests.iter().filter(|m| m.ends_with("Cargo.toml")) {
        let text = fs::read_to_string(manifest).unwrap();
        let sections = text.split("\n[").filter(|s| s.contains("dependencies]"));
        for line in sections.flat_map(|s| s.lines().skip(1)) {
            let line = line.trim();
            if line.contains('=') && !line.starts_with('#') && !line.contains("workspace = true") {
                problems.push(format!("{}: {line}", manifest.display()));
            }
        }
        if !text.contains("[lints]\nworkspace = true") {
            problems.push(format!("{} does not take the lints of the workspace", manifest.display()));
        }
    }
    complain(problems);
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let mut problems = Vec::new();
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//! ") {
            problems.push(file.display().to_string());
        }
    }
    complain(problems);
}

/// Lines before the tests of a file.
fn own_lines(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

#[test]
fn files_and_mains_stay_short() {
    let mut problems = Vec::new();
    for file in rust_files() {
        let in_tests = file.strip_prefix(root()).unwrap().components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs")
        });
        let text = fs::read_to_string(&file).unwrap();
        let limit = if file.ends_with("main.rs") { 42 } else { 400 };
        let lines = own_lines(&text);
        if !in_tests && lines > limit {
            problems.push(format!("{}: {lines} lines, at most {limit}", file.display()));
        }
    }
    complain(problems);
}

#[test]
fn nothing_is_left_behind() {
    // Put together here, so that this file does not find itself.
    let words = ["TO", "DO"].concat();
    let traces =
        [format!("{words}:"), format!("{words}("), ["FIX", "ME"].concat(), ["unimplemented", "!("].concat()];
    let ignored = ["#[", "ignore"].concat();
    let mut problems = Vec::new();
    for file in rust_files() {
        let text = fs::read_to_string(&file).unwrap();
        for (at, line) in text.lines().enumerate() {
            // What another test runs in a process of its own is not left out.
            let left_out = line.contains(&ignored) && !line.contains("it is run by the test");
            if left_out || traces.iter().any(|trace| line.contains(trace.as_str())) {
                problems.push(format!("{}:{}: {}", file.display(), at + 1, line.trim()));
            }
        }
    }
    complain(problems);
}

#[test]
fn wire_types_stay_with_their_connector() {
    let mut problems = Vec::new();
    for file in rust_files().into_iter().filter(|file| !file.starts_with(root().join("tests"))) {
        let text = fs::read_to_string(&file).unwrap();
        let private = !file.ends_with("wire.rs") && text.contains("pub mod wire");
        let loose = file.to_string_lossy().contains("connectors")
            && (text.contains("#[serde(untagged)]") || text.contains("serde(flatten)"));
        if private || loose {
            problems.push(file.display().to_string());
        }
    }
    complain(problems);
}

#[test]
fn only_the_runtime_reads_clock_and_environment() {
    // Clippy's disallowed methods say the same; this finds an `expect` that lets them in elsewhere.
    let mut problems = Vec::new();
    for file in rust_files() {
        let place = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let lets_in = text.contains("clippy::disallowed_methods");
        let may = [
            "shared/runtime",
            "shared/testkit",
            "shared/sandbox",
            "tests/",
            "benches/",
            "examples/",
            "/tests",
            "_testing.rs",
        ];
        if lets_in && !may.iter().any(|start| place.contains(start)) {
            problems.push(place);
        }
    }
    complain(problems);
}

#[test]
fn documents_name_every_crate() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut missing = BTreeMap::new();
    for dir in ["shared", "functions"] {
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if !text.contains(&name) {
                missing.insert(name, dir);
            }
        }
    }
    complain(
        missing
            .into_iter()
            .map(|(name, dir)| format!("ARCHITECTURE.md does not name {dir}/{name}"))
            .collect(),
    );
}
