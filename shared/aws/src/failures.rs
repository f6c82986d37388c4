//! Failure records.

use async_trait::async_trait;
use futures_util::future::try_join_all;
use kontor_flow::ports::{FailureFilter, Failures, StoreError};
use kontor_flow::{Failure, FailureId, FailureState};

use crate::Store;
use crate::body::{BODY, pack, unpack};
use crate::errors::{failed, refused};
use crate::item::{Range, STORE, item, micros, number, read_text, text};
use crate::leases::expires;
use crate::table::{BY_STATE, PK, TTL};

const RECORD: &str = "RECORD";

fn pk(id: &FailureId) -> String {
    format!("FAILURE#{id}")
}

#[async_trait]
impl Failures for Store {
    async fn load(&self, id: &FailureId) -> Result<Option<Failure>, StoreError> {
        self.failure(&pk(id)).await
    }

    async fn store(&self, failure: &Failure) -> Result<(), StoreError> {
        let what = format!("failure {}", failure.id);
        if failure.revision == 0 {
            return Err(refused(what, "revisions count from 1"));
        }
        let mut record = item(
            &pk(&failure.id),
            RECORD,
            [
                (BODY, pack(&what, failure)?),
                ("revision", number(failure.revision)),
                ("class", text(failure.class.as_str())),
                (BY_STATE.partition, text(failure.state.as_str())),
                (BY_STATE.sort, micros(failure.last_at)),
            ],
        );
        if failure.state != FailureState::Open {
            record.insert(TTL.to_owned(), expires(failure.touched_at()));
        }
        let put = self.client.put_item().table_name(&self.table).set_item(Some(record));
        let put = if failure.revision == 1 {
            put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PK)
        } else {
            put.condition_expression("#r = :before")
                .expression_attribute_names("#r", "revision")
                .expression_attribute_values(":before", number(failure.revision - 1))
        };
        let Err(error) = put.send().await else { return Ok(()) };
        if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) {
            // Ours, if the SDK repeated a write whose answer was lost.
            if self.failure(&pk(&failure.id)).await?.as_ref() == Some(failure) && failure.revision > 1 {
                return Ok(());
            }
            return Err(StoreError::Conflict { what });
        }
        Err(failed(STORE, "PutItem", &what, &error))
    }

    async fn list(&self, filter: &FailureFilter) -> Result<Vec<Failure>, StoreError> {
        let all = vec![FailureState::Open, FailureState::Replayed, FailureState::Discarded];
        let states = filter.state.map_or(all, |state| vec![state]);
        let range = |state: &FailureState| Range {
            index: BY_STATE,
            partition: state.as_str().to_owned(),
            up_to: None,
            having: filter.class.map(|class| ("class", class.as_str().to_owned())),
            ascending: false,
            limit: filter.limit,
        };
        let found = try_join_all(states.iter().map(|state| self.range("Query", range(state)))).await?;
        let mut keys = Vec::new();
        for item in found.iter().flatten() {
            keys.push(read_text(BY_STATE.name, item, PK)?);
        }
        keys.sort_unstable();
        keys.dedup();
        let records = try_join_all(keys.into_iter().map(|key| self.failure(key))).await?;
        // The index lags, the records do not.
        let wanted = |f: &Failure| {
            filter.state.is_none_or(|state| f.state == state)
                && filter.class.is_none_or(|class| f.class == class)
        };
        let mut failures: Vec<_> = records.into_iter().flatten().filter(wanted).collect();
        failures.sort_unstable_by(|a, b| (b.last_at, &b.id).cmp(&(a.last_at, &a.id)));
        failures.truncate(filter.limit);
        Ok(failures)
    }
}

impl Store {
    async fn failure(&self, pk: &str) -> Result<Option<Failure>, StoreError> {
        let item = self.get("GetItem", pk, RECORD).await?;
        item.map(|item| unpack("a failure", item.get(BODY))).transpose()
    }
}
