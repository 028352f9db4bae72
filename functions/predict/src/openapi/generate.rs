//! Generates the OpenAPI document from the types.

use super::request;
use crate::erase::Erasure;
use crate::health::Health;
use crate::prediction::Prediction;
use crate::problem::{ProblemDetails, ProblemType};
use crate::users::{DEFAULT_LIMIT, MAX_LIMIT, UserDetail, UserPage};
use churn_common::ids::UserId;
use churn_common::model::{Card, Risk};
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use strum::VariantArray;

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// The document. `recorded` are responses of the API by name, each with `status`, `headers` and `body`. A problem has the name of
/// its type.
pub fn generate(recorded: &Value) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut api = Api { schemas: settings.into_generator(), recorded };
    let paths = api.paths();
    let (not_found, not_allowed) =
        (api.problems(&[ProblemType::NotFound]), api.problems(&[ProblemType::MethodNotAllowed]));
    let mut schemas = api.schemas.take_definitions(true);
    schemas.values_mut().for_each(name_null);
    schemas.insert("PredictRequest".to_owned(), request::schema());
    let names = ProblemType::VARIANTS.iter().map(|problem| json!(problem.urn()));
    schemas["ProblemDetails"]["properties"]["type"]["enum"] = names.collect();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Churn",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Predicts which subscribers of a streaming service are about to cancel.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": ".", "description": "The folder of this document"}],
        "security": [{"iam": []}, {"jwt": []}],
        "tags": [
            {"name": "predictions", "description": "Churn probabilities with reasons"},
            {"name": "model", "description": "The model in service"},
            {"name": "users", "description": "Stored users"},
            {"name": "documentation", "description": "This document"},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"NotFound": not_found["404"], "MethodNotAllowed": not_allowed["405"]},
            "securitySchemes": {
                "iam": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "Signature Version 4 of AWS, with the permission `execute-api:Invoke`.",
                },
                "jwt": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A token of the issuer in the parameters of the stack. It cannot erase a user.",
                },
            },
        },
    })
}

/// Doc comments have Rust's name of null.
fn name_null(schema: &mut Value) {
    match schema {
        Value::String(text) => *text = text.replace("`None`", "null"),
        Value::Array(items) => items.iter_mut().for_each(name_null),
        Value::Object(members) => members.values_mut().for_each(name_null),
        _ => {}
    }
}

struct Api<'a> {
    schemas: SchemaGenerator,
    recorded: &'a Value,
}

/// What an operation does, for people.
struct About {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
}

