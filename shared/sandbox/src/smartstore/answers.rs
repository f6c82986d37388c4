//! What a Smartstore shop answers: its headers, its errors, pages for people to who does not ask for JSON.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::State;
use super::books::Trouble;
use crate::clock::{iso_seconds, now_ms};

/// A request that was not carried out.
pub(crate) enum Refusal {
    Denied(u8),
    Forbidden,
    Query(String),
    Of(Trouble),
    Empty,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Of(trouble)
    }
}

pub(crate) fn refused(state: &State, refusal: Refusal, wants_json: bool, by_script: bool) -> Response {
    let error = |status: StatusCode, message: &str| {
        (status, Some(json!({ "error": { "code": status.as_u16().to_string(), "message": message } })))
    };
    let mut reason = None;
    let (status, body) = match refusal {
        Refusal::Denied(why) => {
            reason = Some(why);
            error(StatusCode::UNAUTHORIZED, "Der Zugriff auf die Web-API wurde verweigert.")
        }
        Refusal::Forbidden if by_script => {
            error(StatusCode::UNAUTHORIZED, "Sie haben nicht die erforderliche Berechtigung.")
        }
        Refusal::Forbidden => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "Sie haben nicht die erforderliche Berechtigung.")
        }
        Refusal::Query(why) => {
            let message = format!("The query specified in the URI is not valid. {why}");
            let inner =
                json!({ "message": why, "type": "Microsoft.OData.ODataException", "stacktrace": "…" });
            let body =
                json!({ "error": { "code": "", "message": message, "details": [], "innererror": inner } });
            (StatusCode::BAD_REQUEST, Some(body))
        }
        Refusal::Of(Trouble::Missing(entity, id)) => {
            error(StatusCode::NOT_FOUND, &format!("Cannot find {entity} entity with identifier {id}."))
        }
        Refusal::Of(Trouble::Undeclared(name, operation)) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!(
                "The parameter '{name}' in the request payload is not a valid parameter for the operation '{operation}'."
            ),
        ),
        Refusal::Of(Trouble::Unreadable) => error(StatusCode::BAD_REQUEST, "The body cannot be read."),
        Refusal::Of(Trouble::Rule(text)) => error(StatusCode::UNPROCESSABLE_ENTITY, text),
        Refusal::Empty => (StatusCode::NOT_FOUND, None),
    };
    let mut response = answer(state, status, body.as_ref());
    if !wants_json {
        *response.body_mut() =
            Body::from("<!DOCTYPE html><html><body>Ein Fehler ist aufgetreten.</body></html>");
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    }
    if let Some(why) = reason {
        let name = HeaderName::from_static("smartstore-api-authresultid");
        response.headers_mut().insert(name, HeaderValue::from(u16::from(why)));
        let realm = HeaderValue::from_static("Basic realm=\"Smartstore.WebApi\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    }
    response
}

pub(crate) fn answer(state: &State, status: StatusCode, value: Option<&Value>) -> Response {
    let mut response = Response::new(value.map_or_else(Body::empty, |value| Body::from(value.to_string())));
    *response.status_mut() = status;
    let ms = now_ms();
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; odata.metadata=minimal"));
    headers.insert("smartstore-api-appversion", HeaderValue::from_static("6.4.0.0"));
    headers.insert("smartstore-api-version", HeaderValue::from_static("1 6.4.0.0"));
    headers.insert("smartstore-api-maxtop", HeaderValue::from(state.settings().max_top));
    let date = HeaderValue::try_from(format!("{}.{:03}0000Z", iso_seconds(ms), ms % 1_000));
    if let Ok(date) = date {
        headers.insert("smartstore-api-date", date);
    }
    response
}
