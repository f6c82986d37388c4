//! What fuzzing does at length, done for a bound time: seeds with bytes flipped, values changed, parts doubled or cut off.

use kontor_tests::{seeds, targets};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// How often each target is called.
const CALLS: u32 = 300;

/// Values that are read differently from what one thinks.
const VALUES: [&str; 24] = [
    "null",
    "true",
    "0",
    "-0",
    "-1",
    "1e999",
    "1e-28",
    "0.1",
    "18446744073709551616",
    "79228162514264337593543950335",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"1e28\"",
    "\"-0.00\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"EUR\"",
    "[]",
    "[[]]",
    "{}",
    "{\"id\":1}",
    "[1,1]",
    "*a",
    "&a [*a]",
];

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Drop(Index, Index),
    Double(Index, Index),
    /// Puts a value where another begins, behind a colon or a comma.
    Value(Index, usize),
    Nest(Index, usize),
    Splice(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, to)| Change::Flip(at, to)),
        at().prop_map(Change::Cut),
        (at(), at()).prop_map(|(from, to)| Change::Drop(from, to)),
        (at(), at()).prop_map(|(from, to)| Change::Double(from, to)),
        (at(), 0..VALUES.len()).prop_map(|(at, value)| Change::Value(at, value)),
        (at(), 0..VALUES.len()).prop_map(|(at, value)| Change::Value(at, value)),
        (at(), 1_usize..300).prop_map(|(at, depth)| Change::Nest(at, depth)),
        (at(), at()).prop_map(|(at, from)| Change::Splice(at, from)),
    ]
}

/// The part of `bytes` between two places, at most a few hundred bytes.
fn part(bytes: &[u8], from: &Index, to: &Index) -> std::ops::Range<usize> {
    let (a, b) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
    let (start, end) = (a.min(b), a.max(b));
    start..end.min(start + 400)
}

/// Where the value begins that follows `at`, and where it ends.
fn value(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let rest = bytes.get(at..)?;
    let start = at + rest.iter().position(|byte| matches!(byte, b':' | b',' | b'['))? + 1;
    let length = bytes[start..].iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b'\n' | 0))?;
    Some(start..start + length)
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len();
    match change {
        Change::Flip(at, to) if length > 0 => bytes[at.index(length)] ^= to,
        Change::Cut(at) => bytes.truncate(at.index(length + 1)),
        Change::Drop(from, to) => drop(bytes.drain(part(bytes, from, to))),
        Change::Double(from, to) => {
            let range = part(bytes, from, to);
            let again = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, again);
        }
        Change::Value(at, to) => {
            if let Some(range) = value(bytes, at.index(length + 1)) {
                bytes.splice(range, VALUES[*to].bytes());
            }
        }
        Change::Nest(at, depth) => {
            if let Some(range) = value(bytes, at.index(length + 1)) {
                let nested = format!("{}{}", "[".repeat(*depth), "]".repeat(*depth));
                bytes.splice(range, nested.into_bytes());
            }
        }
        Change::Splice(at, from) => {
            let at = at.index(length + 1);
            let range = part(bytes, from, from);
            let again = bytes[range.start..(range.start + 100).min(length)].to_vec();
            bytes.splice(at..at, again);
        }
        Change::Flip(..) => {}
    }
}

fn survives(name: &str) {
    let (_, target) = targets::ALL.into_iter().find(|(known, _)| *known == name).unwrap();
    let seeds = seeds::of(name);
    seeds.iter().for_each(|seed| target(seed));
    let config =
        Config { cases: CALLS, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let input = (any::<Index>(), prop::collection::vec(change(), 1..6));
    let run = TestRunner::new(config).run(&input, |(seed, changes)| {
        let mut bytes = seeds[seed.index(seeds.len())].clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        target(&bytes);
        Ok(())
    });
    if let Err(failed) = run {
        panic!("{name}: {failed}");
    }
}

macro_rules! survive {
    ($($name:ident)*) => {
        $(#[test] fn $name() { survives(stringify!($name)); })*

        #[test]
        fn every_target_is_fuzzed_and_mutated() {
            let here: Vec<&str> = vec![$(stringify!($name)),*];
            let known: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
            assert_eq!(here, known);
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
            let manifest = std::fs::read_to_string(format!("{folder}/Cargo.toml")).unwrap();
            for name in known {
                let program = std::fs::read_to_string(format!("{folder}/fuzz_targets/{name}.rs")).unwrap();
                assert!(program.contains(&format!("targets::{name}(data)")), "{name} fuzzes something else");
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
            }
        }
    };
}

survive! {
    woocommerce shopify request batch hint message stored flow condition config words replay erp shop_api
}
