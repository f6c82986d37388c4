//! The environment: the variables functions are configured by, read once. The template is tested against this list.

use kontor_flow::Queue;
use kontor_flow::remedy::BoxError;
use secrecy::SecretString;

/// Name of the table.
pub const TABLE: &str = "KONTOR_TABLE";

/// ARN of the topic admins are told on.
pub const ALERT_TOPIC: &str = "KONTOR_ALERT_TOPIC";

/// Which log lines are written, as in `info` or `kontor_flow=debug,info`.
pub const LOG: &str = "KONTOR_LOG";

/// What comes before the names of secrets in Secrets Manager.
pub const SECRET_PREFIX: &str = "KONTOR_SECRET_PREFIX";

/// The variable with the URL of a queue.
#[must_use]
pub fn queue_variable(queue: Queue, dead: bool) -> &'static str {
    match (queue, dead) {
        (Queue::Events, false) => "KONTOR_QUEUE_EVENTS",
        (Queue::Events, true) => "KONTOR_QUEUE_EVENTS_DEAD",
        (Queue::Erp, false) => "KONTOR_QUEUE_ERP",
        (Queue::Erp, true) => "KONTOR_QUEUE_ERP_DEAD",
        (Queue::Shops, false) => "KONTOR_QUEUE_SHOPS",
        (Queue::Shops, true) => "KONTOR_QUEUE_SHOPS_DEAD",
        (Queue::Mail, false) => "KONTOR_QUEUE_MAIL",
        (Queue::Mail, true) => "KONTOR_QUEUE_MAIL_DEAD",
    }
}

/// A variable of a deployed function that is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {name} is not set; the template sets it")]
pub struct MissingVariable {
    /// Its name.
    pub name: String,
}

/// A variable, if it is set to something.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that a function can't do without.
///
/// # Errors
/// [`MissingVariable`] if it is not set.
pub fn required(name: &str) -> Result<String, MissingVariable> {
    variable(name).ok_or_else(|| MissingVariable { name: name.to_owned() })
}

/// The value of a secret that is kept in the environment.
pub(crate) fn secret_variable(name: &str) -> Result<SecretString, BoxError> {
    variable(name).map(SecretString::from).ok_or_else(|| format!("{name} is not set: export {name}=…").into())
}

/// What a deployed function works with: the single list that functions and template are checked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its name, that of its crate.
    pub name: &'static str,
    /// What calls it.
    pub trigger: Trigger,
    /// The live queues it sends to.
    pub sends: &'static [Queue],
    /// What it does with the table.
    pub table: TableRight,
    /// Whether it resolves secrets.
    pub secrets: bool,
    /// Whether it publishes alerts.
    pub alerts: bool,
    /// Whether it sends mail.
    pub mails: bool,
}

/// What calls a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// `POST` on this path of the HTTP API; more, where [`Function::routes`] says so.
    Http(&'static str),
    /// Messages of this queue; it may also put them into the dead-letter queue behind it.
    Queue(Queue),
    /// Messages of all dead-letter queues.
    DeadLetters,
    /// A schedule.
    Schedule,
}

/// Where notices about a Smartstore shop go. Whoever makes them may be able to call an address and no more, so `GET` leads
/// there as well.
pub const SMARTSTORE_NOTICES: &str = "/webhooks/smartstore/{shop}";

/// Where a Shopware shop registers the app: method and path of the route.
pub const APP_REGISTER: &str = "GET /apps/shopware/{shop}/register";

/// Where it confirms.
pub const APP_CONFIRM: &str = "POST /apps/shopware/{shop}/confirm";

/// What a function does with the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableRight {
    /// Reads the configuration.
    Config,
    /// The same, and keeps what shops hand to us when they register.
    Apps,
    /// Reads and writes orders, reads the configuration.
    Orders,
    /// Reads orders and the configuration, reads and writes leases.
    Commands,
    /// The same, keeps cursors, finds orders by status, and reads what shops handed to us: it asks them for their orders.
    Asking,
    /// Reads and writes failures.
    Failures,
    /// Reads and writes orders, reads the index of due ones and the configuration, holds a run lock.
    Due,
}

