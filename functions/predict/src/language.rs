//! Which language a client wants to be answered in: `Accept-Language` of RFC 9110, section 12.5.4.

use lambda_http::http::HeaderMap;
use lambda_http::http::header::ACCEPT_LANGUAGE;
use serde::{Deserialize, Serialize};

/// A language that answers come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// English, where nothing else is asked for.
    #[serde(rename = "en")]
    English,
    /// Arabic.
    #[serde(rename = "ar")]
    Arabic,
}

impl Language {
    /// The language tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Arabic => "ar",
        }
    }

    /// The language that the headers like best: by weight, then by what they name first. English where they accept
    /// neither, as an answer in the wrong language is better than none.
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<Range> = lines.flat_map(|line| line.split(',')).filter_map(Range::parse).collect();
        let [english, arabic] = [Self::English, Self::Arabic].map(|language| language.liking(&ranges));
        if arabic > english { Self::Arabic } else { Self::English }
    }

    /// The weight of the language among `ranges`, and how far to the front it stands; a larger pair is liked better. A
    /// range that names the language, whatever the region, outweighs `*`.
    fn liking(self, ranges: &[Range]) -> (u16, usize) {
        let likings = |name: &str| {
            let to_front = (1..=ranges.len()).rev();
            let named = ranges.iter().zip(to_front).filter(|(range, _)| range.language.eq_ignore_ascii_case(name));
            named.map(|(range, to_front)| (range.weight, to_front)).max()
        };
        match likings(self.tag()).or_else(|| likings("*")) {
            Some((0, _)) | None => (0, 0),
            Some(liking) => liking,
        }
    }
}

/// A language range, such as `ar-EG;q=0.8`.
#[derive(Debug)]
struct Range<'a> {
    /// The first part of the tag.
    language: &'a str,
    /// In thousandths, 0 to 1,000.
    weight: u16,
}

impl<'a> Range<'a> {
    /// `None` if it is malformed.
    fn parse(text: &'a str) -> Option<Self> {
        let (tag, parameter) = text.split_once(';').unwrap_or((text, "q=1"));
        let (name, value) = parameter.split_once('=')?;
        let weight = if name.trim().eq_ignore_ascii_case("q") { weight(value.trim())? } else { return None };
        let tag = tag.trim();
        Some(Self { language: tag.split('-').next().unwrap_or(tag), weight })
    }
}

/// `0` to `1` with three decimals at most.
fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::HeaderValue;

    #[test]
    fn the_language_liked_best_is_chosen() {
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
            // Malformed ranges count as not there.
            (&["ar;q=2, en;q=0.1"], English),
            (&["ar;q=0.1234, en;q=0.1"], English),
            (&["ar;level=1"], English),
            (&["ar;q=-1, fr"], English),
            (&["arabic"], English),
            (&[",,ar;q=1.000,"], Arabic),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_LANGUAGE, HeaderValue::from_static(line));
            }
            assert_eq!(Language::of(&headers), expected, "{lines:?}");
        }
    }
}
