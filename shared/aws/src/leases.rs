//! Leases on commands.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use kontor_flow::ports::{Claim, Leases, Owner, StoreError};
use kontor_flow::{CommandId, Finish};

use crate::Store;
use crate::body::{BODY, pack, unpack};
use crate::errors::{corrupt, failed};
use crate::item::{Item, STORE, micros, number, read_number, read_text, text};
use crate::table::{PK, SK, TTL};

/// Leases, and failures that are settled, are kept for so many days after they were touched last.
pub(crate) const KEPT_DAYS: i64 = 90;

/// How often a claim looks again when others claim at the same time.
const LOOKS: u32 = 4;

const FREE: &str = "free";
const HELD: &str = "held";
const DONE: &str = "done";

#[async_trait]
impl Leases for Store {
    async fn claim(
        &self,
        id: &CommandId,
        owner: &Owner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let ask = Ask { store: self, id, owner, now, until };
        let mut before = match ask.take_free().await? {
            Ok(before) => return answer(id, before.as_ref()),
            Err(before) => before,
        };
        for _ in 0..LOOKS {
            match ask.look(&before)? {
                Look::Answer(claim) => return Ok(claim),
                Look::Lost => match ask.take_lost(&before).await? {
                    Ok(()) => return told(read_number(id.as_str(), &before, "attempts")?, true),
                    Err(changed) => before = changed,
                },
                Look::Free => match ask.take_free().await? {
                    Ok(before) => return answer(id, before.as_ref()),
                    Err(changed) => before = changed,
                },
            }
        }
        let source = "others claim the lease all the time".into();
        Err(StoreError::Unavailable { store: STORE, call: "claim lease", source })
    }

    async fn complete(
        &self,
        id: &CommandId,
        owner: &Owner,
        finish: &Finish,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // Done by the same owner already: its first answer was lost.
        let update = self
            .lease(id)
            .update_expression("SET #state = :done, #body = :finish, #ttl = :ttl")
            .condition_expression("#owner = :owner AND #state IN (:held, :done)")
            .expression_attribute_names("#body", BODY)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":finish", pack(&format!("the result of {id}"), finish)?)
            .expression_attribute_values(":ttl", expires(now))
            .expression_attribute_values(":owner", text(&owner.0))
            .expression_attribute_values(":held", text(HELD))
            .expression_attribute_values(":done", text(DONE));
        self.if_owner(id, update).await
    }

    async fn release(
        &self,
        id: &CommandId,
        owner: &Owner,
        unknown: bool,
        rests_until: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let update = self
            .lease(id)
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", micros(rests_until.unwrap_or(Timestamp::UNIX_EPOCH)))
            .condition_expression("#owner = :owner AND #state IN (:held, :free)")
            .expression_attribute_values(":owner", text(&owner.0))
            .expression_attribute_values(":held", text(HELD))
            .expression_attribute_values(":free", text(FREE));
        let update = if unknown {
            update
                .update_expression("SET #state = :free, #until = :until, #doubt = :true")
                .expression_attribute_names("#doubt", "doubt")
                .expression_attribute_values(":true", AttributeValue::Bool(true))
        } else {
            update.update_expression("SET #state = :free, #until = :until")
        };
        self.if_owner(id, update).await
    }
}

impl Store {
    fn lease(&self, id: &CommandId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(PK, text(format!("CALL#{id}")))
            .key(SK, text("LEASE"))
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#state", "state")
    }

    async fn if_owner(&self, id: &CommandId, update: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_condition) => Ok(false),
            Err(error) => Err(failed(STORE, "UpdateItem", &format!("the lease of {id}"), &error)),
        }
    }
}

fn is_condition(error: &UpdateItemError) -> bool {
    error.is_conditional_check_failed_exception()
}

/// When DynamoDB may delete what was touched last at `at`.
pub(crate) fn expires(at: Timestamp) -> AttributeValue {
    number((at + SignedDuration::from_hours(24 * KEPT_DAYS)).as_second())
}

struct Ask<'a> {
    store: &'a Store,
    id: &'a CommandId,
    owner: &'a Owner,
    now: Timestamp,
    until: Timestamp,
}

enum Look {
    Answer(Claim),
    /// Its owner let it expire.
    Lost,
    /// Given back in the meantime.
    Free,
}

