//! The body of a request as JSON text: inflated, and without a byte order mark.

use crate::problem::Problem;
use churn_common::event::json_text;
use flate2::read::MultiGzDecoder;
use lambda_http::Request;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::borrow::Cow;
use std::io::Read;

const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

/// The JSON text in the body of `request`. The body has at most `limit` bytes, also after decompression.
pub(crate) fn text(request: &Request, limit: usize) -> Result<Cow<'_, str>, Problem> {
    check_media_type(request.headers())?;
    let sent: &[u8] = request.body();
    if sent.len() > limit {
        return Err(Problem::ContentTooLarge { what: "body", limit });
    }
    let encodings = encodings(request.headers());
    let encodings: Vec<&str> = encodings.iter().map(String::as_str).collect();
    match *encodings {
        _ if sent.is_empty() => Ok(Cow::Borrowed("")),
        [] if sent.starts_with(GZIP_MAGIC) => Err(invalid("the body is gzip, but the header Content-Encoding is not")),
        [] => decode(sent),
        ["gzip" | "x-gzip"] => {
            let inflated = inflate(sent, limit)?;
            if inflated.starts_with(GZIP_MAGIC) {
                return Err(invalid("the body is compressed twice"));
            }
            Ok(Cow::Owned(decode(&inflated)?.into_owned()))
        }
        _ => Err(Problem::UnsupportedContentEncoding(encodings.join(", "))),
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mime = value.split(';').next().unwrap_or_default().trim();
    match mime.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Problem::UnsupportedMediaType(mime.to_owned())),
    }
}

/// The content encodings in the order in which they were applied, in lower case. `identity` is none.
fn encodings(headers: &HeaderMap) -> Vec<String> {
    let values: Vec<_> =
        headers.get_all(CONTENT_ENCODING).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let names = values.iter().flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty() && name != "identity").collect()
}

fn inflate(gzip: &[u8], limit: usize) -> Result<Vec<u8>, Problem> {
    let mut inflated = Vec::new();
    // One byte more than the limit shows that there is more.
    let read = MultiGzDecoder::new(gzip).take(limit as u64 + 1).read_to_end(&mut inflated);
    read.map_err(|error| invalid(&format!("the body is not valid gzip: {error}")))?;
    match inflated.len() > limit {
        true => Err(Problem::ContentTooLarge { what: "decompressed body", limit }),
        false => Ok(inflated),
    }
}

fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    // JSON has no zero bytes. Other encodings of Unicode have some in the first characters.
    let has_other_mark = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if has_other_mark || bytes.iter().take(4).any(|byte| *byte == 0) {
        return Err(invalid("the body is UTF-16 or UTF-32, expected UTF-8"));
    }
    Ok(json_text(bytes.strip_prefix(UTF_8_MARK).unwrap_or(bytes)))
}

