//! Mails to customers: plain text in the customer's language, from templates that a merchant can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kontor_domain::{Email, Money, MoneyError, PlacedOrder, Refund, Shipment};
use kontor_flow::ports::{Connector, Job, Mail, Mailer};
use kontor_flow::remedy::BoxError;
use kontor_flow::told::Told;
use kontor_flow::{CallError, Finish, Happened, Hint, Order, Problem, StepResult, System};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};

use crate::config::MailConfig;

#[cfg(test)]
mod tests;

/// The templates, by `<name>.<language>`; the first line is the subject.
const TEMPLATES: [(&str, &str); 10] = [
    ("confirmation.de", include_str!("mail/confirmation.de.txt")),
    ("confirmation.en", include_str!("mail/confirmation.en.txt")),
    ("shipped.de", include_str!("mail/shipped.de.txt")),
    ("shipped.en", include_str!("mail/shipped.en.txt")),
    ("reminder.de", include_str!("mail/reminder.de.txt")),
    ("reminder.en", include_str!("mail/reminder.en.txt")),
    ("cancelled.de", include_str!("mail/cancelled.de.txt")),
    ("cancelled.en", include_str!("mail/cancelled.en.txt")),
    ("refunded.de", include_str!("mail/refunded.de.txt")),
    ("refunded.en", include_str!("mail/refunded.en.txt")),
];

/// The template that asks for money.
const REMINDER: &str = "reminder";

/// Writes mails and hands them over.
pub struct MailDesk {
    config: MailConfig,
    mailer: Arc<dyn Mailer>,
    templates: Environment<'static>,
}

impl MailDesk {
    /// Reads the templates.
    ///
    /// # Errors
    /// The place in a template that can't be read.
    pub fn new(config: MailConfig, mailer: Arc<dyn Mailer>) -> Result<Self, BoxError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        Ok(Self { config, mailer, templates })
    }

    fn write(&self, job: &Job<'_>) -> Result<Option<Mail>, CallError> {
        let unmapped = |what: String| CallError::Unmapped { system: System::Mail, what };
        let order =
            job.order.facts.order().ok_or_else(|| unmapped("the order itself is not known".to_owned()))?;
        let Some(to) = order.parts().customer.email.clone() else { return Ok(None) };
        let facts = &job.order.facts;
        let about = About {
            shipment: item(job, &facts.shipments, |id| id.as_str()),
            refund: item(job, &facts.refunds, |id| id.as_str()),
            received: facts.received(order.parts().currency).is_ok_and(|money| !money.is_zero()),
        };
        let name = job.command.template.as_deref().unwrap_or("confirmation");
        let open = if name == REMINDER {
            match open(job.order, order) {
                Ok(Some(open)) => Some(open),
                Ok(None) => return Ok(None),
                Err(error) => {
                    return Err(unmapped(format!("what is left to pay cannot be reckoned ({error})")));
                }
            }
        } else {
            None
        };
        let text = self.render(name, order, &about, open).map_err(|source| CallError::Unreadable {
            system: System::Mail,
            call: "rendering the template",
            effect: kontor_flow::remedy::Effect::None,
            source: source.into(),
        })?;
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Some(Mail {
            message_id: message_id(job.command.id().as_str(), &self.config.from),
            from: self.config.from.clone(),
            to,
            subject: subject.trim().to_owned(),
            text: text.trim_start().to_owned(),
        }))
    }

    fn render(
        &self,
        name: &str,
        order: &PlacedOrder,
        about: &About<'_>,
        open: Option<Money>,
    ) -> Result<String, minijinja::Error> {
        let About { shipment, refund, received } = *about;
        let parts = order.parts();
        let spoken =
            parts.customer.language.as_deref().map(|l| l.chars().take(2).collect::<String>().to_lowercase());
        let template = spoken
            .and_then(|language| self.templates.get_template(&format!("{name}.{language}")).ok())
            .map_or_else(|| self.templates.get_template(&format!("{name}.{}", self.config.language)), Ok)?;
        let lines: Vec<_> = parts
            .lines
            .iter()
            .map(|l| context! { quantity => l.quantity.to_string(), title => l.title.clone(), total => l.total.to_string() })
            .collect();
        let address = order.invoice_address();
        template.render(context! {
            number => parts.number.as_str(),
            first_name => address.map_or("", |a| a.first_name.as_str()),
            last_name => address.map_or("", |a| a.last_name.as_str()),
            lines => lines,
            total => parts.total.to_string(),
            open => open.map(|open| open.to_string()),
            received => received,
            refunded => refund.map(|refund| refund.amount.to_string()).unwrap_or_default(),
            payment => context! { title => parts.payment.title.clone(), terms => parts.payment.terms.as_str() },
            carrier => shipment.and_then(|s| s.carrier.as_deref()).unwrap_or(""),
            tracking => shipment.map(|s| s.tracking.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap_or_default(),
            tracking_url => shipment.and_then(|s| s.tracking_url.as_deref()).unwrap_or(""),
            signature => self.config.signature.clone(),
        })
    }
}