impl Api<'_> {
    fn paths(&mut self) -> Value {
        let (predict, health) = (self.predict(), self.health());
        let (model, users) = (self.model(), self.users());
        let (user, erase) = (self.user(), self.erase());
        let (document, page) = documentation();
        json!({
            "/predict": {"post": predict},
            "/health": {"get": health, "head": head(&health)},
            "/model": {"get": model, "head": head(&model)},
            "/openapi.json": {"get": document, "head": head(&document)},
            "/docs": {"get": page, "head": head(&page)},
            "/users": {"get": users, "head": head(&users)},
            "/users/{id}": {
                "parameters": [{
                    "name": "id", "in": "path", "required": true,
                    "description": "The id of a user, percent-encoded once, at most 1,024 bytes in UTF-8. It may contain slashes.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": UserId::MAX_BYTES},
                    "example": "30",
                }],
                "get": user,
                "head": head(&user),
                "delete": erase,
            },
        })
    }

    fn predict(&mut self) -> Value {
        use ProblemType as P;
        let about = About { id: "predict", tag: "predictions", summary: "Returns the churn probability of one user." };
        let success = self.success::<Prediction>(&["predict", "predict in Arabic"]);
        let problems = self.problems(&[
            P::InvalidRequest,
            P::UserNotFound,
            P::ContentTooLarge,
            P::UnsupportedMediaType,
            P::UnsupportedContentEncoding,
            P::NoScorableEvents,
            P::ModelNotAvailable,
            P::ServiceUnavailable,
        ]);
        let mut operation = operation(&about, success, problems);
        operation["parameters"] = json!([accept_language()]);
        operation["requestBody"] = json!({
            "required": true,
            "description": "With `Content-Encoding: gzip`, the body is decompressed.",
            "content": {JSON: {
                "schema": {"$ref": "#/components/schemas/PredictRequest"},
                "examples": request::examples(),
            }},
        });
        operation
    }

    fn health(&mut self) -> Value {
        let about = About {
            id: "health",
            tag: "model",
            summary: "Returns the status and the version of the model in service.",
        };
        let success = self.success::<Health>(&["health"]);
        let unavailable = self.success::<Health>(&["health without a model"]);
        operation(&about, success, json!({"503": unavailable}))
    }

    fn model(&mut self) -> Value {
        let about = About { id: "model", tag: "model", summary: "Returns the model card of the champion." };
        // Without an example: a card is long.
        let success = self.success::<Card>(&[]);
        let problems = self.problems(&[ProblemType::ModelNotAvailable, ProblemType::ServiceUnavailable]);
        operation(&about, success, problems)
    }

    fn users(&mut self) -> Value {
        let about = About { id: "users", tag: "users", summary: "Lists users at risk, highest probability first." };
        let mut success = self.success::<UserPage>(&["users", "users in Arabic"]);
        let csv = self.response("", "text/csv", json!({"type": "string"}), &["users as CSV"]);
        success["content"]["text/csv"] = csv["content"]["text/csv"].clone();
        let problems = self.problems(&[ProblemType::InvalidRequest, ProblemType::ServiceUnavailable]);
        let mut operation = operation(&about, success, problems);
        let level = format!("({})", Risk::ALL.map(Risk::as_str).join("|"));
        let parameter = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "description": description, "schema": schema});
        operation["parameters"] = json!([
            parameter(
                "risk_level",
                "One or more levels, separated by commas. A level does not contain the higher ones.",
                json!({"type": "string", "pattern": format!("^{level}(,{level})*$"), "default": "critical,high"}),
            ),
            parameter(
                "limit",
                "Most users of a page.",
                json!({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
            ),
            parameter(
                "cursor",
                "`next_cursor` of the page before, with the same `risk_level`.",
                json!({"type": "string"})
            ),
            parameter("sort", "The only order.", json!({"type": "string", "enum": ["probability"]})),
            accept_language(),
        ]);
        operation
    }

    fn user(&mut self) -> Value {
        let about = About { id: "user", tag: "users", summary: "Returns the stored risk of one user." };
        let success = self.success::<UserDetail>(&["user"]);
        let problems = [ProblemType::InvalidRequest, ProblemType::UserNotScored, ProblemType::ServiceUnavailable];
        let problems = self.problems(&problems);
        let mut operation = operation(&about, success, problems);
        operation["parameters"] = json!([accept_language()]);
        operation
    }

    fn erase(&mut self) -> Value {
        use ProblemType as P;
        let summary = "Erases a user: deletes the stored data, and keeps events up to now from being stored again.";
        let about = About { id: "eraseUser", tag: "users", summary };
        let success = self.success::<Erasure>(&["erase"]);
        let problems = self.problems(&[P::InvalidRequest, P::Forbidden, P::ServiceUnavailable]);
        let mut operation = operation(&about, success, problems);
        operation["security"] = json!([{"iam": []}]);
        operation
    }

    /// A response with a body of type `T`, as in the recorded responses `names`.
    fn success<T: JsonSchema>(&mut self, names: &[&str]) -> Value {
        let schema = self.schemas.subschema_for::<T>();
        self.response(&T::schema_name(), JSON, schema.into(), names)
    }

    /// The responses of these problems by status.
    fn problems(&mut self, types: &[ProblemType]) -> Value {
        let schema = Value::from(self.schemas.subschema_for::<ProblemDetails>());
        let mut by_status: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for problem in types {
            by_status.entry(problem.status().as_u16().to_string()).or_default().push(problem.into());
        }
        let responses = by_status.into_iter().map(|(status, names)| {
            let titles: Vec<&str> =
                names.iter().filter_map(|name| self.recorded[name]["body"]["title"].as_str()).collect();
            let response = self.response(&titles.join(", "), PROBLEM, schema.clone(), &names);
            (status, response)
        });
        Value::Object(responses.collect())
    }

    fn response(&self, description: &str, media_type: &str, schema: Value, names: &[&str]) -> Value {
        let mut examples = Map::new();
        let mut headers = Map::new();
        for name in names {
            let recorded = &self.recorded[name];
            examples.insert((*name).to_owned(), json!({"value": example(&recorded["body"])}));
            for (header, value) in recorded["headers"].as_object().into_iter().flatten() {
                if header != "content-type" {
                    headers.insert(header.clone(), json!({"schema": {"type": "string"}, "example": value}));
                }
            }
        }
        let mut response =
            json!({"description": description, "content": {media_type: {"schema": schema, "examples": examples}}});
        if !headers.is_empty() {
            response["headers"] = headers.into();
        }
        response
    }
}