/// Every deployed function.
pub const FUNCTIONS: [Function; 12] = [
    http("webhook-woocommerce", "/webhooks/woocommerce/{shop}", &[Queue::Events]),
    http("webhook-shopify", "/webhooks/shopify/{shop}", &[Queue::Events]),
    Function {
        table: TableRight::Apps,
        ..http("webhook-shopware", "/webhooks/shopware/{shop}", &[Queue::Shops])
    },
    http("webhook-smartstore", SMARTSTORE_NOTICES, &[Queue::Shops]),
    http("webhook-weclapp", "/webhooks/weclapp/{secret}", &[Queue::Erp]),
    Function {
        name: "work-events",
        trigger: Trigger::Queue(Queue::Events),
        sends: &[Queue::Erp, Queue::Shops, Queue::Mail],
        table: TableRight::Orders,
        secrets: false,
        alerts: false,
        mails: false,
    },
    commands("work-erp", Queue::Erp, true, false),
    Function {
        sends: &[Queue::Events, Queue::Shops],
        table: TableRight::Asking,
        ..commands("work-shops", Queue::Shops, true, false)
    },
    commands("work-mail", Queue::Mail, false, true),
    Function {
        name: "alert-admin",
        trigger: Trigger::DeadLetters,
        sends: &[],
        table: TableRight::Failures,
        secrets: false,
        alerts: true,
        mails: false,
    },
    Function {
        name: "sync-orders",
        trigger: Trigger::Schedule,
        sends: &[Queue::Shops],
        table: TableRight::Config,
        secrets: false,
        alerts: false,
        mails: false,
    },
    Function {
        name: "sync-overdue",
        trigger: Trigger::Schedule,
        sends: &[Queue::Erp, Queue::Shops, Queue::Mail],
        table: TableRight::Due,
        secrets: false,
        alerts: false,
        mails: false,
    },
];

const fn http(name: &'static str, path: &'static str, sends: &'static [Queue]) -> Function {
    Function {
        name,
        trigger: Trigger::Http(path),
        sends,
        table: TableRight::Config,
        secrets: true,
        alerts: false,
        mails: false,
    }
}

const fn commands(name: &'static str, queue: Queue, secrets: bool, mails: bool) -> Function {
    Function {
        name,
        trigger: Trigger::Queue(queue),
        sends: &[Queue::Events],
        table: TableRight::Commands,
        secrets,
        alerts: false,
        mails,
    }
}

impl Function {
    /// The function of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FUNCTIONS.into_iter().find(|function| function.name == name)
    }

    /// The queues whose URL it needs, and whether the dead-letter queue is meant.
    #[must_use]
    pub fn queues(self) -> Vec<(Queue, bool)> {
        let mut queues: Vec<_> = self.sends.iter().map(|queue| (*queue, false)).collect();
        match self.trigger {
            // It postpones in the queue it works on, and parks in the one behind it.
            Trigger::Queue(queue) => queues.extend([(queue, false), (queue, true)]),
            Trigger::DeadLetters => queues.extend(Queue::ALL.map(|queue| (queue, true))),
            // An order that it finds can't go on is told to an admin as a failure of the events queue.
            Trigger::Schedule if self.table == TableRight::Due => queues.push((Queue::Events, true)),
            Trigger::Schedule | Trigger::Http(_) => {}
        }
        queues.sort_unstable();
        queues.dedup();
        queues
    }

    /// The routes of the HTTP API that lead to it, method and path each.
    #[must_use]
    pub fn routes(self) -> Vec<String> {
        let Trigger::Http(path) = self.trigger else { return Vec::new() };
        let webhooks = format!("POST {path}");
        match self.table {
            TableRight::Apps => vec![webhooks, APP_REGISTER.to_owned(), APP_CONFIRM.to_owned()],
            TableRight::Config if path == SMARTSTORE_NOTICES => vec![webhooks, format!("GET {path}")],
            TableRight::Config
            | TableRight::Orders
            | TableRight::Commands
            | TableRight::Asking
            | TableRight::Failures
            | TableRight::Due => vec![webhooks],
        }
    }

    /// Every variable it can't do without.
    #[must_use]
    pub fn variables(self) -> Vec<&'static str> {
        let queues = self.queues().into_iter().map(|(queue, dead)| queue_variable(queue, dead));
        let mut all: Vec<_> = queues.chain([TABLE]).collect();
        if self.alerts {
            all.push(ALERT_TOPIC);
        }
        if self.secrets {
            all.push(SECRET_PREFIX);
        }
        all
    }
}
