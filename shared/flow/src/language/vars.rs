//! The variables of a condition: which there are, of which type, and where their values come from.

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelString, LIST_TYPE, MAP_TYPE, Type as CelType,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use jiff::Timestamp;
use kontor_domain::{
    Currency, Line, LineKind, OrderDraft, PaymentSource, PaymentTerms, PlacedOrder, TaxMode,
};
use regex::Regex;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::types::Type;
use crate::revision::revision;
use crate::{Order, StepName};

/// A variable, or a field of one.
pub(super) struct Variable {
    /// As it is written in a condition.
    pub(super) name: &'static str,
    pub(super) kind: Type,
}

const TERMS: &[&str] = &["prepaid", "prepayment", "invoice", "cash_on_delivery"];
const TAX_MODES: &[&str] = &["gross", "net", "tax_free"];
const SOURCES: &[&str] = &["shop", "erp", "operator", ""];
const LINE_KINDS: &[&str] = &["physical", "digital", "gift_card"];
const FULFILLERS: &[&str] = &["erp"];

const fn var(name: &'static str, kind: Type) -> Variable {
    Variable { name, kind }
}

/// Every variable. docs/flows.md has a table of them, checked by a test.
pub(super) const VARIABLES: &[Variable] = &[
    var("order.id", Type::Text),
    var("order.number", Type::Text),
    var("order.total", Type::Double),
    var("order.currency", Type::Text),
    var("order.physical", Type::Bool),
    var("order.digital", Type::Bool),
    var("order.paid", Type::Bool),
    var("order.country", Type::Text),
    var("order.tax_mode", Type::Word(TAX_MODES)),
    var("order.lines", Type::Int),
    var("order.test", Type::Bool),
    var("order.fulfiller", Type::Word(FULFILLERS)),
    var("customer.group", Type::Text),
    var("customer.guest", Type::Bool),
    var("customer.language", Type::Text),
    var("customer.country", Type::Text),
    var("customer.vat_id", Type::Text),
    var("customer.tags", Type::List(&Type::Text)),
    var("payment.terms", Type::Word(TERMS)),
    var("payment.method", Type::Text),
    var("payment.paid", Type::Bool),
    var("payment.received", Type::Double),
    var("payment.source", Type::Word(SOURCES)),
    var("lines", Type::List(&Type::Line)),
    var("shop.id", Type::Text),
    var("approved", Type::Bool),
];

/// The fields of an element of `lines`.
pub(super) const LINE_FIELDS: &[Variable] = &[
    var("sku", Type::Text),
    var("title", Type::Text),
    var("quantity", Type::Double),
    var("total", Type::Double),
    var("kind", Type::Word(LINE_KINDS)),
];

/// The variables of one order, made when first asked for.
pub struct Vars<'a> {
    order: &'a Order,
}

impl<'a> Vars<'a> {
    /// The variables of `order` as of now. No variable depends on the time yet; one that does must not read a clock.
    #[must_use]
    pub fn of(order: &'a Order, _now: Timestamp) -> Self {
        Self { order }
    }

    pub(super) fn placed(&self) -> Option<&'a PlacedOrder> {
        self.order.facts.order()
    }
}

/// The variables as one step sees them: `approved` is about this very step.
pub(super) struct Scope<'a> {
    pub(super) vars: &'a Vars<'a>,
    pub(super) placed: &'a PlacedOrder,
    pub(super) step: &'a StepName,
    pub(super) patterns: &'a [Pattern],
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(field) = variable.strip_prefix("order.") {
            return self.order(field);
        }
        if let Some(field) = variable.strip_prefix("customer.") {
            return self.customer(field);
        }
        if let Some(field) = variable.strip_prefix("payment.") {
            return self.payment(field);
        }
        if let Some(number) = variable.strip_prefix(PATTERN) {
            return self.patterns.get(number.parse::<usize>().ok()?).map(|pattern| CowVal::Borrowed(pattern));
        }
        match variable {
            "lines" => {
                Some(list(self.parts().lines.iter().map(|line| Box::new(LineVal(line)) as Box<dyn Val>)))
            }
            "shop.id" => Some(text(self.vars.order.key.shop.as_str())),
            "approved" => Some(truth(self.approved())),
            _ => None,
        }
    }
}

