//! `GET /openapi.json` is what the types of `predict` and the recorded responses generate. `tests/openapi.sh` checks it with other
//! tools, and the API against it. `GET /docs` is the page of the document.

use churn_tests::api_page;
use predict::openapi;
use serde_json::Value;
use std::path::Path;

const RECORDED: &str = include_str!("../snapshots/http_api.json");
const DOCUMENT: &str = include_str!("../../functions/predict/src/openapi/openapi.json");
const PAGE: &str = include_str!("../../functions/predict/src/openapi/page.html");

/// Checks the file `name` of `functions/predict/src/openapi/`, without its final line end.
fn check(name: &str, served: &str, generated: &str) {
    if served.trim_end() != generated {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&file, format!("{generated}\n")).unwrap();
        panic!("the types have changed: cp {} functions/predict/src/openapi/{name}", file.display());
    }
}

fn document() -> Value {
    openapi::generate(&serde_json::from_str(RECORDED).unwrap())
}

#[test]
fn openapi_document_is_that_of_the_types() {
    check("openapi.json", DOCUMENT, &serde_json::to_string_pretty(&document()).unwrap());
}

#[test]
fn page_is_that_of_the_document() {
    check("page.html", PAGE, &api_page::page(&document()));
}
