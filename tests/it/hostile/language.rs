//! Flows, conditions and configurations that mean harm: refused with a place, at once.

use std::fmt::Write as _;

use kontor_connectors::Config;
use kontor_flow::Flow;

/// Nine lists of nine of the list before: a thousand million words.
fn laughs() -> String {
    let mut yaml = String::from("a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for n in 1..10 {
        let before = n - 1;
        writeln!(yaml, "a{n}: &a{n} [{}]", vec![format!("*a{before}"); 9].join(", ")).unwrap();
    }
    yaml
}

fn files() -> Vec<(&'static str, String)> {
    let merges = (1..200).fold("a0: &a0 {k: v}\n".to_owned(), |yaml, n| {
        format!("{yaml}a{n}: &a{n} {{<<: *a{}, k{n}: v}}\n", n - 1)
    });
    vec![
        ("anchors", laughs()),
        ("merges", merges),
        ("itself", "a: &a [*a]\n".to_owned()),
        ("brackets", "[".repeat(100_000)),
        ("braces", "{a: ".repeat(60_000)),
        ("dashes", "- ".repeat(100_000)),
        ("question marks", "? ".repeat(100_000)),
        ("indents", (0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("documents", "--- a\n".repeat(50_000)),
        ("tags", "!a ".repeat(50_000)),
        ("quotes", "\"\\x".repeat(50_000)),
        ("NUL", "\0".repeat(1_000)),
        ("a long word", "a".repeat(250_000)),
        ("too much", "a".repeat(10_000_000)),
    ]
}

fn conditions() -> Vec<(&'static str, String)> {
    let within = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{}{inner}{}", open.repeat(times), close.repeat(times))
    };
    vec![
        ("brackets", within("(", "true", ")", 480)),
        ("lists", within("[", "1", "]", 490)),
        ("nots", format!("{}true", "!".repeat(900))),
        ("minus", format!("{}1 > 0", "-".repeat(900))),
        ("fields", format!("order{}", ".a".repeat(490))),
        ("indexes", format!("lines{} == 1", "[0]".repeat(300))),
        ("sums", format!("{}1 > 0", "1+".repeat(490))),
        ("choices", format!("{}true", "true?true:".repeat(90))),
        ("too long", format!("{}true", "true && ".repeat(10_000))),
        ("three loops", "lines.all(a, lines.all(b, lines.all(c, true)))".to_owned()),
        ("loops over literals", within("[1,1,1,1,1,1,1,1,1,1].all(a, ", "true", ")", 14)),
        ("doubling texts", format!("['aa']{}.size() > 0", ".map(a,a+a)".repeat(60))),
        ("doubling lists", format!("[lines]{}.size() > 0", ".map(a,a+a)".repeat(60))),
        ("many lists", format!("size({}lines) > 0", "lines + ".repeat(100))),
        ("a pattern of patterns", "order.number.matches('((a{1000}){1000}){1000}')".to_owned()),
        ("a pattern of brackets", format!("order.number.matches('{}')", "(".repeat(400))),
        ("a pattern made at run time", "order.number.matches(order.id)".to_owned()),
        ("mappings", within("{'a': ", "1", "}", 150)),
    ]
}

/// All of it.
pub(super) fn all() {
    for (what, yaml) in files() {
        assert!(Flow::parse("t.yaml", &yaml).is_err_and(|problems| !problems.is_empty()), "{what}");
        assert!(Config::parse("kontor.yaml", &yaml).is_err_and(|problems| !problems.is_empty()), "{what}");
    }
    for (what, condition) in conditions() {
        let quoted = serde_json::to_string(&condition).unwrap();
        for rest in [format!("await: {quoted}"), format!("when: {quoted}, await: order.paid")] {
            let problems =
                Flow::parse("t.yaml", &format!("name: t\nsteps:\n  gate: {{ {rest} }}\n")).unwrap_err();
            let told: usize = problems.iter().map(|problem| problem.to_string().len()).sum();
            assert!(told < 20_000, "{what}: {told} bytes of problems");
        }
    }
}

/// On a stack as small as those of workers.
#[test]
fn files_that_mean_harm_are_refused() {
    all();
}