fn invalid(detail: &str) -> Problem {
    Problem::InvalidRequest(detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use lambda_http::Body;
    use lambda_http::http;
    use std::io::Write;

    const JSON: &str = r#"{"user_id":"30"}"#;
    const LIMIT: usize = 1000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn sent(encodings: &[&str], body: impl Into<Body>) -> Result<String, Problem> {
        let request = http::Request::post("/predict").header(CONTENT_TYPE, "Application/JSON; charset=utf-8");
        let request = encodings.iter().fold(request, |request, value| request.header(CONTENT_ENCODING, *value));
        text(&request.body(body.into()).unwrap(), LIMIT).map(Cow::into_owned)
    }

    #[test]
    fn gzip_body_is_inflated() {
        for encodings in
            [&["gzip"][..], &["GZIP"], &["x-gzip"], &["identity, gzip"], &["gzip", "identity"], &[" gzip ,"]]
        {
            assert_eq!(sent(encodings, gzip(JSON.as_bytes())), Ok(JSON.to_owned()), "{encodings:?}");
        }
        let members = [gzip(b"{\"user_id\":"), gzip(b"\"30\"}")].concat();
        assert_eq!(sent(&["gzip"], members), Ok(JSON.to_owned()));
        for encodings in [&[][..], &["identity"], &[""], &["Identity, identity"]] {
            assert_eq!(sent(encodings, JSON), Ok(JSON.to_owned()), "{encodings:?}");
        }
    }

    #[test]
    fn other_encodings_are_unsupported() {
        for encodings in ["br", "deflate", "zstd", "compress", "gzip, gzip", "gzip,br", "aws-chunked", "utf-8"] {
            let expected = encodings.replace(',', ", ").replace("  ", " ");
            assert_eq!(sent(&[encodings], JSON), Err(Problem::UnsupportedContentEncoding(expected)));
        }
        let two = Problem::UnsupportedContentEncoding("gzip, gzip".into());
        assert_eq!(sent(&["gzip", "gzip"], gzip(&gzip(JSON.as_bytes()))), Err(two));
    }

    #[test]
    fn decompressed_body_has_a_limit() {
        assert_eq!(sent(&["gzip"], gzip(&[b' '; LIMIT])).unwrap().len(), LIMIT);
        let too_large = |what| Err(Problem::ContentTooLarge { what, limit: LIMIT });
        assert_eq!(sent(&["gzip"], gzip(&[b' '; LIMIT + 1])), too_large("decompressed body"));
        assert_eq!(sent(&["gzip"], gzip(&vec![0; 100 * LIMIT])), too_large("decompressed body"));
        assert_eq!(sent(&["gzip"], vec![b'x'; LIMIT + 1]), too_large("body"));
        assert_eq!(sent(&[], vec![b' '; LIMIT + 1]), too_large("body"));
    }

    #[test]
    fn damaged_gzip_is_invalid() {
        let good = gzip(JSON.as_bytes());
        let mut wrong_sum = good.clone();
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        let lossy = String::from_utf8_lossy(&good).into_owned().into_bytes();
        let trailing = [&good[..], b"trailing"].concat();
        for body in [&good[..good.len() - 9], &good[..3], &wrong_sum, &lossy, &trailing, JSON.as_bytes()] {
            match sent(&["gzip"], body) {
                Err(Problem::InvalidRequest(detail)) => {
                    assert!(detail.starts_with("the body is not valid gzip: "), "{detail}");
                }
                other => panic!("{body:?}: {other:?}"),
            }
        }
        assert_eq!(sent(&["gzip"], gzip(&good)), Err(invalid("the body is compressed twice")));
        let without_header = invalid("the body is gzip, but the header Content-Encoding is not");
        assert_eq!(sent(&[], good), Err(without_header));
    }

    #[test]
    fn byte_order_mark_is_skipped() {
        let marked = [UTF_8_MARK, JSON.as_bytes()].concat();
        assert_eq!(sent(&[], marked.clone()), Ok(JSON.to_owned()));
        assert_eq!(sent(&[], format!("\u{feff}{JSON}")), Ok(JSON.to_owned()));
        assert_eq!(sent(&["gzip"], gzip(&marked)), Ok(JSON.to_owned()));
        let wide = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
            [mark, &JSON.encode_utf16().flat_map(unit).collect::<Vec<_>>()].concat()
        };
        for body in [
            wide(b"\xff\xfe", u16::to_le_bytes),
            wide(b"\xfe\xff", u16::to_be_bytes),
            wide(b"", u16::to_le_bytes),
            wide(b"", u16::to_be_bytes),
        ] {
            assert_eq!(sent(&[], body), Err(invalid("the body is UTF-16 or UTF-32, expected UTF-8")));
        }
    }

    #[test]
    fn text_is_read_as_in_logs() {
        assert_eq!(sent(&[], r#"{"length":NaN}"#), Ok(r#"{"length":null}"#.to_owned()));
        assert_eq!(sent(&[], &b"{\"song\":\"caf\xe9\"}"[..]), Ok("{\"song\":\"caf\u{fffd}\"}".to_owned()));
        assert_eq!(sent(&["gzip"], ""), Ok(String::new()));
    }

    #[test]
    fn body_must_be_json() {
        for (value, expected) in
            [("text/csv; header=present", "text/csv"), ("", ""), ("application/jsonl", "application/jsonl")]
        {
            let request = http::Request::post("/predict").header(CONTENT_TYPE, value).body(Body::from(JSON)).unwrap();
            assert_eq!(text(&request, LIMIT), Err(Problem::UnsupportedMediaType(expected.into())));
        }
    }
}
