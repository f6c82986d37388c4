//! What is sent to weclapp. Blank texts are left out: weclapp reads them as none.

use serde::Serialize;

use super::{BusinessType, Millis, Number, PartyType, PaymentType};

/// `party`, as it is created.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct NewParty<'a> {
    pub(in crate::weclapp) party_type: PartyType,
    pub(in crate::weclapp) customer: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) company: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) first_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) email: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) phone: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) customer_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) vat_identification_number: Option<&'a str>,
    pub(in crate::weclapp) customer_business_type: BusinessType,
    pub(in crate::weclapp) addresses: Vec<PartyAddress<'a>>,
}

/// `address` of a party.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct PartyAddress<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) company: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) first_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) last_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) street1: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) street2: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) zipcode: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) city: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) country_code: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) phone_number: &'a str,
    pub(in crate::weclapp) primary_address: bool,
    pub(in crate::weclapp) delivery_address: bool,
    pub(in crate::weclapp) invoice_address: bool,
}

/// `salesOrder`, as it is created.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct NewSalesOrder<'a> {
    pub(in crate::weclapp) customer_id: &'a str,
    pub(in crate::weclapp) order_number_at_customer: String,
    pub(in crate::weclapp) commission: String,
    pub(in crate::weclapp) order_date: Millis,
    pub(in crate::weclapp) sales_order_payment_type: PaymentType,
    pub(in crate::weclapp) record_currency_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) sales_channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) payment_method_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) shipment_method_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) warehouse_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) record_address: Option<RecordAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) invoice_address: Option<RecordAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) delivery_address: Option<RecordAddress<'a>>,
    pub(in crate::weclapp) order_items: Vec<OrderItem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::weclapp) shipping_cost_items: Vec<ShippingCostItem>,
}

/// `recordAddress`.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct RecordAddress<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) company: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) first_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) last_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) street1: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) street2: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) zipcode: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) city: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) country_code: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(in crate::weclapp) phone_number: &'a str,
}

/// `salesOrderItem`, as it is created.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct OrderItem {
    pub(in crate::weclapp) article_id: String,
    pub(in crate::weclapp) position_number: u32,
    pub(in crate::weclapp) title: String,
    pub(in crate::weclapp) quantity: Number,
    pub(in crate::weclapp) manual_quantity: bool,
    pub(in crate::weclapp) unit_price: Number,
    pub(in crate::weclapp) manual_unit_price: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) tax_id: Option<String>,
}

/// `salesOrderShippingCostItem`, as it is created.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct ShippingCostItem {
    pub(in crate::weclapp) article_id: String,
    pub(in crate::weclapp) unit_price: Number,
    pub(in crate::weclapp) manual_unit_price: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) tax_id: Option<String>,
}

/// A change of status, refused by weclapp if somebody else changed the record since.
#[derive(Serialize)]
pub(in crate::weclapp) struct StatusChange<'a, S> {
    pub(in crate::weclapp) version: &'a str,
    pub(in crate::weclapp) status: S,
}

/// The particulars of `updatePaymentState`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct PaymentState {
    pub(in crate::weclapp) payment_state: &'static str,
    pub(in crate::weclapp) date_paid: Millis,
}

/// `recordAddress` that takes the place of another: what is not known is sent too, blank, so that nothing of the address before
/// stays.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct WholeAddress<'a> {
    pub(in crate::weclapp) company: &'a str,
    pub(in crate::weclapp) first_name: &'a str,
    pub(in crate::weclapp) last_name: &'a str,
    pub(in crate::weclapp) street1: &'a str,
    pub(in crate::weclapp) street2: &'a str,
    pub(in crate::weclapp) zipcode: &'a str,
    pub(in crate::weclapp) city: &'a str,
    pub(in crate::weclapp) state: &'a str,
    pub(in crate::weclapp) country_code: &'a str,
    pub(in crate::weclapp) phone_number: &'a str,
}

/// `salesOrder`, as it is brought up to date.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct OrderContent<'a> {
    pub(in crate::weclapp) version: &'a str,
    pub(in crate::weclapp) commission: String,
    pub(in crate::weclapp) record_currency_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) sales_channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) shipment_method_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) record_address: Option<WholeAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) invoice_address: Option<WholeAddress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) delivery_address: Option<WholeAddress<'a>>,
    pub(in crate::weclapp) order_items: Vec<OrderItem>,
    /// None where there was no carriage before and is none now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) shipping_cost_items: Option<Vec<ShippingCostItem>>,
}

/// The particulars of `createCreditNote`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct CreditedItems<'a> {
    /// All items of the invoice where none are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::weclapp) item_ids: Vec<&'a str>,
}

/// `salesInvoice`: what a credit note holds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct CreditContent<'a> {
    pub(in crate::weclapp) version: &'a str,
    pub(in crate::weclapp) commission: &'a str,
    pub(in crate::weclapp) credit_resets_order_state: bool,
    pub(in crate::weclapp) sales_invoice_items: Vec<CreditRow>,
    /// None where there is no carriage and is to be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) shipping_cost_items: Option<Vec<CarriageRow>>,
}

/// `salesInvoiceItem`: kept where it has an id, else new.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct CreditRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) id: Option<String>,
    pub(in crate::weclapp) article_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) title: Option<String>,
    pub(in crate::weclapp) position_number: u32,
    pub(in crate::weclapp) quantity: Number,
    pub(in crate::weclapp) manual_quantity: bool,
    pub(in crate::weclapp) unit_price: Number,
    pub(in crate::weclapp) manual_unit_price: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) tax_id: Option<String>,
}

/// `salesInvoiceShippingCostItem`: kept where it has an id, else new.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct CarriageRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) id: Option<String>,
    pub(in crate::weclapp) article_id: String,
    pub(in crate::weclapp) unit_price: Number,
    pub(in crate::weclapp) manual_unit_price: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::weclapp) tax_id: Option<String>,
}

/// The particulars of `createCreditNoteOpenItem`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::weclapp) struct ClearCredit {
    pub(in crate::weclapp) clear_credit_note: bool,
}
