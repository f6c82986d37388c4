//! How every keeper of configurations behaves.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use kontor_flow::FlowName;
use kontor_flow::ports::{Configs, StoreError, StoredConfig, flow_ref};

use crate::clock::time;
use crate::order::BEGINNING;

fn config(version: u64, flow: &str) -> StoredConfig {
    StoredConfig {
        version,
        yaml: format!("# Fassung {version} — für Käufer\nshops: []\n"),
        flows: BTreeMap::from([
            ("standard".to_owned(), flow.to_owned()),
            ("b2b".to_owned(), "name: b2b\n".to_owned()),
        ]),
        pushed_at: time(BEGINNING),
        pushed_by: "Jörg".to_owned(),
    }
}

async fn conflicts(configs: &dyn Configs, version: u64) {
    let refused = configs.push(&config(version, "x")).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "version {version}: {refused:?}");
}

/// The suite. Wants a store without configurations.
pub async fn configs_behave(configs: &dyn Configs) {
    assert_eq!(configs.current().await.unwrap(), None);
    conflicts(configs, 2).await;
    let first = config(1, "name: standard\nsteps: {}\n");
    configs.push(&first).await.unwrap();
    assert_eq!(configs.current().await.unwrap().as_ref(), Some(&first));
    conflicts(configs, 1).await;
    conflicts(configs, 3).await;

    let second = config(2, &"# Schritte\n".repeat(40_000));
    configs.push(&second).await.unwrap();
    assert_eq!(configs.current().await.unwrap().as_ref(), Some(&second));
    for config in [&first, &second] {
        for (name, yaml) in &config.flows {
            let named = flow_ref(FlowName::parse(name).unwrap(), yaml);
            assert_eq!(
                configs.flow(&named).await.unwrap().as_ref(),
                Some(yaml),
                "{named} is kept for its orders"
            );
        }
    }
    let never = flow_ref(FlowName::parse("standard").unwrap(), "x");
    assert_eq!(configs.flow(&never).await.unwrap(), None, "what was refused is not kept");

    let mut unnameable = config(3, "x");
    unnameable.flows.insert("Großer Fluss".to_owned(), String::new());
    assert!(matches!(configs.push(&unnameable).await, Err(StoreError::Refused { .. })));

    let mine: Vec<_> = (0..6).map(|n| config(3, &format!("name: f{n}\n"))).collect();
    let outcomes = join_all(mine.iter().map(|config| configs.push(config))).await;
    assert_eq!(outcomes.iter().filter(|o| o.is_ok()).count(), 1, "{outcomes:?}");
}
