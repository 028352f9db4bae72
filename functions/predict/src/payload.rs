//! The payload of an invocation. Almost all of an HTTP request is its body, which is text within JSON and usually JSON itself.
//! `lambda_http` reads it once for each service that the request may be from, and escape by escape. Here it is taken out of the
//! payload before, and read once.

use bytes::Bytes;
use churn_common::json_text::{end_of_string, unescape};
use lambda_http::request::LambdaRequest;

/// The body of a payload.
#[derive(Debug)]
pub(crate) struct TakenBody {
    /// The payload with the body.
    payload: Bytes,
    text: String,
}

/// Replaces the body of a payload with an empty one, and returns it. `None` if the payload has no body, or one that `lambda_http`
/// must read, such as a body that is no text.
pub(crate) fn take_body(payload: &mut Bytes) -> Option<TakenBody> {
    let start = body_start(payload)?;
    let (before, body) = payload.split_at_checked(start)?;
    let (text, after) = unescape(body)?;
    let without = [before, br#""""#, after].concat();
    Some(TakenBody { payload: std::mem::replace(payload, without.into()), text })
}

/// The request with the body that was taken out of its payload.
pub(crate) fn put_body(mut request: LambdaRequest, taken: Option<TakenBody>) -> LambdaRequest {
    let Some(TakenBody { payload, text }) = taken else { return request };
    match &mut request {
        LambdaRequest::ApiGatewayV1(event) => event.body = Some(text),
        LambdaRequest::ApiGatewayV2(event) => event.body = Some(text),
        LambdaRequest::Alb(event) => event.body = Some(text),
        LambdaRequest::VpcLatticeV2(event) => event.body = Some(text),
        // No HTTP request: the body is a member like any other.
        _ => return LambdaRequest::PassThrough(String::from_utf8_lossy(&payload).into_owned()),
    }
    request
}

/// The position of the text that is the value of the member `body`.
fn body_start(payload: &[u8]) -> Option<usize> {
    let (mut depth, mut rest) = (0_usize, payload);
    loop {
        let (byte, after) = rest.split_first()?;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let (text, after) = rest.split_at_checked(end_of_string(rest)?)?;
                let value = after.trim_ascii_start().strip_prefix(b":");
                rest = after;
                if let Some(value) = value.filter(|_| depth == 1 && text == br#""body""#) {
                    let value = value.trim_ascii_start();
                    return value.starts_with(b"\"").then(|| payload.len() - value.len());
                }
                continue;
            }
            _ => {}
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::{Body, Request};
    use serde_json::Value;

    /// As deployed.
    fn parse(payload: &str) -> serde_json::Result<LambdaRequest> {
        let mut bytes = Bytes::copy_from_slice(payload.as_bytes());
        let taken = take_body(&mut bytes);
        serde_json::from_slice(&bytes).map(|request| put_body(request, taken))
    }

    /// The request, which must be that of `lambda_http`.
    fn request(payload: &str) -> Request {
        let request = parse(payload).unwrap();
        let expected: LambdaRequest = serde_json::from_str(payload).unwrap();
        assert_eq!(format!("{request:?}"), format!("{expected:?}"), "{payload}");
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
            let request: Request = parse(payload).unwrap().into();
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
        for payload in [r#"{"body":"#, r#"{"body":"text}"#, r#"{"body":"\x"}"#, r#"{"body":"text""#, "}"] {
            assert!(parse(payload).is_err(), "{payload}");
        }
    }
}
