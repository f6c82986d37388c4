//! Creating and changing customers and sales orders, and what the server reckons itself: amounts, statuses, invoices.

use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::books::{Books, CURRENCIES, Invoice, ORDER_STATUS, OpenItem, PAYMENT_TYPE, Party, SalesOrder};
use super::parse::{self, Object};
use super::properties::{
    ADDRESS, PARTY, Properties, RECORD_ADDRESS, SALES_ORDER, SALES_ORDER_ITEM, SALES_ORDER_SHIPPING_COST_ITEM,
};
use super::refusal::Refusal;

impl Books {
    /// `POST /party`.
    pub(crate) fn create_party(&mut self, body: &[u8]) -> Result<String, Refusal> {
        let mut sent = parse::object(body)?;
        parse::only_known(&sent, &PARTY, "")?;
        for address in parse::objects(&sent, "addresses")? {
            parse::only_known(address, &ADDRESS, "addresses.")?;
        }
        let kind = parse::word(&sent, "partyType", &["PERSON", "ORGANIZATION"])?.unwrap_or("ORGANIZATION");
        parse::word(&sent, "customerBusinessType", &["B2B", "B2C", "B2G"])?;
        let name = if kind == "PERSON" { "lastName" } else { "company" };
        parse::text(&sent, name, 1_000)?.ok_or_else(|| Refusal::missing(name))?;
        let email = parse::text(&sent, "email", 1_000)?.map(str::to_lowercase);
        let number = parse::text(&sent, "customerNumber", 1_000)?.map(Box::<str>::from);
        sent.remove("customerNumber");
        sent.entry("customer").or_insert(json!(false));
        let (id, created) = (self.next_id(), self.tick());
        let number = number.unwrap_or_else(|| format!("C{id}").into());
        if let Some(email) = email {
            self.party_by_email.entry(email.into()).or_default().push(id);
        }
        self.party_by_number.entry(number.clone()).or_default().push(id);
        let party = Party { id, number, created, given: parse::inner_text(&sent) };
        let text = party.render();
        self.parties.insert(id, party);
        Ok(text)
    }

    /// `POST /salesOrder`.
    pub(crate) fn create_order(&mut self, body: &[u8]) -> Result<String, Refusal> {
        let mut sent = parse::object(body)?;
        let checked = self.check_order(&sent)?;
        let (id, created) = (self.next_id(), self.tick());
        let number =
            parse::text(&sent, "orderNumber", 30)?.map_or_else(|| format!("SO-{id}").into(), Box::from);
        if let Some(key) = &checked.key {
            self.order_by_key.entry(key.clone()).or_default().push(id);
        }
        let currency = CURRENCIES.first().map_or(0, |(id, _)| *id).to_string();
        sent.entry("recordCurrencyId").or_insert(Value::String(currency));
        sent.entry("orderDate").or_insert(json!(created));
        let mut order = SalesOrder {
            id,
            version: 0,
            number,
            status: ORDER_STATUS.first().copied().unwrap_or_default(),
            payment: checked.payment,
            advance_paid: false,
            key: checked.key,
            customer: checked.customer,
            net: checked.net,
            gross: checked.gross,
            created,
            modified: created,
            invoiced: false,
            shipped: false,
            shipments: Vec::new(),
            invoices: Vec::new(),
            given: Box::default(),
        };
        order.keep(sent, &mut self.rows);
        let text = order.render();
        self.orders.insert(id, order);
        Ok(text)
    }

    /// `PUT /salesOrder/id/{id}`.
    pub(crate) fn change_order(
        &mut self,
        id: u64,
        body: &[u8],
        ignore_missing: bool,
    ) -> Result<String, Refusal> {
        let mut sent = parse::object(body)?;
        let order = self.orders.get(&id).ok_or_else(|| Refusal::not_found("salesOrder"))?;
        parse::only_known(&sent, &SALES_ORDER, "")?;
        parse::check_version(&sent, order.version)?;
        let status = parse::word(&sent, "status", ORDER_STATUS)?.unwrap_or(order.status);
        if order.status == "CANCELLED" {
            return Err(Refusal::consistency("a cancelled order can't be changed", "status"));
        }
        let only_status = sent.keys().all(|name| matches!(name.as_str(), "id" | "version" | "status"));
        let rewritten = if only_status && ignore_missing {
            self.check_status(order, status)?;
            None
        } else {
            self.check_changeable(order, status)?;
            let before = if ignore_missing { order.whole() } else { Object::new() };
            sent = before.into_iter().chain(sent).collect();
            order.fill_kept_rows(&mut sent)?;
            Some(self.check_order(&sent)?)
        };
        let confirms = status == "ORDER_CONFIRMATION_PRINTED" && order.status == "ORDER_ENTRY_IN_PROGRESS";
        let now = self.tick();
        if let Some(order) = self.orders.get_mut(&id) {
            if let Some(checked) = rewritten {
                (order.net, order.gross, order.customer) = (checked.net, checked.gross, checked.customer);
                order.payment = checked.payment;
                order.keep(sent, &mut self.rows);
            }
            order.status = status;
            order.version += 1;
            order.modified = now;
        }
        if confirms {
            self.invoice_prepayment(id);
        }
        self.render("salesOrder", id).ok_or_else(|| Refusal::not_found("salesOrder"))
    }

    /// Confirming a prepayment order writes its prepayment invoice, with an open item where the tenant says so; not where it
    /// has one already.
    fn invoice_prepayment(&mut self, order: u64) {
        let is_prepayment = self.orders.get(&order).is_some_and(|order| order.payment == "PREPAYMENT");
        if !is_prepayment || self.live_prepayment(order).is_some() {
            return;
        }
        let invoice = self.new_invoice(order, "PREPAYMENT_INVOICE", "DOCUMENT_CREATED");
        if self.open_items_for_prepayments {
            self.open_item_for(invoice);
            if let Some(invoice) = self.invoices.get_mut(&invoice) {
                invoice.status = "OPEN_ITEM_CREATED";
            }
        }
    }

