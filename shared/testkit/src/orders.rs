//! How every store of orders behaves.

use std::time::Duration;

use futures_util::future::join_all;
use kontor_domain::ShopId;
use kontor_flow::ports::{OrderFilter, OrderIndex, OrderReader, OrderWriter, StoreError};
use kontor_flow::{Order, OrderStatus};

use crate::clock::time;
use crate::order::{BEGINNING, entry, key, large, next, order};

/// The suite. Wants a store without orders.
pub async fn orders_behave(reader: &dyn OrderReader, writer: &dyn OrderWriter, index: &dyn OrderIndex) {
    what_is_stored_is_loaded(reader, writer).await;
    one_of_many_writers_wins(reader, writer, index).await;
    the_timeline_keeps_every_version_in_order(writer, index).await;
    large_orders_are_kept_and_too_large_ones_refused(reader, writer).await;
    due_orders_come_most_overdue_first(writer, index).await;
    lists_filter_and_sort(writer, index).await;
}

async fn put(writer: &dyn OrderWriter, order: &Order) {
    writer.store(order, &entry(order)).await.unwrap();
}

async fn what_is_stored_is_loaded(reader: &dyn OrderReader, writer: &dyn OrderWriter) {
    assert_eq!(reader.load(&key("laden/nie")).await.unwrap(), None);
    let first = order("laden/ü-17");
    put(writer, &first).await;
    assert_eq!(reader.load(&first.key).await.unwrap().as_deref(), Some(&first));
    let second = next(&first);
    put(writer, &second).await;
    assert_eq!(reader.load(&first.key).await.unwrap().as_deref(), Some(&second));
    for stale in [&first, &second, &next(&next(&second))] {
        let refused = writer.store(stale, &entry(stale)).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { .. })),
            "version {}: {refused:?}",
            stale.version
        );
    }
    assert_eq!(
        reader.load(&first.key).await.unwrap().as_deref(),
        Some(&second),
        "a refused write leaves everything as it was"
    );
    let mut unheard = order("laden/neu");
    unheard.version = 2;
    let refused = writer.store(&unheard, &entry(&unheard)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
}

async fn one_of_many_writers_wins(
    reader: &dyn OrderReader,
    writer: &dyn OrderWriter,
    index: &dyn OrderIndex,
) {
    let start = order("laden/streit");
    for (version, base) in [(1, None), (2, Some(&start))] {
        let tries = (0..12).map(|n| {
            let mut mine = base.map_or_else(|| start.clone(), next);
            mine.held = (version == 2).then(|| format!("writer {n}"));
            async move { (writer.store(&mine, &entry(&mine)).await, mine) }
        });
        let outcomes = join_all(tries).await;
        let won: Vec<_> = outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).collect();
        assert_eq!(won.len(), 1, "version {version}");
        for (outcome, _) in outcomes.iter().filter(|(outcome, _)| outcome.is_err()) {
            let fair = matches!(outcome, Err(StoreError::Conflict { .. } | StoreError::Unavailable { .. }));
            assert!(fair, "{outcome:?}");
        }
        assert_eq!(reader.load(&start.key).await.unwrap().as_deref(), won.first().map(|(_, order)| order));
    }
    assert_eq!(index.timeline(&start.key).await.unwrap().len(), 2);
}

async fn the_timeline_keeps_every_version_in_order(writer: &dyn OrderWriter, index: &dyn OrderIndex) {
    assert_eq!(index.timeline(&key("laden/leer")).await.unwrap(), []);
    let mut now = order("laden/lang");
    let mut told = Vec::new();
    for _ in 0..12 {
        put(writer, &now).await;
        told.push(entry(&now));
        now = next(&now);
    }
    let timeline = index.timeline(&now.key).await.unwrap();
    assert_eq!(timeline, told, "10 comes after 9");
}

