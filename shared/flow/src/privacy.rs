//! A person's data: whose orders are meant, what an order is without its person, and what is not to be told of one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kontor_domain::{Address, Customer, Email, OrderDraft, OrderKey, Payment, PlacedOrder, Shipment, ShopId};
use serde::{Deserialize, Serialize};

use crate::{Event, Facts, Order};

/// Whose data is meant. `Debug` does not say.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// Who ordered with this address, or with a customer account that was once used with it.
    Email(Email),
    /// Who placed this order.
    Order(OrderKey),
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(…)")
    }
}

/// A customer account in a shop.
pub type Account = (ShopId, String);

impl Person {
    /// Whether the order is theirs by what it says itself.
    #[must_use]
    pub fn placed(&self, order: &Order) -> bool {
        match self {
            Self::Email(email) => customers(order).any(|c| c.email.as_ref().is_some_and(|e| same(e, email))),
            Self::Order(key) => order.key == *key,
        }
    }

    /// Whether a text names them. Only an address is looked for: names are shared.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Email(email) => text.to_lowercase().contains(&email.as_str().to_lowercase()),
            Self::Order(_) => false,
        }
    }
}

/// The same mailbox: capitals in front of the @ mean nothing to those who write addresses.
fn same(one: &Email, other: &Email) -> bool {
    one.as_str().to_lowercase() == other.as_str().to_lowercase()
}

fn customers(order: &Order) -> impl Iterator<Item = &Customer> {
    order.facts.placed.iter().flat_map(|told| told.values()).map(|placed| &placed.parts().customer)
}

/// The customer accounts an order was placed with.
pub fn accounts(order: &Order) -> impl Iterator<Item = Account> {
    customers(order).filter_map(|customer| Some((order.key.shop.clone(), customer.id.clone()?)))
}

impl Facts {
    /// The facts without the person they are about: amounts, articles, ids, tax and the country remain, as bookkeeping
    /// needs them. From now on no event brings anything of the person back.
    pub fn erase(&mut self, at: Timestamp) {
        self.placed = self.placed.take().and_then(|told| told.filter_map(without_person));
        for told in self.payments.values_mut() {
            *told = told.clone().map(payment);
        }
        for told in self.shipments.values_mut() {
            *told = told.clone().map(shipment);
        }
        self.erased.get_or_insert(at);
    }
}

impl Event {
    /// The event without the person; none where nothing is left of it.
    #[must_use]
    pub fn without_person(self) -> Option<Self> {
        Some(match self {
            Self::Placed(order) => Self::Placed(Box::new(without_person(*order)?)),
            Self::Paid(paid) => Self::Paid(payment(paid)),
            Self::Shipped(shipped) => Self::Shipped(shipment(shipped)),
            event @ (Self::Life(_)
            | Self::Refunded(_)
            | Self::Finished { .. }
            | Self::Failed { .. }
            | Self::Decided { .. }) => event,
        })
    }
}

/// The order without its person. Its amounts are what they were, so it is an order still.
fn without_person(order: PlacedOrder) -> Option<PlacedOrder> {
    let mut draft = OrderDraft::from(order);
    let group = std::mem::take(&mut draft.customer.group);
    draft.customer =
        Customer { id: None, email: None, language: None, vat_id: None, group, tags: Vec::new() };
    for address in [&mut draft.billing, &mut draft.shipping].into_iter().flatten() {
        *address = Address { country: address.country.take(), ..Address::default() };
    }
    draft.note = None;
    for line in &mut draft.lines {
        // Free text: engravings and dedications end up there.
        line.title = line.sku.as_ref().map_or_else(|| line.id.to_string(), ToString::to_string);
    }
    draft.discounts.iter_mut().for_each(|discount| discount.code.clear());
    draft.gift_cards.iter_mut().for_each(|card| card.hint.clear());
    draft.build().ok()
}

fn payment(payment: Payment) -> Payment {
    Payment { reference: None, ..payment }
}

fn shipment(shipment: Shipment) -> Shipment {
    Shipment { tracking: Vec::new(), tracking_url: None, ..shipment }
}

/// Shorter words are no names, or found everywhere.
const SHORTEST: usize = 2;

/// The words of an order that name its person: a system that refuses it may say them, and then they are left out.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Named(Vec<Vec<char>>);

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Named({} words)", self.0.len())
    }
}

impl Named {
    /// What is known of the person.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let mut words = BTreeSet::new();
        for placed in facts.placed.iter().flat_map(|told| told.values()).map(PlacedOrder::parts) {
            let customer = &placed.customer;
            words.extend(customer.email.iter().map(Email::as_str));
            words.extend(customer.vat_id.as_deref());
            words.extend(placed.note.as_deref());
            for a in [&placed.billing, &placed.shipping].into_iter().flatten() {
                let parts =
                    [&a.company, &a.first_name, &a.last_name, &a.street, &a.street2, &a.city, &a.phone];
                words.extend(parts.map(|part| part.as_str()));
                // A short one looks like any number.
                words.extend(Some(a.zip.as_str()).filter(|zip| zip.len() > 3));
            }
        }
        let mut words: Vec<Vec<char>> = words.into_iter().map(|word| small(word.trim())).collect();
        words.retain(|word| word.len() >= SHORTEST);
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        Self(words)
    }

    /// The text with `…` in their place, whole words only.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let (as_told, text) = (text.chars().collect::<Vec<_>>(), small(text));
        let mut hidden = String::new();
        let mut at = 0;
        while let Some(told) = as_told.get(at) {
            match self.at(&text, at) {
                Some(length) => {
                    hidden.push('…');
                    at += length;
                }
                None => {
                    hidden.push(*told);
                    at += 1;
                }
            }
        }
        hidden
    }

    /// How long the word is that stands there.
    fn at(&self, text: &[char], at: usize) -> Option<usize> {
        let is_part = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|c| c.is_alphanumeric());
        if is_part(at.checked_sub(1)) {
            return None;
        }
        let stands = |word: &&Vec<char>| {
            text.get(at..).is_some_and(|rest| rest.starts_with(word)) && !is_part(Some(at + word.len()))
        };
        self.0.iter().find(stands).map(Vec::len)
    }
}