impl Scope<'_> {
    fn parts(&self) -> &OrderDraft {
        self.placed.parts()
    }

    fn order(&self, field: &str) -> Option<CowVal<'_, '_>> {
        let parts = self.parts();
        Some(match field {
            "id" => text(self.vars.order.key.order.as_str()),
            "number" => text(parts.number.as_str()),
            "total" => number(parts.total.amount())?,
            "currency" => text(parts.currency.code()),
            "physical" => truth(self.placed.is_physical()),
            "digital" => truth(!self.placed.is_physical()),
            "paid" => truth(self.paid()?),
            "country" => text(country(self.placed.delivery_address())),
            "tax_mode" => text(match parts.tax_mode {
                TaxMode::Gross => "gross",
                TaxMode::Net => "net",
                TaxMode::TaxFree => "tax_free",
            }),
            "lines" => CowVal::owned(CelInt::from(i64::try_from(parts.lines.len()).unwrap_or(i64::MAX))),
            "test" => truth(parts.test),
            "fulfiller" => text("erp"),
            _ => return None,
        })
    }

    fn customer(&self, field: &str) -> Option<CowVal<'_, '_>> {
        let customer = &self.parts().customer;
        Some(match field {
            "group" => text(&customer.group),
            "guest" => truth(customer.id.is_none()),
            "language" => text(customer.language.as_deref().unwrap_or_default()),
            "country" => text(country(self.placed.invoice_address())),
            "vat_id" => text(customer.vat_id.as_deref().unwrap_or_default()),
            "tags" => {
                list(customer.tags.iter().map(|tag| Box::new(CelString::from(tag.as_str())) as Box<dyn Val>))
            }
            _ => return None,
        })
    }

    fn payment(&self, field: &str) -> Option<CowVal<'_, '_>> {
        let choice = &self.parts().payment;
        Some(match field {
            "terms" => text(match choice.terms {
                PaymentTerms::Prepaid => "prepaid",
                PaymentTerms::Prepayment => "prepayment",
                PaymentTerms::Invoice => "invoice",
                PaymentTerms::CashOnDelivery => "cash_on_delivery",
            }),
            "method" => text(&choice.code),
            "paid" => truth(self.paid()?),
            "received" => number(self.received(self.parts().currency)?)?,
            "source" => text(match self.vars.order.facts.payment_source() {
                Some(PaymentSource::Shop) => "shop",
                Some(PaymentSource::Erp) => "erp",
                Some(PaymentSource::Operator) => "operator",
                None => "",
            }),
            _ => return None,
        })
    }

    /// `None` if order and payments are in several currencies.
    fn paid(&self) -> Option<bool> {
        self.vars.order.facts.is_paid().ok()
    }

    /// `None` if order and payments are in several currencies.
    fn received(&self, currency: Currency) -> Option<Decimal> {
        self.vars.order.facts.received(currency).ok().map(kontor_domain::Money::amount)
    }

    fn approved(&self) -> bool {
        let decision = self.vars.order.facts.decided.get(self.step).and_then(|told| told.current());
        let this = |known: &String| *known == revision(self.placed);
        decision.is_some_and(|decision| decision.approved && decision.revision.as_ref().is_none_or(this))
    }
}

fn country(address: Option<&kontor_domain::Address>) -> &str {
    address.and_then(|a| a.country.as_ref()).map_or("", kontor_domain::CountryCode::as_str)
}

fn text(value: &str) -> CowVal<'_, '_> {
    CowVal::owned(CelString::from(value))
}

fn truth<'b>(value: bool) -> CowVal<'b, 'b> {
    CowVal::owned(CelBool::from(value))
}

/// CEL has no decimals: an amount is compared as the nearest double, as are the numbers written in the condition.
fn number<'b>(value: Decimal) -> Option<CowVal<'b, 'b>> {
    value.to_f64().map(|value| CowVal::owned(CelDouble::from(value)))
}

fn list<'b>(items: impl Iterator<Item = Box<dyn Val + 'b>>) -> CowVal<'b, 'b> {
    CowVal::owned(CelList::from(items.collect::<Vec<_>>()))
}

/// What patterns are called within an expression; nobody can write such a name.
pub(super) const PATTERN: &str = "@pattern";

/// A regular expression as a value: what it matches is `in` it.
#[derive(Debug)]
pub(super) struct Pattern(pub(super) Regex);

impl Val for Pattern {
    fn get_type(&self) -> &CelType {
        &LIST_TYPE
    }

    fn cel_type() -> &'static CelType {
        &LIST_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self(self.0.clone()))
    }
}

impl Container for Pattern {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(value.downcast_ref::<CelString>().is_some_and(|text| self.0.is_match(text.inner())))
    }
}

/// A line of the order; its fields are read when asked for.
#[derive(Debug, Clone, Copy)]
struct LineVal<'a>(&'a Line);

impl Val for LineVal<'_> {
    fn get_type(&self) -> &CelType {
        &MAP_TYPE
    }

    fn cel_type() -> &'static CelType {
        &MAP_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Indexer for LineVal<'_> {
    fn get<'b, 'v>(&'b self, field: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = field.downcast_ref::<CelString>().map_or("", |name| name.inner());
        let line = self.0;
        let value: Option<Box<dyn Val + 'v>> = match name {
            "sku" => Some(owned_text(line.sku.as_ref().map_or("", kontor_domain::Sku::as_str))),
            "title" => Some(owned_text(&line.title)),
            "quantity" => {
                line.quantity.count().to_f64().map(|n| Box::new(CelDouble::from(n)) as Box<dyn Val>)
            }
            "total" => line.total.amount().to_f64().map(|n| Box::new(CelDouble::from(n)) as Box<dyn Val>),
            "kind" => Some(owned_text(match line.kind {
                LineKind::Physical => "physical",
                LineKind::Digital => "digital",
                LineKind::GiftCard => "gift_card",
            })),
            _ => None,
        };
        value.map(CowVal::Owned).ok_or_else(|| ExecutionError::no_such_key(name))
    }

    fn steal<'v>(self: Box<Self>, field: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(field).map(CowVal::into_owned)
    }
}

fn owned_text<'v>(value: &str) -> Box<dyn Val + 'v> {
    Box::new(CelString::from(value.to_owned()))
}