async fn large_orders_are_kept_and_too_large_ones_refused(
    reader: &dyn OrderReader,
    writer: &dyn OrderWriter,
) {
    // Some 700 kB as JSON.
    let order = large("laden/gross", 2_000);
    put(writer, &order).await;
    let again = next(&order);
    put(writer, &again).await;
    assert_eq!(reader.load(&order.key).await.unwrap().as_deref(), Some(&again));
}

async fn due_orders_come_most_overdue_first(writer: &dyn OrderWriter, index: &dyn OrderIndex) {
    let start = time(BEGINNING);
    let hours = |n: u64| start + Duration::from_secs(3600 * n);
    for n in [3_u64, 1, 4, 2, 9] {
        let mut order = order(&format!("faellig/{n}"));
        order.due_at = Some(hours(n));
        put(writer, &order).await;
    }
    let expected: Vec<_> = ["faellig/1", "faellig/2", "faellig/3", "faellig/4"].map(key).into();
    assert_eq!(index.due(hours(4), 100).await.unwrap(), expected);
    assert_eq!(index.due(hours(4), 2).await.unwrap(), expected.get(..2).unwrap());
    assert_eq!(index.due(start, 100).await.unwrap(), []);
    let mut done = next(&order("faellig/1"));
    done.due_at = None;
    put(writer, &done).await;
    let mut later = next(&order("faellig/2"));
    later.due_at = Some(hours(5));
    put(writer, &later).await;
    assert_eq!(index.due(hours(4), 100).await.unwrap(), expected.get(2..).unwrap());
}

async fn lists_filter_and_sort(writer: &dyn OrderWriter, index: &dyn OrderIndex) {
    let statuses = [OrderStatus::InWork, OrderStatus::Failed, OrderStatus::Completed];
    for (n, status) in (0..30_u64).zip(statuses.into_iter().cycle()) {
        let mut order = order(&format!("liste-{}/{n}", n % 2));
        order.status = status;
        order.updated_at = time("2027-01-01T00:00:00Z") + Duration::from_secs(n);
        put(writer, &order).await;
    }
    let keys = |filter: OrderFilter| async move {
        let found = index.list(&filter).await.unwrap();
        found.into_iter().map(|line| line.key.to_string()).collect::<Vec<_>>()
    };
    let shop = Some(ShopId::parse("liste-1").unwrap());
    let all = OrderFilter { limit: 3, ..OrderFilter::default() };
    assert_eq!(keys(all).await, ["liste-1/29", "liste-0/28", "liste-1/27"]);
    let failed = OrderFilter { status: Some(OrderStatus::Failed), shop: None, limit: 4 };
    assert_eq!(keys(failed).await, ["liste-0/28", "liste-1/25", "liste-0/22", "liste-1/19"]);
    let of_shop = OrderFilter { status: None, shop: shop.clone(), limit: 100 };
    let expected: Vec<_> = (0..30).rev().filter(|n| n % 2 == 1).map(|n| format!("liste-1/{n}")).collect();
    assert_eq!(keys(of_shop).await, expected);
    let both = OrderFilter { status: Some(OrderStatus::Completed), shop, limit: 100 };
    assert_eq!(keys(both).await, ["liste-1/29", "liste-1/23", "liste-1/17", "liste-1/11", "liste-1/5"]);
    let held = OrderFilter { status: Some(OrderStatus::Held), shop: None, limit: 9 };
    assert_eq!(keys(held).await, Vec::<String>::new());

    let mut moved = next(&order("liste-0/28"));
    (moved.status, moved.updated_at) = (OrderStatus::Completed, time("2027-02-01T00:00:00Z"));
    put(writer, &moved).await;
    let first = index.list(&OrderFilter { limit: 1, ..OrderFilter::default() }).await.unwrap();
    assert_eq!(first, [moved.summary()], "a list shows the order as it is now");
    let failed = OrderFilter { status: Some(OrderStatus::Failed), shop: None, limit: 1 };
    assert_eq!(keys(failed).await, ["liste-1/25"], "and no longer where it was");
}
