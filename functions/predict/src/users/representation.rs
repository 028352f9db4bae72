//! The media type of a response of `GET /users`, negotiated with `Accept` (RFC 9110, section 12.5.1).

use lambda_http::http::HeaderMap;
use lambda_http::http::header::ACCEPT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Representation {
    /// The default, also if the header accepts neither.
    Json,
    Csv,
}

/// How a header accepts a media type. Ordered by preference.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Rank {
    quality: f32,
    /// 2 for the type itself, 1 for `text/*`, 0 for `*/*`.
    specificity: u8,
    /// Negative position in the header: the first range of equal rank is preferred.
    earliness: i32,
}

impl Representation {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    pub(super) fn negotiate(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let header = values.collect::<Vec<_>>().join(",").to_ascii_lowercase();
        let csv = rank(&header, "text", "csv").filter(|rank| rank.quality > 0.0);
        match csv > rank(&header, "application", "json") {
            true => Self::Csv,
            false => Self::Json,
        }
    }
}

/// The rank of a media type; `None` if no range matches it. The most specific range that matches it applies.
fn rank(header: &str, kind: &str, subtype: &str) -> Option<Rank> {
    let ranks = (0..).zip(header.split(',')).filter_map(|(position, range)| {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next()?.split_once('/')? {
            (k, s) if (k, s) == (kind, subtype) => 2,
            (k, "*") if k == kind => 1,
            ("*", "*") => 0,
            _ => return None,
        };
        let weight = parts.find_map(|parameter| parameter.strip_prefix("q=")).unwrap_or("1");
        let quality = weight.parse().ok().filter(|quality| (0.0..=1.0).contains(quality))?;
        Some(Rank { quality, specificity, earliness: -position })
    });
    ranks.max_by_key(|rank| (rank.specificity, rank.earliness))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::HeaderValue;

    #[test]
    fn media_type_with_the_highest_quality_is_chosen() {
        use Representation::{Csv, Json};
        for (lines, expected) in [
            (&[][..], Json),
            (&[""], Json),
            (&["*/*"], Json),
            (&["application/json"], Json),
            (&["text/csv"], Csv),
            (&["Text/CSV; header=present"], Csv),
            (&["text/*"], Csv),
            (&["text/csv, */*"], Csv),
            (&["*/*, text/csv"], Csv),
            (&["text/csv, application/json"], Csv),
            (&["application/json, text/csv"], Json),
            (&["application/json", "text/csv"], Json),
            (&["application/json;q=0.5, text/csv;q=0.6"], Csv),
            (&["application/json;q=0.6 , text/csv ; q=0.5"], Json),
            (&["text/csv;q=0"], Json),
            (&["text/csv;q=0, */*;q=0.1"], Json),
            (&["application/json;q=0, */*"], Csv),
            (&["text/csv;q=2"], Json),
            (&["text/csv;q=nan"], Json),
            (&["image/png"], Json),
            // A browser.
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Json),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT, HeaderValue::from_static(line));
            }
            assert_eq!(Representation::negotiate(&headers), expected, "{lines:?}");
        }
    }
}
