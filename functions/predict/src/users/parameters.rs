//! The query parameters of `GET /users`. An unknown or repeated parameter is an error: a typing error would otherwise return
//! another list.

use super::cursor::{Levels, PageCursor};
use crate::problem::Problem;
use churn_common::model::Risk;
use lambda_http::{Request, RequestExt};
use std::collections::BTreeMap;

const NAMES: [&str; 4] = ["risk_level", "limit", "cursor", "sort"];
pub(crate) const MAX_LIMIT: u16 = 1000;
pub(crate) const DEFAULT_LIMIT: u16 = 50;

/// The valid parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters {
    pub(super) levels: Levels,
    /// Most users of the page.
    pub(super) limit: u16,
    /// The place after which the page begins; `None` = at the highest probability.
    pub(super) cursor: Option<PageCursor>,
}

impl Parameters {
    pub(super) fn from_request(request: &Request) -> Result<Self, Problem> {
        Self::parse(&single_values(request, &NAMES)?)
    }

    fn parse(values: &BTreeMap<String, String>) -> Result<Self, Problem> {
        let value = |name: &str| values.get(name).map(String::as_str);
        if let Some(sort) = value("sort").filter(|sort| *sort != "probability") {
            return Err(invalid(format!("sort is {sort:?}, expected probability")));
        }
        let levels = value("risk_level").map_or(Ok(Levels::at_risk()), levels)?;
        let limit = value("limit").map_or(Ok(DEFAULT_LIMIT), limit)?;
        let cursor = value("cursor").map(|text| PageCursor::parse(text, &levels).map_err(invalid)).transpose()?;
        Ok(Self { levels, limit, cursor })
    }
}

/// The parameters by name. Only `names` are known, each at most once.
pub(super) fn single_values(request: &Request, names: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let mut values = BTreeMap::new();
    for (name, value) in request.query_string_parameters_ref().into_iter().flat_map(|map| map.iter()) {
        if !names.contains(&name) {
            let expected = match names {
                [] => "expected no parameters".to_owned(),
                names => format!("expected one of: {}", names.join(", ")),
            };
            return Err(invalid(format!("unknown parameter {name:?}, {expected}")));
        }
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(invalid(format!("parameter {name} is repeated, expected it once")));
        }
    }
    Ok(values)
}

fn levels(text: &str) -> Result<Levels, Problem> {
    let levels: Option<Vec<Risk>> = text.split(',').map(Risk::parse).collect();
    levels.and_then(Levels::new).ok_or_else(|| {
        let known = Risk::ALL.map(Risk::as_str).join(", ");
        invalid(format!("risk_level is {text:?}, expected one or more of {known}, separated by commas"))
    })
}

fn limit(text: &str) -> Result<u16, Problem> {
    let limit = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let limit = limit.and_then(|text| text.parse().ok()).filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| invalid(format!("limit is {text:?}, expected 1 to {MAX_LIMIT}")))
}

fn invalid(detail: String) -> Problem {
    Problem::InvalidRequest(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The parameters of a request of an HTTP API.
    fn parsed(query: &str) -> Result<Parameters, String> {
        let event = json!({"version": "2.0", "rawPath": "/users", "rawQueryString": query, "requestContext": {
            "http": {"method": "GET", "path": "/users"}, "stage": "$default"}});
        from_event(&event)
    }

    fn from_event(event: &Value) -> Result<Parameters, String> {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        Parameters::from_request(&request).map_err(|problem| match problem {
            Problem::InvalidRequest(detail) => detail,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn parameters_have_defaults() {
        let at_risk = Parameters { levels: Levels::at_risk(), limit: 50, cursor: None };
        for query in ["", "sort=probability", "risk_level=high,critical", "limit=050&risk_level=critical%2Chigh,high"] {
            assert_eq!(parsed(query), Ok(at_risk.clone()), "{query}");
        }
        let low = parsed("risk_level=low&limit=1000").unwrap();
        assert_eq!((low.levels, low.limit), (Levels::new(vec![Risk::Low]).unwrap(), 1000));
        assert_eq!(parsed("limit=1").unwrap().limit, 1);
    }

    #[test]
    fn invalid_parameters_are_named() {
        let level = |value: &str| {
            format!("risk_level is {value:?}, expected one or more of low, medium, high, critical, separated by commas")
        };
        for (query, expected) in [
            ("limit=0", r#"limit is "0", expected 1 to 1000"#.to_owned()),
            ("limit=1001", r#"limit is "1001", expected 1 to 1000"#.to_owned()),
            ("limit=-1", r#"limit is "-1", expected 1 to 1000"#.to_owned()),
            ("limit=%2B5", r#"limit is "+5", expected 1 to 1000"#.to_owned()),
            ("limit=", r#"limit is "", expected 1 to 1000"#.to_owned()),
            ("limit=1e2", r#"limit is "1e2", expected 1 to 1000"#.to_owned()),
            ("limit=99999999999999999999", r#"limit is "99999999999999999999", expected 1 to 1000"#.to_owned()),
            ("risk_level=", level("")),
            ("risk_level=HIGH", level("HIGH")),
            ("risk_level=high,", level("high,")),
            ("risk_level=high,%20critical", level("high, critical")),
            ("risk_level=all", level("all")),
            ("sort=name", r#"sort is "name", expected probability"#.to_owned()),
            ("sort=", r#"sort is "", expected probability"#.to_owned()),
            ("level=high", r#"unknown parameter "level", expected one of: risk_level, limit, cursor, sort"#.to_owned()),
            ("Limit=5", r#"unknown parameter "Limit", expected one of: risk_level, limit, cursor, sort"#.to_owned()),
            ("limit=5&limit=5", "parameter limit is repeated, expected it once".to_owned()),
            ("risk_level=high&risk_level=critical", "parameter risk_level is repeated, expected it once".to_owned()),
        ] {
            assert_eq!(parsed(query), Err(expected), "{query}");
        }
    }

    #[test]
    fn every_service_delivers_parameters_and_repetitions() {
        let rest = |parameters: Value| {
            json!({"resource": "/users", "path": "/users", "httpMethod": "GET", "headers": {},
                "multiValueQueryStringParameters": parameters, "requestContext": {"resourceId": "r",
                "resourcePath": "/users", "httpMethod": "GET", "stage": "prod"}})
        };
        let balancer = |parameters: Value| {
            json!({"requestContext": {"elb": {}}, "httpMethod": "GET", "path": "/users", "multiValueHeaders": {},
                "multiValueQueryStringParameters": parameters})
        };
        let lattice = |parameters: Value| {
            json!({"version": "2.0", "path": "/users", "method": "GET", "headers": {},
                "queryStringParameters": parameters, "requestContext": {"serviceNetworkArn": "n", "serviceArn": "s",
                "targetGroupArn": "t", "region": "r", "timeEpoch": "1"}})
        };
        for event in [rest, balancer, lattice].map(|event| event as fn(Value) -> Value) {
            let read = from_event(&event(json!({"limit": ["7"], "risk_level": ["critical,high"]}))).unwrap();
            assert_eq!((read.limit, read.levels), (7, Levels::at_risk()));
            let repeated = from_event(&event(json!({"limit": ["7", "8"]})));
            assert_eq!(repeated, Err("parameter limit is repeated, expected it once".to_owned()));
        }
        let encoded = json!({"requestContext": {"elb": {}}, "httpMethod": "GET", "path": "/users", "headers": {},
            "queryStringParameters": {"risk_level": "critical%2Chigh"}});
        assert_eq!(from_event(&encoded).unwrap().levels, Levels::at_risk());
    }
}
