//! Shipments and invoices as they are answered: with their rows where a record is read, without where it was just changed
//! (nobody reads rows out of that answer, and rows cost time).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::books::{Books, CARRIER, Invoice, Packed, SalesOrder, Shipment, amount, quoted, write};
use super::credits::Row;
use super::parse::{self, Object};
use super::properties::SALES_ORDER_ITEM;

impl Books {
    /// A shipment or an invoice as it is read.
    pub(crate) fn render_document(&self, entity: &str, id: u64) -> Option<String> {
        if entity == "shipment" {
            let shipment = self.shipments.get(&id)?;
            let text = shipment.render(Some(&self.packed(shipment)));
            return Some(text);
        }
        let invoice = self.invoices.get(&id)?;
        let rows = self.rows_of(invoice);
        Some(invoice.render(self.orders.get(&invoice.order)?, Some(&rows)))
    }

    /// A shipment or an invoice after a change of its head.
    pub(crate) fn render_head(&self, entity: &str, id: u64) -> Option<String> {
        match entity {
            "shipment" => self.shipments.get(&id).map(|shipment| shipment.render(None)),
            "salesInvoice" => {
                let invoice = self.invoices.get(&id)?;
                Some(invoice.render(self.orders.get(&invoice.order)?, None))
            }
            _ => self.render(entity, id),
        }
    }

    /// What is in a shipment.
    pub(crate) fn packed(&self, shipment: &Shipment) -> Vec<Packed> {
        if let Some(packed) = &shipment.packed {
            return packed.clone();
        }
        let Some(order) = self.orders.get(&shipment.order) else { return Vec::new() };
        let packed = |item: &Object| {
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            Some(Packed {
                item: text("id")?.into(),
                article: text("articleId")?.parse().ok()?,
                quantity: text("quantity").map_or(Some(Decimal::ONE), |text| text.parse().ok())?,
            })
        };
        order.items("orderItems").iter().filter_map(packed).collect()
    }

    /// The rows of an invoice: of a credit note its own, else those of its order.
    pub(crate) fn rows_of(&self, invoice: &Invoice) -> Vec<Row> {
        if let Some(credit) = &invoice.credit {
            return credit.rows.clone();
        }
        let Some(order) = self.orders.get(&invoice.order) else { return Vec::new() };
        let mut rows = Vec::new();
        for (list, carriage) in [("orderItems", false), ("shippingCostItems", true)] {
            for item in order.items(list) {
                let Ok((net, gross)) =
                    self.reckon(&item, order.with_tax(), carriage, list, &SALES_ORDER_ITEM)
                else {
                    continue;
                };
                let id = invoice.id * 1_000 + u64::try_from(rows.len()).unwrap_or_default();
                let given = self.invoice_item(&item);
                rows.push(Row { id, credits: None, carriage, net, gross, given });
            }
        }
        rows
    }

    /// What an invoice takes over of an item, with the tax the server found for it.
    fn invoice_item(&self, item: &Object) -> Object {
        let names = ["articleId", "title", "quantity", "unitPrice", "manualUnitPrice", "taxId"];
        let mut given: Object = names
            .iter()
            .filter_map(|name| item.get(*name).map(|value| ((*name).to_owned(), value.clone())))
            .collect();
        if !given.contains_key("taxId") {
            let article = item.get("articleId").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let rate = article.and_then(|id: u64| self.articles.get(&id)).map(|article| article.tax);
            let fits = self.taxes.iter().filter(|(_, known)| Some(**known) == rate);
            let first: BTreeMap<&str, ()> = fits.map(|(id, _)| (&**id, ())).collect();
            given.extend(first.keys().next().map(|id| ("taxId".to_owned(), json!(id))));
        }
        given
    }
}

impl SalesOrder {
    /// The items of a list, as they are kept.
    pub(crate) fn items(&self, list: &str) -> Vec<Object> {
        let whole = parse::object(format!("{{{}}}", self.given).as_bytes()).unwrap_or_default();
        let items = whole.get(list).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_object).cloned().collect()
    }

    /// Whether its prices are with tax.
    pub(crate) fn with_tax(&self) -> bool {
        self.given.contains(r#""salesChannel":"GROSS"#)
    }
}

