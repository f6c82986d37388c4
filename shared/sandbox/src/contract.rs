//! Holds requests against the vendor's OpenAPI document: paths, methods, query parameters, and bodies down to the last
//! property. For tests; the document is not part of the project.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

/// Why a contract could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The file cannot be read.
    #[error("the contract cannot be read")]
    File(#[from] std::io::Error),
    /// It is no JSON.
    #[error("the contract is no JSON")]
    Json(#[from] serde_json::Error),
    /// It is no OpenAPI document with paths and schemas.
    #[error("the contract has no paths or no schemas")]
    Empty,
}

/// Parameters that weclapp documents in prose and takes, but leaves out of its OpenAPI document (`facts`: section 3).
const DOCUMENTED: &[&str] = &["ignoreMissingProperties"];
/// Properties that are read-only in the document, but belong into changes: `version` is the optimistic lock.
const SENT_BACK: &[&str] = &["id", "version"];
/// Filters the document says are none, but live tenants take.
const LIVE_FILTERS: &[&str] = &["salesOrders.id"];

/// A contract, ready to hold requests against.
pub struct Validator {
    paths: Map<String, Value>,
    parameters: Map<String, Value>,
    schemas: Map<String, Value>,
    /// Every component as request bodies may have it: flat, without read-only properties, nothing unknown.
    strict: Value,
    compiled: Mutex<HashMap<String, Option<std::sync::Arc<jsonschema::Validator>>>>,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Validator({} paths)", self.paths.len())
    }
}

impl Validator {
    /// Reads an OpenAPI 3.1 document. `None` if there is no such file.
    ///
    /// # Errors
    /// [`ContractError`] if there is one and it can't be used.
    pub fn load(path: &Path) -> Result<Option<Self>, ContractError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let document: Value = serde_json::from_str(&text)?;
        let object =
            |pointer: &str| document.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
        let (paths, schemas) = (object("/paths"), object("/components/schemas"));
        if paths.is_empty() || schemas.is_empty() {
            return Err(ContractError::Empty);
        }
        let all: Map<String, Value> =
            schemas.iter().map(|(name, schema)| (name.clone(), strict(schema, &schemas))).collect();
        let strict = json!({ "schemas": all });
        let parameters = object("/components/parameters");
        Ok(Some(Self { paths, parameters, schemas, strict, compiled: Mutex::new(HashMap::new()) }))
    }

    /// Checks a request: `path` is the template, as in `/salesOrder/id/{id}`.
    ///
    /// # Errors
    /// What is against the contract, in words.
    pub fn check(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        body: Option<&[u8]>,
    ) -> Result<(), String> {
        let call = format!("{method} {path}");
        let operation = self.paths.get(path).ok_or_else(|| format!("{call}: no such path"))?;
        let operation =
            operation.get(method.to_lowercase()).ok_or_else(|| format!("{call}: no such method"))?;
        for (name, _) in query {
            self.check_parameter(operation, method, path, name).map_err(|why| format!("{call}: {why}"))?;
        }
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
            return Ok(());
        };
        let body = body.ok_or_else(|| format!("{call}: no body"))?;
        let body: Value = serde_json::from_slice(body).map_err(|_| format!("{call}: the body is no JSON"))?;
        let Some(validator) = self.validator(&call, schema) else {
            return Err(format!("{call}: the contract's schema cannot be used"));
        };
        let errors: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| format!("{} at {}", error.masked(), error.instance_path()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(format!("{call}: {}", errors.join("; "))) }
    }

    fn check_parameter(&self, operation: &Value, method: &str, path: &str, name: &str) -> Result<(), String> {
        let declared = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let mut names = declared.filter_map(|parameter| {
            let referred = parameter.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next());
            let parameter = referred.and_then(|name| self.parameters.get(name)).unwrap_or(parameter);
            parameter.get("name").and_then(Value::as_str)
        });
        if names.any(|known| known == name) || (method == "PUT" && DOCUMENTED.contains(&name)) {
            return Ok(());
        }
        let entity = path.trim_start_matches('/');
        match name.rsplit_once('-') {
            Some((property, _)) if method == "GET" && self.is_filterable(entity, property) => Ok(()),
            _ => Err(format!("the parameter {name} is not declared, and is no filter")),
        }
    }

    fn is_filterable(&self, entity: &str, path: &str) -> bool {
        if LIVE_FILTERS.contains(&path) {
            return true;
        }
        let Some(schema) = self.schemas.get(entity) else { return false };
        let properties = properties(schema, &self.schemas);
        let top = path.split('.').next().unwrap_or(path);
        properties.get(top).is_some_and(|p| p.pointer("/x-weclapp/filterable") != Some(&Value::Bool(false)))
    }

    fn validator(&self, call: &str, schema: &Value) -> Option<std::sync::Arc<jsonschema::Validator>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let mut root = strict(schema, &self.schemas);
            root.as_object_mut()?.insert("components".to_owned(), self.strict.clone());
            jsonschema::validator_for(&root).ok().map(std::sync::Arc::new)
        };
        compiled.entry(call.to_owned()).or_insert_with(make).clone()
    }
}

/// The properties of a schema, those it takes over from others included.
fn properties(schema: &Value, schemas: &Map<String, Value>) -> BTreeMap<String, Value> {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()) {
        return schemas.get(name).map(|schema| properties(schema, schemas)).unwrap_or_default();
    }
    let mut all = BTreeMap::new();
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        all.extend(properties(part, schemas));
    }
    let own = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    all.extend(own.map(|(name, schema)| (name.clone(), schema.clone())));
    all
}

/// A schema as a request has to fit it: flat, nothing read-only, nothing unknown.
fn strict(schema: &Value, schemas: &Map<String, Value>) -> Value {
    let is_object = schema.get("allOf").is_some() || schema.get("properties").is_some();
    if !is_object {
        return match schema {
            Value::Object(inner) => Value::Object(
                inner.iter().map(|(name, value)| (name.clone(), strict(value, schemas))).collect(),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                schema.clone()
            }
        };
    }
    let writable = |name: &str, schema: &Value| {
        schema.get("readOnly") != Some(&Value::Bool(true)) || SENT_BACK.contains(&name)
    };
    let kept: Map<String, Value> = properties(schema, schemas)
        .into_iter()
        .filter(|(name, schema)| writable(name, schema))
        .map(|(name, schema)| (name, strict(&schema, schemas)))
        .collect();
    let required = schema.get("required").cloned().unwrap_or_else(|| json!([]));
    json!({ "type": "object", "properties": kept, "required": required, "additionalProperties": false })
}
