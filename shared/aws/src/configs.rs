//! Configurations and flows, all versions.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::Put;
use kontor_flow::ports::{Configs, StoreError, StoredConfig, flow_ref};
use kontor_flow::{FlowName, FlowRef};

use crate::Store;
use crate::body::{BODY, pack, unpack};
use crate::errors::refused;
use crate::item::{item, number};
use crate::table::PK;

/// The version in force.
const CONFIG: (&str, &str) = ("CONFIG", "CURRENT");
/// The sort key of every version that was in force, and of every flow.
const TEXT: &str = "TEXT";
/// Flows in one configuration: a transaction has 100 items.
const MOST_FLOWS: usize = 90;

fn flow_pk(flow: &FlowRef) -> String {
    format!("FLOW#{flow}")
}

#[async_trait]
impl Configs for Store {
    async fn current(&self) -> Result<Option<StoredConfig>, StoreError> {
        let item = self.get("GetItem", CONFIG.0, CONFIG.1).await?;
        item.map(|item| unpack("the configuration", item.get(BODY))).transpose()
    }

    async fn push(&self, config: &StoredConfig) -> Result<(), StoreError> {
        let what = format!("configuration {}", config.version);
        if config.version == 0 || config.flows.len() > MOST_FLOWS {
            return Err(refused(
                what,
                format!("versions count from 1, and there are at most {MOST_FLOWS} flows"),
            ));
        }
        let body = pack(&what, config)?;
        let put = |item| Put::builder().table_name(&self.table).set_item(Some(item));
        let current = item(CONFIG.0, CONFIG.1, [(BODY, body.clone()), ("version", number(config.version))]);
        let current = if config.version == 1 {
            put(current).condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PK)
        } else {
            put(current)
                .condition_expression("#v = :before")
                .expression_attribute_names("#v", "version")
                .expression_attribute_values(":before", number(config.version - 1))
        };
        let mut puts = vec![current, put(item(&format!("CONFIG#{}", config.version), TEXT, [(BODY, body)]))];
        for (name, yaml) in &config.flows {
            let flow = flow_ref(FlowName::parse(name).map_err(|e| refused(&what, e))?, yaml);
            puts.push(put(item(&flow_pk(&flow), TEXT, [(BODY, pack(&what, yaml)?)])));
        }
        self.transact(&what, puts).await
    }

    async fn flow(&self, flow: &FlowRef) -> Result<Option<String>, StoreError> {
        let item = self.get("GetItem", &flow_pk(flow), TEXT).await?;
        item.map(|item| unpack(&format!("flow {flow}"), item.get(BODY))).transpose()
    }
}
