//! A flow as an SVG that needs nothing else: no font, no script, light and dark.

use std::fmt::Write as _;

use super::layout::{Layout, Size, Spot, layout};
use super::{Arrow, Card, Row, Tone, arrows, cards};
use crate::order::Course;
use crate::{Flow, Order};

/// Around the whole drawing.
const MARGIN: i32 = 24;
/// Inside a box, left and right.
const PAD_X: i32 = 14;
/// Inside a box, above and below.
const PAD_Y: i32 = 12;
/// Room for the title.
const TITLE: i32 = 44;
/// Between the flow and what is done on cancelling.
const ASIDE: i32 = 64;
/// Over what is done on cancelling.
const UNDO: &str = "when the order is cancelled";
/// The most characters of a line; longer ones are broken.
const LINE: usize = 42;

const STYLE: &str = "
.page{fill:#ffffff}
.box{fill:#f6f8fa;stroke:#8c959f;stroke-width:1.5}
.gate{stroke-dasharray:6 4}
.group{fill:none;stroke:#8c959f;stroke-dasharray:2 4}
.arrow{fill:none;stroke:#6e7781;stroke-width:1.5}
.implied{stroke-dasharray:4 4}
.tip{fill:#6e7781}
text{font-family:ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:17px;font-weight:600}
.note{font-size:12px;fill:#57606a}
.name{font-size:14px;font-weight:600}
.does{font-size:12px;fill:#57606a}
.clause{font-size:11px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.state{font-size:12px;font-weight:600}
.failed{fill:#fde2e1;stroke:#c5221f}.requested{fill:#dbeafe;stroke:#1d4ed8}.waiting{fill:#fef3c7;stroke:#b45309}
.done{fill:#dcfce7;stroke:#15803d}.skipped{fill:#eceef1;stroke:#afb8c1}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}
.box{fill:#161b22;stroke:#6e7681}
.group{stroke:#6e7681}
.arrow{stroke:#8b949e}.tip{fill:#8b949e}
text{fill:#e6edf3}
.note,.does{fill:#9da7b3}
.failed{fill:#4a1614;stroke:#f85149}.requested{fill:#10284f;stroke:#58a6ff}.waiting{fill:#3f2d05;stroke:#d29922}
.done{fill:#0f3320;stroke:#3fb950}.skipped{fill:#1c2128;stroke:#484f58}
}
";

/// A line of text in a box.
struct Line {
    class: &'static str,
    height: i32,
    text: String,
}

/// A box with its lines broken, so that its size is known.
struct Panel {
    lines: Vec<Line>,
    size: Size,
    gate: bool,
    tone: Option<Tone>,
}

/// The flow, top down. Writing into a `String` never fails, so the results of `write!` are only joined.
pub(in crate::language) fn svg(flow: &Flow, position: Option<&Order>) -> String {
    let mut out = String::new();
    let written = draw(flow, position, &mut out);
    debug_assert!(written.is_ok());
    out
}

fn draw(flow: &Flow, position: Option<&Order>, out: &mut String) -> std::fmt::Result {
    let steps: Vec<Panel> = cards(&flow.steps, position).iter().map(panel).collect();
    let undo: Vec<Panel> = cards(&flow.on_cancel, position).iter().map(panel).collect();
    let links = arrows(flow);
    let main = layout(&sizes(&steps), &links);
    let chain: Vec<Arrow> = (1..undo.len()).map(|to| Arrow { from: to - 1, to, implied: false }).collect();
    let side = layout(&sizes(&undo), &chain);

    let heading = title(flow, position);
    let group_width = (side.size.width).max(text_width("note", UNDO)) + 2 * PAD_X;
    let aside = if undo.is_empty() { 0 } else { ASIDE + group_width };
    let texts = heading.iter().map(|(class, text)| text_width(class, text)).max().unwrap_or(0);
    let width = (main.size.width + aside).max(texts) + 2 * MARGIN;
    let top = MARGIN + TITLE;
    let height = top + main.size.height.max(side.size.height + 40 + PAD_Y) + MARGIN;

    open(out, flow, width, height)?;
    for (at, (class, text)) in (0_i32..).zip(&heading) {
        put(out, class, MARGIN, MARGIN + 12 + 20 * at, text)?;
    }
    group(out, &steps, &main, &links, Spot { x: MARGIN, y: top })?;
    if !undo.is_empty() {
        let x = MARGIN + main.size.width + ASIDE;
        let h = side.size.height + 40 + PAD_Y;
        writeln!(
            out,
            r#"<rect class="group" x="{x}" y="{top}" width="{group_width}" height="{h}" rx="10"/>"#
        )?;
        put(out, "note", x + PAD_X, top + 24, UNDO)?;
        let inset = (group_width - side.size.width) / 2;
        group(out, &undo, &side, &chain, Spot { x: x + inset, y: top + 40 })?;
    }
    writeln!(out, "</svg>")
}

fn open(out: &mut String, flow: &Flow, width: i32, height: i32) -> std::fmt::Result {
    let size = format!(r#"width="{width}" height="{height}" viewBox="0 0 {width} {height}""#);
    writeln!(out, r#"<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">"#)?;
    writeln!(out, "<title>Flow {}</title>", escape(flow.id.name.as_str()))?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(
        out,
        r#"<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>"#
    )?;
    writeln!(out, r#"<rect class="page" width="{width}" height="{height}"/>"#)
}

fn title(flow: &Flow, position: Option<&Order>) -> Vec<(&'static str, String)> {
    let mut lines = vec![("title", flow.id.name.to_string())];
    let note = match position {
        None => format!("version {}", flow.id.version),
        Some(order) => {
            let course = match &order.course {
                Course::Forward => String::new(),
                Course::Cancelling { because, .. } => format!(", because it was {because}"),
            };
            format!("order {} is {}{course}", order.key, order.status.as_str().replace('_', " "))
        }
    };
    lines.push(("note", super::short(&note)));
    lines
}

fn group(out: &mut String, panels: &[Panel], layout: &Layout, links: &[Arrow], at: Spot) -> std::fmt::Result {
    for (link, way) in links.iter().zip(&layout.ways) {
        arrow(out, *link, way, at)?;
    }
    for (panel, spot) in panels.iter().zip(&layout.boxes) {
        boxed(out, panel, Spot { x: spot.x + at.x, y: spot.y + at.y })?;
    }
    Ok(())
}

/// A soft line: curved between two rows, straight through a row.
fn arrow(out: &mut String, link: Arrow, way: &[Spot], at: Spot) -> std::fmt::Result {
    let Some((first, rest)) = way.split_first() else { return Ok(()) };
    let mut path = format!("M{} {}", first.x + at.x, first.y + at.y);
    let mut from = *first;
    for to in rest {
        let middle = (from.y + to.y) / 2 + at.y;
        let (x, y) = (to.x + at.x, to.y + at.y);
        if from.x == to.x {
            write!(path, "L{x} {y}")?;
        } else {
            write!(path, "C{} {middle} {x} {middle} {x} {y}", from.x + at.x)?;
        }
        from = *to;
    }
    let class = if link.implied { "arrow implied" } else { "arrow" };
    writeln!(out, r#"<path class="{class}" d="{path}" marker-end="url(#tip)"/>"#)
}

fn boxed(out: &mut String, panel: &Panel, at: Spot) -> std::fmt::Result {
    let mut class = String::from("box");
    if panel.gate {
        class.push_str(" gate");
    }
    if let Some(tone) = panel.tone {
        class.push(' ');
        class.push_str(tone.word());
    }
    let Size { width, height } = panel.size;
    let Spot { x, y } = at;
    writeln!(out, r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>"#)?;
    let mut base = y + PAD_Y;
    for line in &panel.lines {
        base += line.height;
        put(out, line.class, x + PAD_X, base - 4, &line.text)?;
    }
    Ok(())
}

fn put(out: &mut String, class: &str, x: i32, y: i32, text: &str) -> std::fmt::Result {
    writeln!(out, r#"<text class="{class}" x="{x}" y="{y}">{}</text>"#, escape(text))
}

fn sizes(panels: &[Panel]) -> Vec<Size> {
    panels.iter().map(|panel| panel.size).collect()
}

fn panel(card: &Card) -> Panel {
    let mut lines = Vec::new();
    for row in &card.rows {
        let (class, height, text) = match row {
            Row::Name(text) => ("name", 19, text),
            Row::Action(text) => ("does", 17, text),
            Row::Clause(text) => ("clause", 16, text),
            Row::State(text) => ("state", 19, text),
        };
        lines.extend(broken(text).into_iter().map(|text| Line { class, height, text }));
    }
    let width = lines.iter().map(|line| text_width(line.class, &line.text)).max().unwrap_or(0);
    let height: i32 = lines.iter().map(|line| line.height).sum();
    let size = Size { width: (width + 2 * PAD_X).max(140), height: height + 2 * PAD_Y };
    Panel { lines, size, gate: card.gate, tone: card.tone }
}

/// Room for a text, on the safe side: fonts differ from reader to reader.
fn text_width(class: &str, text: &str) -> i32 {
    let per_char = match class {
        "title" => 105,
        "name" => 86,
        "state" => 74,
        _ => 69,
    };
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 200) * per_char / 10
}

/// Breaks a condition before `&&` and `||` where that will do, else as any text.
fn broken(text: &str) -> Vec<String> {
    let marked = text.replace(" && ", "\n&& ").replace(" || ", "\n|| ");
    let mut lines: Vec<String> = Vec::new();
    for part in marked.split('\n') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + part.chars().count() <= LINE => {
                last.push(' ');
                last.push_str(part);
            }
            Some(_) | None => lines.extend(wrapped(part)),
        }
    }
    lines
}

/// Breaks a text at blanks into lines of at most [`LINE`] characters; a word that is longer is cut.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let chars: Vec<char> = word.chars().collect();
        for piece in chars.chunks(LINE) {
            if length > 0 && length + 1 + piece.len() > LINE {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            line.extend(piece);
            length += piece.len();
        }
    }
    lines.push(line);
    lines
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
