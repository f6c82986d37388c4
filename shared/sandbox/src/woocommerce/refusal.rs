//! Requests that are not carried out, in WordPress's form.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Status and body of a refusal.
pub(super) struct Refusal(pub(super) StatusCode, pub(super) Value);

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self(status, json!({"code": code, "message": message, "data": {"status": status.as_u16()}}))
    }

    pub(super) fn no_order() -> Self {
        Self::new(StatusCode::NOT_FOUND, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    }

    /// The same of a change: WooCommerce answers those with another status.
    pub(super) fn no_order_to_change() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    }

    pub(super) fn no_route() -> Self {
        let why = "No route was found matching the URL and request method.";
        Self::new(StatusCode::NOT_FOUND, "rest_no_route", why)
    }

    /// A wrong key, or none.
    pub(super) fn unknown_key() -> Self {
        let why = "Sorry, you cannot list resources.";
        Self::new(StatusCode::UNAUTHORIZED, "woocommerce_rest_cannot_view", why)
    }

    pub(super) fn read_only() -> Self {
        let why = "The API key provided does not have write permissions.";
        Self::new(StatusCode::UNAUTHORIZED, "woocommerce_rest_authentication_error", why)
    }

    /// A parameter that is none of its kind.
    pub(super) fn invalid(name: &str, why: &str) -> Self {
        let params = json!({ name: why });
        Self(
            StatusCode::BAD_REQUEST,
            json!({
                "code": "rest_invalid_param",
                "message": format!("Invalid parameter(s): {name}"),
                "data": {"status": 400, "params": params},
            }),
        )
    }

    /// A parameter that must be there.
    pub(super) fn missing(name: &str) -> Self {
        let why = format!("Missing parameter(s): {name}");
        Self::new(StatusCode::BAD_REQUEST, "rest_missing_callback_param", &why)
    }
}
