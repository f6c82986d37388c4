//! Tests of the flow language and of the plan that follows flows.

mod conditions;
mod drawing;
mod later;
mod orders;
mod plans;
mod problems;

use crate::Flow;

const STANDARD: &str = include_str!("../../../../../infra/flows/standard.yaml");
const MERCHANT: &str = include_str!("../../../../../infra/flows/merchant.yaml");

fn standard() -> Flow {
    Flow::parse("infra/flows/standard.yaml", STANDARD).unwrap()
}

fn merchant() -> Flow {
    Flow::parse("infra/flows/merchant.yaml", MERCHANT).unwrap()
}

/// What is wrong with a flow, one problem a line; empty if nothing is.
fn problems(source: &str) -> String {
    match Flow::parse("t.yaml", source) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn the_flows_we_ship_are_sound_and_sorted() {
    for flow in [standard(), merchant()] {
        for (at, step) in flow.steps.iter().enumerate() {
            let before: Vec<_> = flow.steps.iter().take(at).map(|step| &step.name).collect();
            assert!(step.needs.iter().all(|need| before.contains(&need)), "{} comes too early", step.name);
        }
        assert_eq!(
            flow.on_cancel.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["cancel-erp", "cancel-shop", "send-mail"]
        );
    }
    assert_eq!(standard().id, crate::ports::flow_ref(crate::FlowName::parse("standard").unwrap(), STANDARD));
}

#[test]
fn sorting_keeps_the_order_of_the_file_where_it_can() {
    let source = "name: t\nsteps:\n  tell: { do: shop.shipment, for_each: shipments }\n  ship: { do: erp.shipment, needs: [gate] }\n  \
                  gate: { await: order.paid, needs: [so] }\n  so: { do: erp.sales_order, needs: [customer] }\n  \
                  mail: { do: mail.send, with: { template: confirmation } }\n  customer: { do: erp.customer }\n";
    let flow = Flow::parse("t.yaml", source).unwrap();
    let names: Vec<_> = flow.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["mail", "customer", "so", "gate", "ship", "tell"]);
}

#[test]
fn durations_are_read_in_every_unit() {
    for (text, seconds) in [("90s", 90), ("30m", 1800), ("2h", 7200), ("5d", 432_000), ("365d", 31_536_000)] {
        let source = format!("name: t\nsteps:\n  g: {{ await: order.paid, remind_after: {text} }}\n");
        let flow = Flow::parse("t.yaml", &source).unwrap();
        assert_eq!(flow.steps[0].remind_after, Some(std::time::Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn a_flow_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    shared(&standard());
}
