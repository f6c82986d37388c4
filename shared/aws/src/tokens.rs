//! What outside systems hand to us, an item each.

use async_trait::async_trait;
use kontor_flow::ports::{StoreError, Token, Tokens};

use crate::Store;
use crate::errors::{failed, refused};
use crate::item::{STORE, item, number, read_number, read_text, text};
use crate::table::PK;

const SECRET: &str = "SECRET";
const REVISION: &str = "revision";
const TEXT: &str = "text";

fn pk(name: &str) -> String {
    format!("TOKEN#{name}")
}

#[async_trait]
impl Tokens for Store {
    async fn load(&self, name: &str) -> Result<Option<Token>, StoreError> {
        let Some(item) = self.get("GetItem", &pk(name), SECRET).await? else { return Ok(None) };
        let what = format!("token {name}");
        let revision = read_number(&what, &item, REVISION)?;
        Ok(Some(Token { revision, text: read_text(&what, &item, TEXT)?.to_owned() }))
    }

    async fn store(&self, name: &str, token: &Token) -> Result<(), StoreError> {
        let what = format!("token {name}");
        if token.revision == 0 {
            return Err(refused(what, "revisions count from 1"));
        }
        let kept = [(REVISION, number(token.revision)), (TEXT, text(&token.text))];
        let put =
            self.client.put_item().table_name(&self.table).set_item(Some(item(&pk(name), SECRET, kept)));
        let put = if token.revision == 1 {
            put.condition_expression("attribute_not_exists(#k)").expression_attribute_names("#k", PK)
        } else {
            put.condition_expression("#r = :before")
                .expression_attribute_names("#r", REVISION)
                .expression_attribute_values(":before", number(token.revision.saturating_sub(1)))
        };
        let Err(error) = put.send().await else { return Ok(()) };
        if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) {
            // Ours, if the SDK repeated a write whose answer was lost: two never write the same secret.
            if self.load(name).await?.as_ref() == Some(token) {
                return Ok(());
            }
            return Err(StoreError::Conflict { what });
        }
        Err(failed(STORE, "PutItem", &what, &error))
    }
}