impl Shipment {
    /// As answered.
    pub(crate) fn render(&self, packed: Option<&[Packed]>) -> String {
        let Self { id, version, order, status, created, modified, .. } = self;
        let mut out = String::with_capacity(600);
        write(
            &mut out,
            format_args!(
                r#"{{"id":"{id}","version":"{version}","shipmentNumber":"LS-{id}","shipmentType":"STANDARD","status":"{status}","mainSalesOrderId":"{order}","salesOrders":[{{"id":"{order}"}}],"createdDate":{created},"lastModifiedDate":{modified}"#
            ),
        );
        write(&mut out, format_args!(r#","statusHistory":[{{"status":"NEW","statusDate":{created}}}"#));
        if *status == "SHIPPED" {
            write(
                &mut out,
                format_args!(
                    r#",{{"status":"SHIPPED","statusDate":{modified}}}],"parcels":[{{"id":"{id}","positionNumber":1,"trackingId":"{}","trackingUrl":"https://tracking.example/{}","shippingCarrierId":"{CARRIER}"}}]"#,
                    self.tracking(),
                    self.tracking(),
                ),
            );
        } else {
            out.push_str(r#"],"parcels":[]"#);
        }
        if let Some(packed) = packed {
            let items = packed.iter().enumerate().map(|(at, packed)| {
                let Packed { item, article, quantity } = packed;
                json!({
                    "id": format!("{id}{at:03}"), "articleId": article.to_string(), "positionNumber": at + 1,
                    "quantity": quantity.to_string(), "salesOrderItemId": item,
                })
            });
            write(&mut out, format_args!(r#","shipmentItems":{}"#, Value::Array(items.collect())));
        }
        write(&mut out, format_args!(r#","picksComplete":{}}}"#, *status == "SHIPPED"));
        out
    }

    /// The number on its parcel.
    pub(crate) fn tracking(&self) -> String {
        format!("JJD{:012}", self.id)
    }
}

impl Invoice {
    /// As answered.
    pub(crate) fn render(&self, order: &SalesOrder, rows: Option<&[Row]>) -> String {
        let Self { id, version, kind, status, paid, created, modified, net, gross, .. } = self;
        let mut out = String::with_capacity(500);
        let payment = match (self.open_item, paid) {
            (None, _) => "NO_OPEN_ITEM",
            (Some(_), true) if self.credit.is_some() => "CREDIT_NOTE_CLEARED",
            (Some(_), true) => "PAID",
            (Some(_), false) => "OPEN",
        };
        let (number, order_id, customer) = (self.number(), order.id, order.customer);
        write(
            &mut out,
            format_args!(
                r#"{{"id":"{id}","version":"{version}","invoiceNumber":"{number}","salesInvoiceType":"{kind}","status":"{status}","paymentStatus":"{payment}","paid":{paid},"customerId":"{customer}","salesOrders":[{{"id":"{order_id}"}}],"netAmount":"{}","grossAmount":"{}","invoiceDate":{created},"createdDate":{created},"lastModifiedDate":{modified}"#,
                amount(*net),
                amount(*gross),
            ),
        );
        if let Some(key) = &order.key {
            write(&mut out, format_args!(r#","orderNumberAtCustomer":{}"#, quoted(key)));
        }
        if let Some(credit) = &self.credit {
            let (invoice, resets) = (credit.invoice, credit.resets_order);
            write(
                &mut out,
                format_args!(r#","precedingSalesInvoiceId":"{invoice}","creditResetsOrderState":{resets}"#),
            );
            if let Some(commission) = &credit.commission {
                write(&mut out, format_args!(r#","commission":{}"#, quoted(commission)));
            }
        }
        for (list, carriage) in [("salesInvoiceItems", false), ("shippingCostItems", true)] {
            let Some(rows) = rows else { continue };
            let rows = rows.iter().filter(|row| row.carriage == carriage).map(Row::render);
            write(&mut out, format_args!(r#","{list}":{}"#, Value::Array(rows.collect())));
        }
        out.push('}');
        out
    }

    /// A draft has no final number.
    pub(crate) fn number(&self) -> String {
        let prefix = match (self.status, &self.credit) {
            ("NEW", _) => "DRAFT",
            (_, Some(_)) => "GS",
            (_, None) => "RE",
        };
        format!("{prefix}-{}", self.id)
    }
}

impl Row {
    /// As answered.
    fn render(&self) -> Value {
        let mut out = Map::new();
        out.insert("id".to_owned(), json!(self.id.to_string()));
        out.insert("version".to_owned(), json!("0"));
        out.insert("netAmount".to_owned(), json!(amount(self.net).to_string()));
        out.insert("grossAmount".to_owned(), json!(amount(self.gross).to_string()));
        out.extend(self.credits.map(|row| ("creditedInvoiceItemId".to_owned(), json!(row.to_string()))));
        out.extend(self.given.clone());
        Value::Object(out)
    }
}