impl Ask<'_> {
    fn taking(&self) -> UpdateItemFluentBuilder {
        self.store
            .lease(self.id)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .expression_attribute_names("#until", "until")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":held", text(HELD))
            .expression_attribute_values(":owner", text(&self.owner.0))
            .expression_attribute_values(":until", micros(self.until))
            .expression_attribute_values(":ttl", expires(self.now))
            .expression_attribute_values(":one", number(1))
    }

    /// Takes a lease nobody holds; answers how it was before, or how it is if that can't be.
    async fn take_free(&self) -> Result<Result<Option<Item>, Item>, StoreError> {
        let update = self
            .taking()
            .update_expression(
                "SET #state = :held, #owner = :owner, #until = :until, #ttl = :ttl ADD #attempts :one",
            )
            .condition_expression("attribute_not_exists(#state) OR (#state = :free AND #until <= :now)")
            .expression_attribute_values(":now", micros(self.now))
            .expression_attribute_values(":free", text(FREE))
            .return_values(ReturnValue::AllOld);
        self.send(update).await
    }

    /// Takes over a lease that is as in `before`; answers how it is if it is not so any more.
    async fn take_lost(&self, before: &Item) -> Result<Result<(), Item>, StoreError> {
        let update = self
            .taking()
            .update_expression(
                "SET #state = :held, #owner = :owner, #until = :until, #ttl = :ttl, #doubt = :true ADD #attempts :one",
            )
            .condition_expression("#state = :held AND #owner = :before AND #until <= :now")
            .expression_attribute_names("#doubt", "doubt")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":before", text(read_text(self.id.as_str(), before, "owner")?))
            .expression_attribute_values(":now", micros(self.now));
        Ok(self.send(update).await?.map(|_| ()))
    }

    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<Result<Option<Item>, Item>, StoreError> {
        match update.send().await {
            Ok(done) => Ok(Ok(done.attributes)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let now = refused.item().cloned();
                    let gone =
                        || corrupt(format!("the lease of {}", self.id), "it was refused, and is not there");
                    now.map(Err).ok_or_else(gone)
                }
                Some(_) | None => {
                    Err(failed(STORE, "UpdateItem", &format!("the lease of {}", self.id), &error))
                }
            },
        }
    }

    fn look(&self, lease: &Item) -> Result<Look, StoreError> {
        let what = self.id.as_str();
        match read_text(what, lease, "state")? {
            FREE => {
                let until = held_until(what, lease)?;
                Ok(if until > self.now { Look::Answer(Claim::Held { until }) } else { Look::Free })
            }
            DONE => Ok(Look::Answer(Claim::Done { finish: unpack(what, lease.get(BODY))? })),
            HELD if read_text(what, lease, "owner")? == self.owner.0 => {
                // The same claim once more: its first answer was lost.
                let attempts: u32 = read_number(what, lease, "attempts")?;
                Ok(Look::Answer(told(attempts.saturating_sub(1), in_doubt(lease))?))
            }
            HELD => {
                let until = held_until(what, lease)?;
                Ok(if until > self.now { Look::Answer(Claim::Held { until }) } else { Look::Lost })
            }
            other => Err(corrupt(what, format!("a lease is never {other:?}"))),
        }
    }
}

/// Until when the lease is held, or rests.
fn held_until(what: &str, lease: &Item) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(read_number(what, lease, "until")?).map_err(|e| corrupt(what, e))
}

fn in_doubt(lease: &Item) -> bool {
    lease.get("doubt").and_then(|doubt| doubt.as_bool().ok()).copied().unwrap_or(false)
}

/// The answer to who took a lease that was free, and was like this before.
fn answer(id: &CommandId, before: Option<&Item>) -> Result<Claim, StoreError> {
    let Some(before) = before.filter(|item| item.contains_key("state")) else { return told(0, false) };
    told(read_number(id.as_str(), before, "attempts")?, in_doubt(before))
}

fn told(attempts: u32, doubt: bool) -> Result<Claim, StoreError> {
    // Once in doubt, always in doubt: a later attempt that surely had no effect says nothing about the earlier one.
    Ok(match (attempts, doubt) {
        (0, _) => Claim::First,
        (attempts, false) => Claim::Again { attempts },
        (attempts, true) => Claim::Unknown { attempts },
    })
}
