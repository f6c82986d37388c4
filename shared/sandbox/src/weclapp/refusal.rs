//! How weclapp says no: `apiProblem` of its OpenAPI document, with the legacy `error` beside it.

use serde_json::{Value, json};

/// A request that was not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    kind: &'static str,
    title: &'static str,
    detail: String,
    problem: Option<Box<Invalid>>,
}

/// What is wrong with one property.
#[derive(Debug)]
struct Invalid {
    kind: &'static str,
    title: String,
    code: Option<&'static str>,
    location: String,
    allowed: &'static [&'static str],
}

impl Refusal {
    fn plain(status: u16, kind: &'static str, title: &'static str, detail: String) -> Self {
        Self { status, kind, title, detail, problem: None }
    }

    fn invalid(kind: &'static str, title: &str, location: &str) -> Self {
        Self {
            status: 400,
            kind: "validation",
            title: "entity validation failed",
            detail: title.to_owned(),
            problem: Some(Box::new(Invalid {
                kind,
                title: title.to_owned(),
                code: None,
                location: location.to_owned(),
                allowed: &[],
            })),
        }
    }

    fn coded(mut self, code: &'static str) -> Self {
        if let Some(problem) = &mut self.problem {
            problem.code = Some(code);
        }
        self
    }

    /// The token is wrong or missing.
    pub(crate) fn unauthorized() -> Self {
        Self::plain(401, "unauthorized", "unauthorized", "invalid API token".to_owned())
    }

    /// There is no such path or record.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::plain(404, "not_found", "not found", format!("{what} not found"))
    }

    /// The body is no JSON object.
    pub(crate) fn invalid_json() -> Self {
        Self::plain(400, "invalid_json", "invalid json", "body is not a json object".to_owned())
    }

    /// The body is not said to be JSON.
    pub(crate) fn mime_type() -> Self {
        Self::plain(415, "unsupported_mime_type", "unsupported mime type", "send application/json".to_owned())
    }

    /// Somebody else changed the record since.
    pub(crate) fn optimistic_lock() -> Self {
        let detail = "the record was changed in the meantime".to_owned();
        Self::plain(409, "optimistic_lock", "optimistic lock error", detail)
    }

    /// A filter by a property that cannot be filtered by.
    pub(crate) fn filter(name: &str) -> Self {
        Self::invalid("reference", &format!("unexpected filter property: {name}"), name)
    }

    /// A property the record does not have, or that only the server sets.
    pub(crate) fn unknown_property(location: &str) -> Self {
        Self::invalid("reference", "unknown property", location).coded("platform.unknown_property")
    }

    /// A required property is missing.
    pub(crate) fn missing(location: &str) -> Self {
        Self::invalid("not_empty", "must not be empty", location)
    }

    /// A record that is referred to is not there.
    pub(crate) fn reference(location: &str) -> Self {
        Self::invalid("reference", "referenced entity not found", location)
    }

    /// A text that is too long.
    pub(crate) fn size(location: &str) -> Self {
        Self::invalid("size", "size is not allowed", location)
    }

    /// A number that is none, or has too many digits.
    pub(crate) fn digits(location: &str) -> Self {
        Self::invalid("digits", "numeric value out of bounds", location)
    }

    /// A value of another type.
    pub(crate) fn value_type(location: &str) -> Self {
        Self::invalid("type", "wrong type", location)
    }

    /// A word that is not in its enumeration.
    pub(crate) fn word(location: &str, allowed: &'static [&'static str]) -> Self {
        let mut refusal = Self::invalid("enum", "not an allowed value", location);
        if let Some(problem) = &mut refusal.problem {
            problem.allowed = allowed;
        }
        refusal
    }

    /// Something that is not possible in the state the record is in.
    pub(crate) fn consistency(title: &str, location: &str) -> Self {
        Self::invalid("consistency", title, location)
    }

    /// A request that is against the contract, as the contract's validator says.
    pub(crate) fn contract(violation: &str) -> Self {
        Self::invalid("syntax", violation, "$")
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "type": format!("/webapp/view/api/errors.html#!/errors/{}", self.kind),
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "error": self.detail,
        });
        if let (Some(problem), Some(body)) = (&self.problem, body.as_object_mut()) {
            body.insert("validationErrors".to_owned(), json!([problem.to_json()]));
        }
        body
    }
}

impl Invalid {
    fn to_json(&self) -> Value {
        let mut error = json!({
            "type": format!("/webapp/view/api/errors.html#!/validation/{}", self.kind),
            "title": self.title,
            "detail": self.title,
            "location": self.location,
        });
        if let Some(error) = error.as_object_mut() {
            if let Some(code) = self.code {
                error.insert("errorCode".to_owned(), json!(code));
            }
            if !self.allowed.is_empty() {
                error.insert("allowed".to_owned(), json!(self.allowed));
            }
        }
        error
    }
}