/// What a mail is about beside the order.
#[derive(Clone, Copy)]
struct About<'a> {
    shipment: Option<&'a Shipment>,
    refund: Option<&'a Refund>,
    /// Whether any money came in.
    received: bool,
}

/// The one of a set that a command is for.
fn item<'a, K: Ord, T: Ord>(
    job: &Job<'a>,
    set: &'a BTreeMap<K, Told<T>>,
    id: impl Fn(&K) -> &str,
) -> Option<&'a T> {
    let wanted = job.command.step.item.as_deref()?;
    set.iter().find(|(key, _)| id(key) == wanted).and_then(|(_, told)| told.current())
}

/// What the customer has still to pay, after gift cards and what has come in; none if that is nothing.
fn open(order: &Order, placed: &PlacedOrder) -> Result<Option<Money>, MoneyError> {
    let payable = placed.payable()?;
    let open = payable.minus(order.facts.received(payable.currency())?)?;
    Ok(Some(open).filter(|open| !open.is_zero() && !open.is_negative()))
}

/// The same for every attempt at a command, so that a mailbox can recognise a second copy.
fn message_id(command: &str, from: &str) -> String {
    let host = from.rsplit_once('@').map_or("kontor.invalid", |(_, host)| host.trim_end_matches(['>', ' ']));
    let name: String = command.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
    format!("{name}@{host}")
}

#[async_trait]
impl Connector for MailDesk {
    /// A mail service can't be asked whether it has sent a mail. After an attempt of unknown outcome the mail is sent
    /// again with the same `Message-ID`: twice is better than never.
    async fn perform(&self, job: Job<'_>) -> Result<Finish, CallError> {
        let Some(mail) = self.write(&job)? else {
            // Point-of-sale and draft orders have no address, and what was paid meanwhile needs no reminder.
            return Ok(Finish { result: StepResult::Mailed { message_id: String::new() }, calls: 0 });
        };
        self.mailer.send(&mail).await?;
        Ok(Finish { result: StepResult::Mailed { message_id: mail.message_id }, calls: 1 })
    }

    async fn look_up(&self, hint: &Hint, _now: Timestamp) -> Result<Vec<Happened>, CallError> {
        Err(CallError::Refused {
            system: System::Mail,
            call: "look up",
            status: 0,
            problem: Problem {
                kind: "no records".to_owned(),
                title: format!("the mail service has no {} to look up", hint.entity),
                ..Problem::default()
            },
        })
    }
}

/// The address a mail of this configuration comes from, if it can be read.
#[must_use]
pub fn sender(config: &MailConfig) -> Option<Email> {
    let address =
        config.from.rsplit_once('<').map_or(config.from.as_str(), |(_, rest)| rest.trim_end_matches('>'));
    Email::parse(address).ok()
}