fn accept_language() -> Value {
    json!({
        "name": "Accept-Language", "in": "header",
        "description": "The language of texts: English or Arabic.",
        "schema": {"type": "string"}, "examples": {"Arabic": {"value": "ar"}, "English": {"value": "en, ar;q=0.5"}},
    })
}

/// `GET /openapi.json` and `GET /docs`.
fn documentation() -> (Value, Value) {
    let tag = "documentation";
    let about = About { id: "openapi", tag, summary: "Returns this document." };
    let content = json!({JSON: {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}});
    let document = operation(&about, json!({"description": "An OpenAPI document.", "content": content}), json!({}));
    let about = About { id: "docs", tag, summary: "Returns the API reference as an HTML page." };
    let content = json!({"text/html": {"schema": {"type": "string"}}});
    (document, operation(&about, json!({"description": "A page.", "content": content}), json!({})))
}

/// An operation with the responses of the function and those of API Gateway.
fn operation(about: &About, success: Value, problems: Value) -> Value {
    let mut responses = json!({"200": success, "401": gateway("No valid token"), "429": gateway("Too many requests")});
    responses["403"] = gateway("No permission");
    for (status, response) in problems.as_object().into_iter().flatten() {
        let both = match &responses[status]["content"][JSON] {
            Value::Null => response.clone(),
            gateway => {
                let mut both = response.clone();
                both["content"][JSON] = gateway.clone();
                both
            }
        };
        responses[status] = both;
    }
    json!({"operationId": about.id, "tags": [about.tag], "summary": about.summary, "responses": responses})
}

/// A response of API Gateway, which does not reach the function.
fn gateway(description: &str) -> Value {
    let schema = json!({"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}});
    json!({"description": format!("{description} (API Gateway)"), "content": {JSON: {"schema": schema}}})
}

/// The operation `HEAD` for an operation `GET`: the same without bodies.
fn head(get: &Value) -> Value {
    let mut head = get.clone();
    head["operationId"] = json!(format!("{}Head", get["operationId"].as_str().unwrap_or_default()));
    head["summary"] = json!("As GET, without the body.");
    for response in head["responses"].as_object_mut().into_iter().flat_map(|responses| responses.values_mut()) {
        if let Some(response) = response.as_object_mut() {
            response.remove("content");
        }
    }
    head
}

/// A recorded body, with a version in place of the mark that the record has.
fn example(body: &Value) -> Value {
    match body {
        Value::String(text) if text == "<version>" => json!("0f7603127a971498"),
        Value::Array(items) => items.iter().map(example).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), example(value))).collect(),
        other => other.clone(),
    }
}
