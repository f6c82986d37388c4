//! A flow as a Mermaid diagram: what Markdown renderers draw.

use std::fmt::Write as _;

use super::{Card, Row, Tone, arrows, cards};
use crate::{Flow, Order};

/// The flow, top down. Writing into a `String` never fails, so the results of `write!` are only joined.
pub(in crate::language) fn mermaid(flow: &Flow, position: Option<&Order>) -> String {
    let mut out = String::new();
    let written = draw(flow, position, &mut out);
    debug_assert!(written.is_ok());
    out
}

fn draw(flow: &Flow, position: Option<&Order>, out: &mut String) -> std::fmt::Result {
    writeln!(out, "flowchart TD")?;
    for (at, card) in cards(&flow.steps, position).iter().enumerate() {
        node(out, &format!("s{at}"), card, "  ")?;
    }
    for arrow in arrows(flow) {
        let line = if arrow.implied { "-.->" } else { "-->" };
        writeln!(out, "  s{} {line} s{}", arrow.from, arrow.to)?;
    }
    if !flow.on_cancel.is_empty() {
        writeln!(out, "  subgraph cancelled [when the order is cancelled]")?;
        writeln!(out, "    direction TB")?;
        for (at, card) in cards(&flow.on_cancel, position).iter().enumerate() {
            node(out, &format!("c{at}"), card, "    ")?;
        }
        for at in 1..flow.on_cancel.len() {
            writeln!(out, "    c{} --> c{at}", at - 1)?;
        }
        writeln!(out, "  end")?;
    }
    writeln!(out, "  classDef gate stroke-dasharray: 5 4")?;
    if position.is_some() {
        for tone in Tone::ALL {
            writeln!(out, "  classDef {} {}", tone.word(), colour(tone))?;
        }
    }
    Ok(())
}

fn node(out: &mut String, id: &str, card: &Card, indent: &str) -> std::fmt::Result {
    let rows: Vec<String> = card
        .rows
        .iter()
        .map(|row| match row {
            Row::Name(text) => format!("<b>{}</b>", escape(text)),
            Row::Action(text) | Row::Clause(text) => escape(text),
            Row::State(text) => format!("<i>{}</i>", escape(text)),
        })
        .collect();
    writeln!(out, "{indent}{id}[\"{}\"]", rows.join("<br/>"))?;
    let classes = [card.gate.then_some("gate"), card.tone.map(Tone::word)];
    for class in classes.into_iter().flatten() {
        writeln!(out, "{indent}class {id} {class}")?;
    }
    Ok(())
}

/// Readable on a light and a dark page.
fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Failed => "fill:#fde2e1,stroke:#c5221f,color:#1f2328",
        Tone::Requested => "fill:#dbeafe,stroke:#1d4ed8,color:#1f2328",
        Tone::Waiting => "fill:#fef3c7,stroke:#b45309,color:#1f2328",
        Tone::Done => "fill:#dcfce7,stroke:#15803d,color:#1f2328",
        Tone::Skipped => "fill:#eceef1,stroke:#8b949e,color:#57606a",
    }
}

/// Mermaid has entities of its own, written with `#`.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => safe.push_str("#quot;"),
            '#' => safe.push_str("#35;"),
            '&' => safe.push_str("#amp;"),
            '<' => safe.push_str("#lt;"),
            '>' => safe.push_str("#gt;"),
            '`' => safe.push_str("#96;"),
            '\\' => safe.push_str("#92;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
