//! What one event costs: apply and plan, without store and queue. The budget is 20 µs.
#![expect(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use kontor_flow::apply::apply;
use kontor_flow::plan::plan;
use kontor_flow::{Flow, Order};
use kontor_testkit::order::{key, placed_event};

fn advance(c: &mut Criterion) {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let flows = [
        ("standard", include_str!("../../../infra/flows/standard.yaml")),
        ("merchant", include_str!("../../../infra/flows/merchant.yaml")),
    ];
    for (name, yaml) in flows {
        let flow = Flow::parse(name, yaml).unwrap();
        let news = placed_event("#1", now);
        let order = Order::unheard_of(key("kaffee/1"), flow.id.clone(), now);
        c.bench_function(&format!("apply and plan an order as placed ({name})"), |b| {
            b.iter_batched(
                || (order.clone(), news.clone()),
                |(mut order, news)| {
                    apply(&mut order.facts, news);
                    black_box(plan(&order, &flow, now))
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, advance);
criterion_main!(benches);
