//! The drawings: what Mermaid gets, and that nothing in an SVG lies over anything.

use kontor_domain::{PaymentSource, PaymentTerms};

use super::orders::{Story, days, failed, payment, shipment, start, terms};
use super::{merchant, standard};
use crate::Flow;

#[test]
fn the_standard_flow_in_mermaid() {
    insta::assert_snapshot!(standard().mermaid(None), @r#"
    flowchart TD
      s0["<b>customer</b><br/>erp.customer"]
      s1["<b>sales_order</b><br/>erp.sales_order"]
      s2["<b>confirmation</b><br/>mail.send confirmation"]
      s3["<b>update</b><br/>erp.update, for each edit"]
      s4["<b>release</b><br/>gate<br/>waits for order.paid || payment.terms == #quot;invoice#quot; || payment.terms == #quot;cash_on_delivery#quot;<br/>reminds after 5 d, gives up after 14 d"]
      class s4 gate
      s5["<b>payment</b><br/>erp.payment<br/>when payment.terms == #quot;prepayment#quot; #amp;#amp; payment.source != #quot;erp#quot;"]
      s6["<b>shipment</b><br/>erp.shipment<br/>when order.physical"]
      s7["<b>invoice</b><br/>erp.invoice"]
      s8["<b>credit</b><br/>erp.credit_note, for each refund"]
      s9["<b>tell_paid</b><br/>shop.paid<br/>when order.paid #amp;#amp; payment.source in [#quot;erp#quot;, #quot;operator#quot;]"]
      s10["<b>tell_shop</b><br/>shop.shipment, for each shipment"]
      s11["<b>shipped_mail</b><br/>mail.send shipped, for each shipment"]
      s0 --> s1
      s1 --> s2
      s1 --> s3
      s3 --> s4
      s4 --> s5
      s5 --> s6
      s5 --> s7
      s7 --> s8
      s4 --> s9
      s6 --> s10
      s6 --> s11
      subgraph cancelled [when the order is cancelled]
        direction TB
        c0["<b>cancel-erp</b><br/>erp.cancel"]
        c1["<b>cancel-shop</b><br/>shop.cancel"]
        c2["<b>send-mail</b><br/>mail.send cancelled"]
        c0 --> c1
        c1 --> c2
      end
      classDef gate stroke-dasharray: 5 4
    "#);
}

#[test]
fn the_merchants_flow_in_mermaid() {
    insta::assert_snapshot!(merchant().mermaid(None), @r#"
    flowchart TD
      s0["<b>customer</b><br/>erp.customer"]
      s1["<b>sales_order</b><br/>erp.sales_order"]
      s2["<b>confirmation</b><br/>mail.send confirmation"]
      s3["<b>update</b><br/>erp.update, for each edit"]
      s4["<b>approval</b><br/>gate<br/>waits for order.total #lt;= 1000 || approved"]
      class s4 gate
      s5["<b>release</b><br/>gate<br/>waits for order.paid || payment.terms == #quot;cash_on_delivery#quot; || payment.terms == #quot;invoice#quot; #amp;#amp; customer.group == #quot;B2B#quot; #amp;#amp; has(customer.vat_id)<br/>reminds after 5 d, gives up after 14 d"]
      class s5 gate
      s6["<b>payment</b><br/>erp.payment<br/>when payment.terms == #quot;prepayment#quot; #amp;#amp; payment.source != #quot;erp#quot;"]
      s7["<b>shipment</b><br/>erp.shipment<br/>when lines.exists(line, line.kind == #quot;physical#quot;)"]
      s8["<b>invoice</b><br/>erp.invoice<br/>when !lines.all(line, line.kind == #quot;gift_card#quot;)"]
      s9["<b>credit</b><br/>erp.credit_note, for each refund"]
      s10["<b>refunded_mail</b><br/>mail.send refunded, for each refund"]
      s11["<b>tell_paid</b><br/>shop.paid<br/>when order.paid #amp;#amp; payment.source in [#quot;erp#quot;, #quot;operator#quot;]"]
      s12["<b>tell_shop</b><br/>shop.shipment, for each shipment"]
      s13["<b>shipped_mail</b><br/>mail.send shipped, for each shipment<br/>when customer.group != #quot;B2B#quot;"]
      s0 --> s1
      s1 --> s2
      s1 --> s3
      s3 --> s4
      s4 --> s5
      s5 --> s6
      s6 --> s7
      s6 --> s8
      s8 --> s9
      s9 --> s10
      s5 --> s11
      s7 --> s12
      s7 --> s13
      subgraph cancelled [when the order is cancelled]
        direction TB
        c0["<b>cancel-erp</b><br/>erp.cancel"]
        c1["<b>cancel-shop</b><br/>shop.cancel"]
        c2["<b>send-mail</b><br/>mail.send cancelled"]
        c0 --> c1
        c1 --> c2
      end
      classDef gate stroke-dasharray: 5 4
    "#);
}

#[test]
fn where_an_order_stands_in_mermaid() {
    let flow = standard();
    let mut story = Story::of(&flow, terms(PaymentTerms::Invoice));
    story.work();
    story.hear(shipment("s1", start()));
    story.hear(failed("tell_shop/s1"));
    story.hear(shipment("s2", start()));
    insta::assert_snapshot!(flow.mermaid(Some(&story.order)), @r#"
    flowchart TD
      s0["<b>customer</b><br/>erp.customer<br/><i>done: customer C100</i>"]
      class s0 done
      s1["<b>sales_order</b><br/>erp.sales_order<br/><i>done: sales order A-1010</i>"]
      class s1 done
      s2["<b>confirmation</b><br/>mail.send confirmation<br/><i>done: mail handed over</i>"]
      class s2 done
      s3["<b>update</b><br/>erp.update, for each edit<br/><i>skipped: nothing was changed since</i>"]
      class s3 skipped
      s4["<b>release</b><br/>gate<br/>waits for order.paid || payment.terms == #quot;invoice#quot; || payment.terms == #quot;cash_on_delivery#quot;<br/>reminds after 5 d, gives up after 14 d<br/><i>done: let through</i>"]
      class s4 gate
      class s4 done
      s5["<b>payment</b><br/>erp.payment<br/>when payment.terms == #quot;prepayment#quot; #amp;#amp; payment.source != #quot;erp#quot;<br/><i>skipped: not payment.terms == #quot;prepayment#quot; #amp;#amp; payment.source != #quot;erp#quot;</i>"]
      class s5 skipped
      s6["<b>shipment</b><br/>erp.shipment<br/>when order.physical<br/><i>done: shipment L-1</i>"]
      class s6 done
      s7["<b>invoice</b><br/>erp.invoice<br/><i>done: invoice R-1</i>"]
      class s7 done
      s8["<b>credit</b><br/>erp.credit_note, for each refund<br/><i>skipped: no money went back</i>"]
      class s8 skipped
      s9["<b>tell_paid</b><br/>shop.paid<br/>when order.paid #amp;#amp; payment.source in [#quot;erp#quot;, #quot;operator#quot;]<br/><i>skipped: not order.paid #amp;#amp; payment.source in [#quot;erp#quot;, #quot;operator#quot;]</i>"]
      class s9 skipped
      s10["<b>tell_shop</b><br/>shop.shipment, for each shipment<br/><i>0 of 2 done</i>"]
      class s10 failed
      s11["<b>shipped_mail</b><br/>mail.send shipped, for each shipment<br/><i>0 of 2 done</i>"]
      class s11 requested
      s0 --> s1
      s1 --> s2
      s1 --> s3
      s3 --> s4
      s4 --> s5
      s5 --> s6
      s5 --> s7
      s7 --> s8
      s4 --> s9
      s6 --> s10
      s6 --> s11
      subgraph cancelled [when the order is cancelled]
        direction TB
        c0["<b>cancel-erp</b><br/>erp.cancel<br/><i>not reached</i>"]
        c1["<b>cancel-shop</b><br/>shop.cancel<br/><i>not reached</i>"]
        c2["<b>send-mail</b><br/>mail.send cancelled<br/><i>not reached</i>"]
        c0 --> c1
        c1 --> c2
      end
      classDef gate stroke-dasharray: 5 4
      classDef failed fill:#fde2e1,stroke:#c5221f,color:#1f2328
      classDef requested fill:#dbeafe,stroke:#1d4ed8,color:#1f2328
      classDef waiting fill:#fef3c7,stroke:#b45309,color:#1f2328
      classDef done fill:#dcfce7,stroke:#15803d,color:#1f2328
      classDef skipped fill:#eceef1,stroke:#8b949e,color:#57606a
    "#);
}

fn attribute(element: &str, name: &str) -> i32 {
    let from = element.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
    let value = &element[from..];
    value[..value.find('"').unwrap()].parse().unwrap()
}

/// The boxes of a drawing: x, y, width, height.
fn boxes(svg: &str) -> Vec<[i32; 4]> {
    let boxes = svg.lines().filter(|line| line.starts_with("<rect class=\"box"));
    boxes.map(|line| ["x", "y", "width", "height"].map(|name| attribute(line, name))).collect()
}

fn drawn_well(flow: &Flow, svg: &str) {
    let boxes = boxes(svg);
    assert_eq!(boxes.len(), flow.steps.len() + flow.on_cancel.len());
    let page = svg.lines().next().unwrap();
    for (at, [x, y, w, h]) in boxes.iter().enumerate() {
        assert!(
            *x >= 0 && *y >= 0 && x + w <= attribute(page, "width") && y + h <= attribute(page, "height")
        );
        for [x2, y2, w2, h2] in &boxes[at + 1..] {
            let apart = x + w <= *x2 || x2 + w2 <= *x || y + h <= *y2 || y2 + h2 <= *y;
            assert!(apart, "{x},{y} {w}x{h} lies over {x2},{y2} {w2}x{h2}");
        }
    }
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}

/// Points along the arrows of a drawing, close together.
fn points(svg: &str) -> Vec<[i64; 2]> {
    let mut points = Vec::new();
    for line in svg.lines().filter(|line| line.starts_with("<path class=\"arrow")) {
        let from = line.find(" d=\"").unwrap() + 4;
        let path = line[from..].split('"').next().unwrap().replace(['M', 'L'], "\n").replace('C', "\nC");
        let mut at = [0, 0];
        for part in path.lines().filter(|part| !part.is_empty()) {
            let numbers: Vec<i64> =
                part.trim_start_matches('C').split(' ').map(|n| n.parse().unwrap()).collect();
            let end = [numbers[numbers.len() - 2], numbers[numbers.len() - 1]];
            let bends = if part.starts_with('C') {
                [[numbers[0], numbers[1]], [numbers[2], numbers[3]]]
            } else if at == [0, 0] {
                [end, end]
            } else {
                [at, end]
            };
            let start = if at == [0, 0] { end } else { at };
            for t in 0..=40 {
                let u = 40 - t;
                let reckon = |i: usize| {
                    (u * u * u * start[i]
                        + 3 * u * u * t * bends[0][i]
                        + 3 * u * t * t * bends[1][i]
                        + t * t * t * end[i])
                        / 64_000
                };
                points.push([reckon(0), reckon(1)]);
            }
            at = end;
        }
    }
    points
}

#[test]
fn arrows_pass_beside_boxes() {
    for flow in [standard(), merchant(), wide(), tall()] {
        let svg = flow.svg(None);
        let points = points(&svg);
        assert!(!points.is_empty());
        for [x, y, w, h] in boxes(&svg).into_iter().map(|edges| edges.map(i64::from)) {
            let crossed = points.iter().find(|[px, py]| *px > x && *px < x + w && *py > y && *py < y + h);
            assert_eq!(crossed, None, "an arrow of {} runs through the box at {x},{y}", flow.id.name);
        }
    }
}

#[test]
fn the_guide_shows_the_standard_flow_as_it_is() {
    let guide = include_str!("../../../../../docs/flows.md");
    let drawing = format!("```mermaid\n{}```\n", standard().mermaid(None));
    assert!(guide.contains(&drawing), "docs/flows.md should have this in it:\n{drawing}");
}

#[test]
fn boxes_lie_beside_each_other() {
    for flow in [standard(), merchant(), wide(), tall()] {
        drawn_well(&flow, &flow.svg(None));
        let mut story = Story::of(&flow, |_| {});
        drawn_well(&flow, &flow.svg(Some(&story.order)));
        story.work();
        story.wait(days(6));
        story.hear(payment("p", PaymentSource::Shop, "119.80", start()));
        drawn_well(&flow, &flow.svg(Some(&story.order)));
    }
}

#[test]
fn text_is_escaped() {
    let source = "name: t\nsteps:\n  g: { await: order.total < 5 && shop.id != '<script>\"#' }\n";
    let flow = Flow::parse("t.yaml", source).unwrap();
    let svg = flow.svg(None);
    assert!(
        !svg.contains("<script>")
            && svg.contains("&lt;script&gt;&quot;#")
            && svg.contains("&lt; 5")
            && svg.contains("&amp;&amp; shop.id")
    );
    let mermaid = flow.mermaid(None);
    assert!(mermaid.contains("#lt;script#gt;#quot;#35;") && !mermaid.contains("<script>"), "{mermaid}");
}

/// Many steps side by side, with arrows that pass many rows.
fn wide() -> Flow {
    let mut source = String::from("name: wide\nsteps:\n  a0: { await: order.paid }\n");
    for n in 1..14 {
        source.push_str(&format!("  a{n}: {{ await: order.paid, needs: [a0] }}\n"));
    }
    for n in 0..6 {
        source.push_str(&format!("  b{n}: {{ await: order.paid, needs: [a{}, a{}] }}\n", n + 1, 13 - n));
    }
    source.push_str("  end: { await: order.paid && customer.group == 'a-word-that-is-far-longer-than-any-line-of-a-box-may-be', needs: [a0, b0, b5, a7] }\n");
    Flow::parse("wide.yaml", &source).unwrap()
}

fn tall() -> Flow {
    let mut source = String::from("name: tall\nsteps:\n  a0: { await: order.paid }\n");
    for n in 1..200 {
        source.push_str(&format!("  a{n}: {{ await: order.paid, needs: [a{}, a{}] }}\n", n - 1, n / 2));
    }
    let unique = source.replace("[a0, a0]", "[a0]").replace("[a1, a1]", "[a1]");
    Flow::parse("tall.yaml", &unique).unwrap()
}
