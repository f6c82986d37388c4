//! Cursors of the syncs, each with its run lock.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use kontor_flow::ports::{Cursors, Owner, StoreError};

use crate::Store;
use crate::errors::failed;
use crate::item::{Item, STORE, micros, number, text};
use crate::table::{PK, SK};

const CURSOR: &str = "cursor";

#[async_trait]
impl Cursors for Store {
    async fn lock(
        &self,
        name: &str,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let take = self
            .cursor(name, owner)
            .update_expression("SET #owner = :owner, #until = :until")
            .condition_expression("attribute_not_exists(#owner) OR #until <= :now OR #owner = :owner")
            .expression_attribute_values(":until", micros(until))
            .expression_attribute_values(":now", micros(now));
        let item = self.if_allowed(name, take).await?;
        let saved =
            |item: Item| item.get(CURSOR).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        Ok(item.map(saved))
    }

    async fn peek(&self, name: &str) -> Result<String, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PK, text(format!("CURSOR#{name}")))
            .key(SK, text("CURSOR"))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(STORE, "GetItem", &format!("cursor {name}"), &error))?;
        let item = answer.item.unwrap_or_default();
        Ok(item.get(CURSOR).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default())
    }

    async fn save(&self, name: &str, owner: &Owner, cursor: &str) -> Result<bool, StoreError> {
        // The owner stays, so that a save whose answer was lost can be made again.
        let save = self
            .cursor(name, owner)
            .update_expression("SET #cursor = :cursor, #until = :zero")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#cursor", CURSOR)
            .expression_attribute_values(":cursor", text(cursor))
            .expression_attribute_values(":zero", number(0));
        Ok(self.if_allowed(name, save).await?.is_some())
    }
}

impl Store {
    fn cursor(&self, name: &str, owner: &Owner) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(PK, text(format!("CURSOR#{name}")))
            .key(SK, text("CURSOR"))
            .return_values(ReturnValue::AllNew)
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":owner", text(&owner.0))
    }

    async fn if_allowed(
        &self,
        name: &str,
        update: UpdateItemFluentBuilder,
    ) -> Result<Option<Item>, StoreError> {
        match update.send().await {
            Ok(done) => Ok(Some(done.attributes.unwrap_or_default())),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(STORE, "UpdateItem", &format!("cursor {name}"), &error)),
        }
    }
}
