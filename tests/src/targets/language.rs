//! What the merchant writes: flows, conditions, `kontor.yaml`.

use std::hint::black_box;

use kontor_connectors::Config;
use kontor_connectors::config::Scope;
use kontor_flow::Flow;
use kontor_flow::plan::plan;
use kontor_testkit::order;

use super::world::now;

/// A flow file.
pub fn flow(source: &[u8]) {
    let Ok(source) = std::str::from_utf8(source) else { return };
    match Flow::parse("t.yaml", source) {
        Ok(flow) => carry_out(&flow, source),
        Err(problems) => {
            assert!(!problems.is_empty(), "it was refused without a reason");
            let told = |place: u64| place >= 1;
            assert!(problems.iter().all(|problem| told(problem.line) && told(problem.column)));
        }
    }
}

/// What is in a flow can be drawn and carried out.
fn carry_out(flow: &Flow, source: &str) {
    assert_eq!(flow.source, source);
    let mut order = order::order("woo/17");
    order.steps.clear();
    order.flow = flow.id.clone();
    let (mermaid, svg) = (flow.mermaid(Some(&order)), flow.svg(Some(&order)));
    assert!(
        mermaid.starts_with("flowchart") && svg.starts_with("<svg") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    black_box((flow.svg(None), flow.mermaid(None)));
    let planned = plan(&order, flow, now());
    (order.steps, order.course, order.status) = (planned.steps.clone(), planned.course, planned.status);
    (order.held, order.due_at) = (planned.held.clone(), planned.due_at);
    let again = plan(&order, flow, now());
    assert!(!again.changes(&order) && again.commands.is_empty(), "planning twice plans more");
    black_box(plan(&order::large("woo/18", 300), flow, now()));
}

/// A condition, as `when` and as `await`.
pub fn condition(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    // JSON's texts are texts of YAML.
    let Ok(quoted) = serde_json::to_string(text) else { return };
    for clause in ["when", "await"] {
        let rest = if clause == "when" { ", await: order.paid" } else { "" };
        let source = format!("name: t\nsteps:\n  gate: {{ {clause}: {quoted}{rest} }}\n");
        flow(source.as_bytes());
    }
}

/// A `kontor.yaml`.
pub fn config(source: &[u8]) {
    let Ok(source) = std::str::from_utf8(source) else { return };
    match Config::parse("kontor.yaml", source) {
        Ok(config) => {
            assert!(config.shops.iter().all(|shop| config.shop(&shop.id).is_some()));
            assert!(config.named_secrets().len() >= config.secrets(Scope::Hints).len());
        }
        Err(problems) => assert!(!problems.is_empty(), "it was refused without a reason"),
    }
}