/// In small letters, one for each.
fn small(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests {
    use kontor_testkit::clock::time;
    use kontor_testkit::order::{BEGINNING, draft};

    use super::*;
    use crate::EventRecord;
    use crate::apply::apply;
    use crate::told::Told;

    fn personal() -> PlacedOrder {
        let mut draft = draft("#1010");
        draft.note = Some("Bitte bei Frau Nachbar abgeben".to_owned());
        draft.customer.id = Some("4711".to_owned());
        draft.customer.vat_id = Some("DE123456789".to_owned());
        draft.lines[0].title = "Tasse mit Gravur Erika".to_owned();
        draft.build().unwrap()
    }

    fn facts() -> Facts {
        Facts { placed: Some(Told::new(time(BEGINNING), personal())), ..Facts::default() }
    }

    fn words(facts: &Facts) -> Vec<String> {
        Named::of(facts).0.iter().map(|word| word.iter().collect()).collect()
    }

    #[test]
    fn nothing_of_the_person_is_left_and_everything_of_the_books() {
        let mut facts = facts();
        let told = words(&facts);
        assert!(told.len() > 6, "the order of the test names a person: {told:?}");
        facts.erase(time(BEGINNING));
        let json = serde_json::to_string(&facts).unwrap().to_lowercase();
        for word in told.iter().map(String::as_str).chain(["4711", "gravur", "nachbar"]) {
            assert!(!json.contains(word), "{word} is left");
        }
        let (before, after) = (personal(), facts.order().unwrap().clone());
        let (before, after) = (before.parts(), after.parts());
        assert_eq!(
            (&after.number, after.total, after.tax_mode),
            (&before.number, before.total, before.tax_mode)
        );
        let books = |d: &OrderDraft| -> Vec<_> {
            d.lines
                .iter()
                .map(|l| (l.id.clone(), l.sku.clone(), l.quantity, l.total, l.taxes.clone()))
                .collect()
        };
        assert_eq!(books(after), books(before));
        let country = |d: &OrderDraft| d.billing.as_ref().and_then(|a| a.country.clone());
        assert_eq!(country(after), country(before));
        assert!(country(after).is_some());
    }

    #[test]
    fn no_word_of_the_shop_brings_it_back() {
        let mut facts = facts();
        facts.erase(time(BEGINNING));
        let erased = facts.clone();
        let placed = |at| EventRecord::told(time(at), Event::Placed(Box::new(personal())));
        assert!(!apply(&mut facts, placed("2025-12-31T00:00:00Z")), "an older word says nothing");
        assert!(!apply(&mut facts, placed(BEGINNING)), "the same word says nothing");
        assert_eq!(facts, erased);
        assert!(apply(&mut facts, placed("2026-03-01T00:00:00Z")), "a newer one is heard");
        assert_eq!(words(&facts), Vec::<String>::new());
    }

    #[test]
    fn addresses_are_compared_without_capitals() {
        let flow = crate::ports::flow_ref(crate::FlowName::parse("standard").unwrap(), "");
        let mut order = Order::unheard_of("kaffee/1".parse().unwrap(), flow, time(BEGINNING));
        order.facts = facts();
        let email = order.facts.order().unwrap().parts().customer.email.clone().unwrap();
        let shouted = Email::parse(&email.as_str().to_uppercase()).unwrap();
        assert!(Person::Email(shouted.clone()).placed(&order));
        assert!(Person::Email(shouted).is_in(&format!("from <{}>", email.as_str())));
        assert!(!Person::Email(Email::parse("x@example.org").unwrap()).placed(&order));
        assert_eq!(accounts(&order).collect::<Vec<_>>(), [(order.key.shop.clone(), "4711".to_owned())]);
    }

    #[test]
    fn whoever_is_named_is_left_out_of_what_is_told() {
        let named = Named(vec![small("erika beispiel"), small("erika"), small("öz")]);
        let said = "weclapp refused: ERIKA BEISPIEL (Erika, Öz) of Erikastadt, Özil";
        assert_eq!(named.hide(said), "weclapp refused: … (…, …) of Erikastadt, Özil");
        assert_eq!(Named::default().hide(said), said);
        let of_order = Named::of(&facts()).hide("the VAT number de123456789 of 4711 is wrong");
        assert_eq!(of_order, "the VAT number … of 4711 is wrong");
    }
}
