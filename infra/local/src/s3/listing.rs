//! One page of a listing of an ordered map: prefix, delimiter and continuation.

use std::collections::BTreeMap;
use std::ops::Bound;

#[derive(Debug, Default)]
pub struct Query<'a> {
    pub prefix: &'a str,
    /// Keys with this text after the prefix are grouped into common prefixes. Empty: no grouping.
    pub delimiter: &'a str,
    pub after: After,
    /// Largest number of keys and common prefixes together.
    pub max_keys: usize,
}

/// Start of a page.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum After {
    #[default]
    Start,
    /// After this key.
    Key(String),
    /// After all keys with this prefix.
    Prefix(String),
}

impl After {
    /// An opaque continuation token.
    pub fn token(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Key(key) => format!("k{}", hex::encode(key)),
            Self::Prefix(prefix) => format!("p{}", hex::encode(prefix)),
        }
    }

    /// Parses a continuation token; `None` if it is invalid.
    pub fn from_token(token: &str) -> Option<Self> {
        let (kind, digits) = token.split_at_checked(1)?;
        let text = String::from_utf8(hex::decode(digits).ok()?).ok()?;
        match kind {
            "k" => Some(Self::Key(text)),
            "p" => Some(Self::Prefix(text)),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub struct Page<'a, T> {
    /// Keys and values, in order.
    pub contents: Vec<(&'a str, &'a T)>,
    /// Common prefixes, in order, each ending in the delimiter.
    pub common_prefixes: Vec<String>,
    /// Start of the next page; `None` after the last one.
    pub next: Option<After>,
}

/// Lists one page of `objects`.
pub fn list<'a, T>(objects: &'a BTreeMap<String, T>, query: &Query<'_>) -> Page<'a, T> {
    let mut page = Page { contents: Vec::new(), common_prefixes: Vec::new(), next: None };
    let from = match &query.after {
        After::Key(key) if key.as_str() >= query.prefix => Bound::Excluded(key.as_str()),
        After::Prefix(prefix) if prefix.as_str() >= query.prefix => Bound::Included(prefix.as_str()),
        _ => Bound::Included(query.prefix),
    };
    let mut last = query.after.clone();
    for (key, object) in objects.range::<str, _>((from, Bound::Unbounded)) {
        let Some(rest) = key.strip_prefix(query.prefix) else { break };
        if matches!(&last, After::Prefix(done) if key.starts_with(done)) {
            continue;
        }
        if page.contents.len() + page.common_prefixes.len() == query.max_keys {
            page.next = (query.max_keys > 0).then_some(last);
            break;
        }
        match rest.find(query.delimiter).filter(|_| !query.delimiter.is_empty()) {
            Some(at) => {
                let common_prefix = &key[..query.prefix.len() + at + query.delimiter.len()];
                page.common_prefixes.push(common_prefix.to_owned());
                last = After::Prefix(common_prefix.to_owned());
            }
            None => {
                page.contents.push((key, object));
                last = After::Key(key.clone());
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(keys: &[&str], prefix: &str, delimiter: &str, max_keys: usize) -> Vec<Vec<String>> {
        let objects: BTreeMap<String, ()> = keys.iter().map(|key| (key.to_string(), ())).collect();
        let mut pages = Vec::new();
        let mut after = After::Start;
        loop {
            let page = list(&objects, &Query { prefix, delimiter, after, max_keys });
            let mut listed: Vec<String> = page.contents.iter().map(|(key, ())| key.to_string()).collect();
            listed.extend(page.common_prefixes);
            listed.sort();
            pages.push(listed);
            match page.next {
                Some(next) => after = After::from_token(&next.token()).unwrap(),
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_contain_all_keys_in_order() {
        let keys = ["a", "a/b", "a/c", "b", "b/é/x", "b/é/y", "c", "é"];
        assert_eq!(pages(&keys, "", "", 1000), [keys]);
        assert_eq!(pages(&keys, "", "", 3).concat(), keys);
        assert_eq!(pages(&keys, "", "/", 1000), [["a", "a/", "b", "b/", "c", "é"]]);
        assert_eq!(pages(&keys, "", "/", 1).concat(), ["a", "a/", "b", "b/", "c", "é"]);
        assert_eq!(pages(&keys, "b/", "/", 1000), [["b/é/"]]);
        assert_eq!(pages(&keys, "b/é/", "/", 1).concat(), ["b/é/x", "b/é/y"]);
        assert_eq!(pages(&keys, "x", "/", 1), [Vec::<String>::new()]);
    }

    #[test]
    fn full_last_page_has_no_next_page() {
        assert_eq!(pages(&["a", "b"], "", "", 2), [["a", "b"]]);
        assert_eq!(pages(&["a/1", "a/2"], "", "/", 1), [["a/"]]);
        assert_eq!(pages(&["a"], "", "", 0), [Vec::<String>::new()]);
    }

    #[test]
    fn invalid_tokens_are_rejected() {
        assert_eq!(After::from_token("nonsense"), None);
        assert_eq!(After::from_token(""), None);
        assert_eq!(After::from_token("kff"), None);
    }
}
