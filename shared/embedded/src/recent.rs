//! Orders written lately, kept in memory: an order is written and read about twenty times within seconds.
//!
//! Only the writing thread puts orders in, in the order of its commits, and never a reader: so what is in here is
//! always what is in the table.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use kontor_domain::OrderKey;
use kontor_flow::{Order, OrderStatus};

use crate::errors::locked;

/// Orders kept.
const KEPT: usize = 4096;
/// Orders longer than this, as JSON in bytes, are not kept.
const LONGEST: usize = 48 * 1024;

/// Orders written lately.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    orders: HashMap<OrderKey, Arc<Order>>,
    /// Every writing, oldest first; one that is not the order's last any more counts for nothing.
    written: VecDeque<(OrderKey, u64)>,
}

impl Recent {
    /// Whether an order of so many bytes is kept: not if it is too long, or nothing more will come of it.
    fn keeps(order: &Order, bytes: usize) -> bool {
        let over = matches!(order.status, OrderStatus::Completed | OrderStatus::Cancelled);
        !over && bytes <= LONGEST
    }

    /// The order, if it is kept.
    pub(crate) fn get(&self, key: &OrderKey) -> Option<Arc<Order>> {
        locked(&self.0).orders.get(key).cloned()
    }

    /// The order was written, in so many bytes. To be called by the writing thread after the commit.
    pub(crate) fn wrote(&self, order: Arc<Order>, bytes: usize) {
        let mut guard = locked(&self.0);
        let kept = &mut *guard;
        if !Self::keeps(&order, bytes) {
            kept.orders.remove(&order.key);
            return;
        }
        kept.written.push_back((order.key.clone(), order.version));
        kept.orders.insert(order.key.clone(), order);
        while kept.orders.len() > KEPT || kept.written.len() > 8 * KEPT {
            let Some((key, version)) = kept.written.pop_front() else { break };
            if kept.orders.get(&key).is_some_and(|order| order.version == version) {
                kept.orders.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kontor_testkit::order::order;

    #[test]
    fn the_oldest_writings_make_room_and_the_newest_is_served() {
        let recent = Recent::default();
        for number in 0..KEPT + 10 {
            let order = order(&format!("kaffee/{number}"));
            recent.wrote(Arc::new(order), 100);
        }
        assert!(recent.get(&"kaffee/0".parse().unwrap()).is_none());
        let last = recent.get(&format!("kaffee/{}", KEPT + 9).parse().unwrap()).unwrap();
        let last = kontor_testkit::order::next(&last);
        recent.wrote(Arc::new(last.clone()), 100);
        assert_eq!(recent.get(&last.key).unwrap().version, last.version);
        recent.wrote(Arc::new(last.clone()), LONGEST + 1);
        assert!(recent.get(&last.key).is_none());
        assert!(locked(&recent.0).orders.len() <= KEPT);
    }
}
