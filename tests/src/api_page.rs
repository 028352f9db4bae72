//! The page of an OpenAPI document for people: HTML without scripts. `predict` serves it at `GET /docs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest, Sha256};

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
h2 { border-top: 1px solid; margin-top: 3rem; padding-top: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .3rem .6rem .3rem 0;
  text-align: start; vertical-align: top; }
pre { background: color-mix(in srgb, currentColor 8%, transparent); overflow-x: auto; padding: .8rem; }
code { overflow-wrap: anywhere; }
summary { cursor: pointer; }
";

const METHODS: [&str; 4] = ["get", "head", "post", "delete"];

/// The page of `document`, which must be an OpenAPI document.
pub fn page(document: &Value) -> String {
    let policy = format!("default-src 'none'; style-src 'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE)));
    let info = &document["info"];
    let paths = &document["paths"];
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                title { (text(&info["title"])) " API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (text(&info["title"])) " API" }
                p { (text(&info["summary"])) " Version " (text(&info["version"])) ", as an "
                    a href="openapi.json" { "OpenAPI document" } "." }
                nav { ul {
                    @for (path, method, operation) in operations(paths) {
                        li { a href=(format!("#{}", text(&operation["operationId"]))) { code { (method) " " (path) } }
                            " " (prose(&operation["summary"])) }
                    }
                } }
                @for (path, method, operation) in operations(paths) {
                    h2 id=(text(&operation["operationId"])) { code { (method) " " (path) } }
                    p { (prose(&operation["summary"])) }
                    (parameters(&paths[path]["parameters"]))
                    (parameters(&operation["parameters"]))
                    @if operation["requestBody"].is_object() {
                        h3 { "Request body" }
                        p { (prose(&operation["requestBody"]["description"])) }
                        (content(&operation["requestBody"]["content"]))
                    }
                    h3 { "Responses" }
                    @for (status, response) in members(&operation["responses"]) {
                        h4 { (status) " " (prose(&response["description"])) }
                        (content(&response["content"]))
                    }
                }
                h2 { "Schemas" }
                @for (name, schema) in members(&document["components"]["schemas"]) {
                    h3 id=(format!("schema-{name}")) { code { (name) } }
                    (schema_details(schema))
                }
            }
        }
    };
    markup.into_string()
}

fn operations(paths: &Value) -> impl Iterator<Item = (&String, String, &Value)> {
    members(paths).flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| Some((path, method.to_uppercase(), item.get(method)?)))
    })
}

fn parameters(parameters: &Value) -> Markup {
    let parameters = parameters.as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        @if !parameters.is_empty() {
            table {
                tr { th { "Parameter" } th { "In" } th { "Type" } th { "Meaning" } }
                @for parameter in parameters {
                    tr {
                        td { code { (text(&parameter["name"])) } }
                        td { (text(&parameter["in"])) }
                        td { (kind(&parameter["schema"])) }
                        td { (prose(&parameter["description"])) }
                    }
                }
            }
        }
    }
}

fn content(content: &Value) -> Markup {
    html! {
        @for (media_type, body) in members(content) {
            p { code { (media_type) } ": " (kind(&body["schema"])) }
            @for (name, example) in members(&body["examples"]) {
                details {
                    summary { "Example: " (name) }
                    pre { code { (format!("{:#}", example["value"])) } }
                }
            }
        }
    }
}

fn schema_details(schema: &Value) -> Markup {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|n| n == name));
    html! {
        p { (prose(&schema["description"])) " " @if !schema["properties"].is_object() { (kind(schema)) } }
        @if schema["properties"].is_object() {
            table {
                tr { th { "Member" } th { "Type" } th { "Meaning" } }
                @for (name, member) in members(&schema["properties"]) {
                    tr {
                        td { code { (name) } @if !required(name) { " (optional)" } }
                        td { (kind(member)) }
                        td { (prose(&member["description"])) }
                    }
                }
            }
        }
    }
}

/// The type of a schema, with links to named schemas.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return html! { a href=(format!("#schema-{name}")) { code { (name) } } };
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[several].as_array().filter(|_| schema.get("type").is_none()) {
            return html! { @for (at, choice) in choices.iter().enumerate() { @if at > 0 { " or " } (kind(choice)) } };
        }
    }
    let values: Vec<String> = schema["enum"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        single => single.as_str().into_iter().collect(),
    };
    html! {
        @if let Some(constant) = schema.get("const") { code { (constant.to_string()) } }
        @else if !values.is_empty() { code { (values.join(", ")) } }
        @else { (types.join(" or ")) }
        @if let Some(format) = schema["format"].as_str() { " (" (format) ")" }
        @if schema["items"].is_object() { " of " (kind(&schema["items"])) }
    }
}

/// Text of the document, in which words between backticks are code.
fn prose(value: &Value) -> Markup {
    html! { @for (at, part) in text(value).split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } } }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
