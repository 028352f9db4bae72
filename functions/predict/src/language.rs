//! The language of texts in a response, negotiated with `Accept-Language` (RFC 9110, section 12.5.4).

use churn_common::language::Language;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::ACCEPT_LANGUAGE;

/// The language with the higher quality value. If the values are equal, the first in the headers. English if the headers
/// accept neither language.
pub(crate) fn negotiate(headers: &HeaderMap) -> Language {
    let values = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let header = values.collect::<Vec<_>>().join(",").replace([' ', '\t'], "");
    let ranges: Vec<&str> = header.split(',').filter(|range| has_valid_weight(range)).collect();
    // Ordered by quality, highest first. Ranges of equal quality stay in the order of the header.
    let accepted = accept_language::parse_with_quality(&ranges.join(","));
    let rank = |language: Language| rank(language.tag(), &accepted).unwrap_or(usize::MAX);
    if rank(Language::Arabic) < rank(Language::English) { Language::Arabic } else { Language::English }
}

/// Position of the language in `accepted`, with any region. `*` matches a language that is not listed. `None` if the
/// language is not accepted.
fn rank(language: &str, accepted: &[(String, f32)]) -> Option<usize> {
    let find = |name: &str| {
        let is_named = |(tag, _): &(String, f32)| tag.split('-').next().is_some_and(|t| t.eq_ignore_ascii_case(name));
        accepted.iter().position(is_named)
    };
    let at = find(language).or_else(|| find("*"))?;
    accepted.get(at).is_some_and(|(_, quality)| *quality > 0.0).then_some(at)
}

/// Whether the weight of a language range is absent, or `q=0` to `q=1` with at most three decimals. Ranges with other
/// weights are ignored, because the parser would accept any parameter as a weight.
fn has_valid_weight(range: &str) -> bool {
    let Some((_, weight)) = range.split_once(';') else { return true };
    let Some(quality) = weight.strip_prefix(['q', 'Q']).and_then(|rest| rest.strip_prefix('=')) else { return false };
    quality.len() <= "0.000".len()
        && quality.starts_with(['0', '1'])
        && quality.parse::<f32>().is_ok_and(|quality| quality <= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::HeaderValue;

    #[test]
    fn language_with_the_highest_quality_is_chosen() {
        use Language::{Arabic, English};
        for (lines, expected) in [
            (&[][..], English),
            (&[""], English),
            (&["ar"], Arabic),
            (&["AR-eg"], Arabic),
            (&["fr"], English),
            (&["fr, ar;q=0.1"], Arabic),
            (&["ar, en"], Arabic),
            (&["en, ar"], English),
            (&["en;q=0.8, ar;q=0.9"], Arabic),
            (&["en;q=0.8,ar;q=0.79"], English),
            (&["en ; q=0.5 , ar-SA ; Q=0.501"], Arabic),
            (&["en;q=0.5", "ar"], Arabic),
            (&["*"], English),
            (&["en;q=0, *"], Arabic),
            (&["*;q=0.5, en;q=0.1"], Arabic),
            (&["ar;q=0"], English),
            (&["ar;q=0, *;q=0"], English),
            (&["ar-EG;q=0.2, en;q=0.5, ar;q=0.7"], Arabic),
            // Malformed ranges are ignored.
            (&["ar;q=2, en;q=0.1"], English),
            (&["ar;q=0.1234, en;q=0.1"], English),
            (&["ar;level=1"], English),
            (&["ar;q=-1, fr"], English),
            (&["arabic"], English),
            (&["ar;quality=1"], English),
            (&["ar;q=yes, *;q=0"], English),
            (&[",,ar;q=1.000,"], Arabic),
            (&["en\t;q=0.1,\tar\t;\tq=0.2"], Arabic),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_LANGUAGE, HeaderValue::from_static(line));
            }
            assert_eq!(negotiate(&headers), expected, "{lines:?}");
        }
    }
}
