//! The command line as an operator meets it: what it says, where, and with which exit code.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use kontor_sandbox::traffic::{WOO_B2B, WOO_PREPAID};
use serde_json::Value;

use crate::house::{House, Stands, program};

/// Runs `kontor` in `dir` without any secret set.
fn kontor(dir: &Path, args: &[&str]) -> Output {
    Command::new(program()).args(args).current_dir(dir).env_remove("KONTOR_LOG").output().unwrap()
}

/// What it writes and the code it ends with.
#[track_caller]
fn told(dir: &Path, args: &[&str]) -> (String, String, i32) {
    let output = kontor(dir, args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn mistakes_are_told_plainly() {
    let dir = tempfile::tempdir().unwrap();
    let (out, err, code) = told(dir.path(), &["check"]);
    assert_eq!((out.as_str(), code), ("", 2));
    assert!(
        err.starts_with("kontor: kontor.yaml cannot be read (") && err.contains("`kontor init`"),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "{err}");

    let (out, err, code) = told(dir.path(), &["--json", "check"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert!(answer["error"].as_str().unwrap().starts_with("kontor.yaml cannot be read"), "{answer}");
    assert_eq!((err.as_str(), code), ("", 2));

    let (_, err, code) = told(dir.path(), &["orders", "list", "--status", "lost"]);
    assert!(err.contains("in_work") && err.contains("completed"), "{err}");
    assert_eq!(code, 2);
    let (out, _, code) = told(dir.path(), &["--json", "failures", "list", "--class", "lost"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert!(answer["error"].as_str().unwrap().contains("unmapped"), "{answer}");
    assert_eq!(code, 2);

    let (_, err, code) = told(dir.path(), &["flow", "check", "nowhere.yaml"]);
    assert!(err.contains("nowhere.yaml cannot be read"), "{err}");
    assert_eq!(code, 2);
    let (_, err, code) = told(dir.path(), &["failures", "replay", "17", "--body", "nowhere.json"]);
    assert!(err.contains("nowhere.json cannot be read") && err.contains("show ID --body"), "{err}");
    assert_eq!(code, 2);
    std::fs::write(dir.path().join("file"), "").unwrap();
    let (_, err, code) = told(dir.path(), &["init", "file"]);
    assert!(err.contains("file/flows cannot be written"), "{err}");
    assert_eq!(code, 1);
}

#[test]
fn secrets_without_a_value_warn_and_stop_only_what_needs_them() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(told(dir.path(), &["init"]).2, 0);
    let (out, _, code) = told(dir.path(), &["check"]);
    assert_eq!(code, 0, "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "kontor.yaml and 2 flows are sound");
    assert!(
        lines[1].starts_with("warning: kontor.yaml:")
            && lines[1].ends_with(
                "shops[0].webhook_secrets names env:KAFFEE_WEBHOOK_SECRET, but KAFFEE_WEBHOOK_SECRET is not \
                 set: export KAFFEE_WEBHOOK_SECRET=…"
            ),
        "{out}"
    );
    let (out, _, code) = told(dir.path(), &["--json", "check"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((answer["problems"].as_array().unwrap().len(), code), (0, 0));
    assert_eq!(answer["warnings"].as_array().unwrap().len(), 7, "{answer:#}");

    let (out, _, code) = told(dir.path(), &["up", "--listen", "127.0.0.1:0"]);
    assert!(
        out.contains("names env:WECLAPP_TOKEN, but WECLAPP_TOKEN is not set: export WECLAPP_TOKEN=…"),
        "{out}"
    );
    assert_eq!(code, 2);
    assert!(!dir.path().join("data").exists(), "nothing is begun before everything is there");
}

#[test]
fn a_configuration_that_is_not_sound_is_refused_with_its_places() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(told(dir.path(), &["init"]).2, 0);
    let file = dir.path().join("kontor.yaml");
    let yaml = std::fs::read_to_string(&file).unwrap();
    let yaml = yaml.replace("flow: merchant", "flow: merchnt").replace("weclapp.com", "weclapp.com/webapp");
    std::fs::write(&file, &yaml).unwrap();
    let (out, _, code) = told(dir.path(), &["check"]);
    assert!(out.starts_with("kontor.yaml:") && out.contains("erp.url: give the address alone"), "{out}");
    assert_eq!(code, 2);
    std::fs::write(&file, yaml.replace("weclapp.com/webapp", "weclapp.com")).unwrap();
    let (out, _, code) = told(dir.path(), &["--json", "check"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    let problem = answer["problems"][0].as_str().unwrap();
    assert!(
        problem.ends_with("shops[1].flow: there is no flow merchnt: did you mean merchant?"),
        "{problem}"
    );
    assert_eq!(code, 2);
    for command in [&["--json", "up"][..], &["--json", "push", "--table", "none"]] {
        let (out, _, code) = told(dir.path(), command);
        let answer: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&answer["problems"][0], code), (&Value::from(problem), 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_would_change_nothing_is_refused() {
    let stands = Stands::start().await;
    let house = House::start(&stands);
    for parcel in [
        WOO_PREPAID.parcel("kaffee", 1, "erika@example.test").unwrap(),
        WOO_B2B.parcel("buero", 2, "einkauf@example.test").unwrap(),
    ] {
        stands.place(&parcel);
        assert_eq!(house.send(&parcel).await, Some(200));
    }
    house.wait("completed", 2, Duration::from_secs(60)).await;
    let data = house.data();
    let data = data.to_str().unwrap();
    let decide = |what: &str, order: &str, step: &str| {
        told(house.dir.path(), &["orders", what, order, step, "--by", "anna", "--data", data])
    };
    for (what, order, step, why) in [
        (
            "approve",
            "kaffee/1",
            "release",
            "step release of the flow standard does not wait for approval; no step of it does",
        ),
        ("approve", "buero/2", "release", "does not wait for approval; of its steps, these do: approval"),
        (
            "refuse",
            "buero/2",
            "aproval",
            "step aproval of the flow merchant is not there; of its steps, these do: approval",
        ),
        (
            "refuse",
            "buero/2",
            "approval",
            "there is nothing left to decide: step approval of order buero/2 is done",
        ),
    ] {
        let (out, err, code) = decide(what, order, step);
        assert!(err.contains(why), "{err} does not say {why}");
        assert_eq!((out.as_str(), code), ("", 2));
    }
    let (_, err, code) = decide("approve", "kaffee/404", "release");
    assert_eq!((err.trim(), code), ("kontor: there is no order kaffee/404", 1));
    assert_eq!(house.orders("completed").len(), 2, "and nothing changed");
}

#[test]
fn the_bench_carries_every_order_through_and_measures_it() {
    let dir = tempfile::tempdir().unwrap();
    for (job, calls) in [("documents", 8), ("whole", 10)] {
        let (out, err, code) = told(dir.path(), &["--json", "bench", "--orders", "20", "--job", job]);
        assert_eq!(code, 0, "{err}");
        let figures: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((figures["orders"].as_u64(), figures["doubled"].as_u64()), (Some(20), Some(0)));
        for measured in ["accepted_per_second", "chain_per_second", "cpu_ms_per_order", "memory_mib"] {
            assert!(figures[measured].as_f64().unwrap() > 0.0, "{measured}: {figures}");
        }
        let of_new_customer = figures["calls_of_new_customer"].as_object().unwrap().values();
        let made: u64 = of_new_customer.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(made, calls, "calls to the ERP for {job}: {figures}");
    }
}