    /// The prepayment invoice of a sales order that was not cancelled.
    pub(crate) fn live_prepayment(&self, order: u64) -> Option<&Invoice> {
        let mut invoices = self.orders.get(&order)?.invoices.iter().filter_map(|id| self.invoices.get(id));
        invoices.find(|invoice| invoice.asks_for_prepayment())
    }

    /// A new invoice of a sales order.
    pub(crate) fn new_invoice(&mut self, order: u64, kind: &'static str, status: &'static str) -> u64 {
        let (id, created) = (self.next_id(), self.tick());
        let (net, gross) = self.orders.get(&order).map(|order| (order.net, order.gross)).unwrap_or_default();
        let invoice = Invoice {
            id,
            net,
            gross,
            credit: None,
            version: 0,
            order,
            kind,
            status,
            open_item: None,
            paid: false,
            created,
            modified: created,
        };
        self.invoices.insert(id, invoice);
        if let Some(order) = self.orders.get_mut(&order) {
            order.invoices.push(id);
        }
        id
    }

    /// The open item of an invoice.
    pub(crate) fn open_item_for(&mut self, invoice: u64) {
        let (id, created) = (self.next_id(), self.tick());
        if let Some(invoice) = self.invoices.get_mut(&invoice) {
            invoice.open_item = Some(id);
            self.open_items.insert(
                id,
                OpenItem { id, version: 0, invoice: invoice.id, paid_at: None, created, modified: created },
            );
        }
    }

    fn check_order(&self, sent: &Object) -> Result<Checked, Refusal> {
        parse::only_known(sent, &SALES_ORDER, "")?;
        for address in ["recordAddress", "invoiceAddress", "deliveryAddress"] {
            match sent.get(address) {
                None | Some(Value::Null) => {}
                Some(Value::Object(inner)) => {
                    parse::only_known(inner, &RECORD_ADDRESS, &format!("{address}."))?
                }
                Some(_) => return Err(Refusal::value_type(address)),
            }
        }
        let customer = parse::id(sent, "customerId")?.ok_or_else(|| Refusal::missing("customerId"))?;
        if !self.parties.contains_key(&customer) {
            return Err(Refusal::reference("customerId"));
        }
        parse::text(sent, "commission", 255)?;
        parse::text(sent, "note", 512)?;
        let key = parse::text(sent, "orderNumberAtCustomer", 64)?.map(Box::from);
        let payment = parse::word(sent, "salesOrderPaymentType", PAYMENT_TYPE)?.unwrap_or("STANDARD");
        if let Some(currency) = parse::id(sent, "recordCurrencyId")?
            && !CURRENCIES.iter().any(|(id, _)| *id == currency)
        {
            return Err(Refusal::reference("recordCurrencyId"));
        }
        let with_tax =
            parse::text(sent, "salesChannel", 10)?.is_some_and(|channel| channel.starts_with("GROSS"));
        let mut sums = (Decimal::ZERO, Decimal::ZERO);
        for (list, carriage) in [("orderItems", false), ("shippingCostItems", true)] {
            for item in parse::objects(sent, list)? {
                let properties = if carriage { &SALES_ORDER_SHIPPING_COST_ITEM } else { &SALES_ORDER_ITEM };
                let (net, gross) = self.reckon(item, with_tax, carriage, list, properties)?;
                sums = (sums.0 + net, sums.1 + gross);
            }
        }
        Ok(Checked { customer, key, payment, net: sums.0, gross: sums.1 })
    }

    /// Net and gross of a position: quantity by price, to the cent, with the tax in it or on top. A price that is not
    /// said to be manual is the article's own.
    pub(crate) fn reckon(
        &self,
        item: &Object,
        with_tax: bool,
        carriage: bool,
        list: &str,
        properties: &Properties,
    ) -> Result<(Decimal, Decimal), Refusal> {
        let at = |name: &str| format!("{list}.{name}");
        parse::only_known(item, properties, &at(""))?;
        let article = parse::id(item, "articleId")?.ok_or_else(|| Refusal::missing(&at("articleId")))?;
        let article = self.articles.get(&article).ok_or_else(|| Refusal::reference(&at("articleId")))?;
        if carriage != (article.kind == "SHIPPING_COST") {
            return Err(Refusal::consistency("an article of another type is needed here", &at("articleId")));
        }
        parse::text(item, "title", 1_000)?;
        let quantity = if carriage { None } else { parse::decimal(item, "quantity")? };
        let quantity = quantity.unwrap_or(Decimal::ONE);
        if quantity < Decimal::ZERO {
            return Err(Refusal::digits(&at("quantity")));
        }
        let manual = item.get("manualUnitPrice").and_then(Value::as_bool).unwrap_or(false);
        let price = parse::decimal(item, "unitPrice")?.filter(|_| manual).unwrap_or(article.price);
        let rate = match parse::text(item, "taxId", 100)? {
            None => article.tax,
            Some(id) => *self.taxes.get(id).ok_or_else(|| Refusal::reference(&at("taxId")))?,
        };
        let (amount, factor) = (cents(quantity * price), Decimal::ONE + rate / Decimal::ONE_HUNDRED);
        Ok(if with_tax { (cents(amount / factor), amount) } else { (amount, cents(amount * factor)) })
    }
}

/// An order whose properties were found good.
struct Checked {
    customer: u64,
    key: Option<Box<str>>,
    payment: &'static str,
    net: Decimal,
    gross: Decimal,
}

fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}
