//! The payload of an invocation. Almost all of an HTTP request is its body, which is text within JSON. `lambda_http` reads it once
//! for each service that the request may be from, and once before. Here it is read once.

use lambda_http::request::LambdaRequest;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// The member of a request with the text.
const BODY: &str = "body";

/// A payload, parsed with the result of `lambda_http`.
#[derive(Debug)]
pub(crate) struct Payload(pub(crate) LambdaRequest);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (members, body) = match deserializer.deserialize_any(JsonVisitor { is_payload: true })? {
            Json::Payload { members, body } => (members, body),
            Json::Text(text) => return parse(&Value::from(text).to_string()),
            Json::Other(value) => return parse(&value.to_string()),
        };
        let Self(mut request) = parse(&members.object())?;
        if let Some(body) = body {
            match &mut request {
                LambdaRequest::ApiGatewayV1(event) => event.body = Some(body),
                LambdaRequest::ApiGatewayV2(event) => event.body = Some(body),
                LambdaRequest::Alb(event) => event.body = Some(body),
                LambdaRequest::VpcLatticeV2(event) => event.body = Some(body),
                // No HTTP request: the body is a member like any other.
                _ => return parse(&members.with(BODY, &Value::from(body).to_string()).object()),
            }
        }
        Ok(Self(request))
    }
}

fn parse<E: Error>(json: &str) -> Result<Payload, E> {
    serde_json::from_str(json).map(Payload).map_err(E::custom)
}

/// JSON of which texts are not read twice.
enum Json {
    Text(String),
    /// The members of an object, without the body if that is a text.
    Payload {
        members: Members,
        body: Option<String>,
    },
    Other(Value),
}

/// The JSON of members of an object, each with a comma in front.
#[derive(Default)]
struct Members(String);

impl Members {
    fn with(mut self, name: &str, json: &str) -> Self {
        for part in [",", &Value::from(name).to_string(), ":", json] {
            self.0.push_str(part);
        }
        self
    }

    fn object(&self) -> String {
        format!("{{{}}}", self.0.get(1..).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor { is_payload: false })
    }
}

struct JsonVisitor {
    is_payload: bool,
}

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        if !self.is_payload {
            return Value::deserialize(MapAccessDeserializer::new(map)).map(Json::Other);
        }
        let (mut members, mut body, mut is_first) = (Members::default(), None, true);
        while let Some(name) = map.next_key::<String>()? {
            if name != BODY {
                members = members.with(&name, map.next_value::<&RawValue>()?.get());
                continue;
            }
            let value = match map.next_value()? {
                Json::Text(text) if is_first => {
                    (body, is_first) = (Some(text), false);
                    continue;
                }
                Json::Text(text) => Value::from(text),
                Json::Other(value) => value,
                Json::Payload { .. } => return Err(A::Error::custom("a payload within a payload")),
            };
            // Several bodies are an error, which `lambda_http` finds. They stay in their order.
            if let Some(first) = body.take() {
                members = members.with(BODY, &Value::from(first).to_string());
            }
            members = members.with(BODY, &value.to_string());
            is_first = false;
        }
        Ok(Json::Payload { members, body })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Json, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(elements)).map(Json::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::{Body, Request};

    /// The request, which must be that of `lambda_http`.
    fn request(payload: &str) -> Request {
        let Payload(request) = serde_json::from_str(payload).unwrap();
        let expected: LambdaRequest = serde_json::from_str(payload).unwrap();
        match (&request, &expected) {
            (LambdaRequest::PassThrough(request), LambdaRequest::PassThrough(expected)) => {
                let value = |json: &str| serde_json::from_str::<Value>(json).unwrap();
                assert_eq!(value(request), value(expected), "{payload}");
            }
            _ => assert_eq!(format!("{request:?}"), format!("{expected:?}"), "{payload}"),
        }
        request.into()
    }

    #[test]
    fn requests_are_those_of_lambda_http() {
        let v2 =
            r#""version":"2.0","rawPath":"/predict","requestContext":{"http":{"method":"POST","path":"/predict"}}"#;
        let rest = r#""httpMethod":"POST","path":"/predict","requestContext":{"stage":"prod","httpMethod":"POST"}"#;
        let balancer = r#""httpMethod":"POST","path":"/predict","headers":{},"requestContext":{"elb":{}}"#;
        let lattice = r#""version":"2.0","method":"POST","path":"/predict","headers":{},
            "requestContext":{"serviceNetworkArn":"n","serviceArn":"s","targetGroupArn":"t","region":"r","timeEpoch":"1"}"#;
        let text = r#""{\"user_id\":\"\u0661\\n\"}""#;
        for event in [v2, rest, balancer, lattice] {
            let payload = format!(r#"{{"body":{text},{event}}}"#);
            let sent = request(&payload);
            assert_eq!(sent.body(), &Body::from("{\"user_id\":\"\u{661}\\n\"}"), "{payload}");
            assert_eq!(request(&format!(r#"{{"isBase64Encoded":true,{event},"body":"aGk="}}"#)).body().as_ref(), b"hi");
            for members in ["", r#","body":null"#, r#","body":"""#, r#","body":7"#, r#","body":{"a":1}"#] {
                request(&format!("{{{event}{members}}}"));
            }
            request(&format!(r#"{{"body":"a",{event},"body":"b"}}"#));
        }
    }

    #[test]
    fn other_payloads_are_passed_on() {
        let passed_on = |payload: &str| {
            let Payload(request) = serde_json::from_str(payload).unwrap();
            let request: Request = request.into();
            serde_json::from_slice::<Value>(request.body()).unwrap()
        };
        for payload in [
            r#"{"body":"text","Records":[{"eventSource":"aws:s3"}]}"#,
            r#"{"body":{"user_id":"30"}}"#,
            r#"{"events":[],"a":-1.5}"#,
            "{}",
            "[1,\"x\"]",
            "\"ping\"",
            "7",
            "-7",
            "true",
            "null",
        ] {
            assert_eq!(passed_on(payload), serde_json::from_str::<Value>(payload).unwrap(), "{payload}");
        }
        assert!(serde_json::from_str::<Payload>("{\"body\":").is_err());
    }
}
