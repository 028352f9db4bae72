//! One page of a listing: prefixes, delimiters and continuation over an ordered map.

use std::collections::BTreeMap;
use std::ops::Bound;

/// What to list.
#[derive(Debug, Default)]
pub struct Query<'a> {
    /// Only keys that begin with this.
    pub prefix: &'a str,
    /// Roll keys up to the first occurrence of this after the prefix; empty means no roll-up.
    pub delimiter: &'a str,
    /// Where to go on.
    pub after: After,
    /// At most so many keys and rolled-up prefixes.
    pub max_keys: usize,
}

/// Where a page starts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum After {
    /// At the beginning.
    #[default]
    Start,
    /// Behind this key.
    Key(String),
    /// Behind all keys that begin with this.
    Prefix(String),
}

impl After {
    /// As an opaque continuation token.
    pub fn token(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Key(key) => format!("k{}", hex::encode(key)),
            Self::Prefix(prefix) => format!("p{}", hex::encode(prefix)),
        }
    }

    /// From a continuation token; `None` if it isn't one of ours.
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

/// What was found.
#[derive(Debug)]
pub struct Page<'a, T> {
    /// Keys with what is stored under them, in order.
    pub contents: Vec<(&'a str, &'a T)>,
    /// Rolled-up prefixes, in order, each ending in the delimiter.
    pub prefixes: Vec<String>,
    /// Where the next page starts, if there is one.
    pub next: Option<After>,
}

/// Lists one page of `objects`.
pub fn list<'a, T>(objects: &'a BTreeMap<String, T>, query: &Query<'_>) -> Page<'a, T> {
    let mut page = Page { contents: Vec::new(), prefixes: Vec::new(), next: None };
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
        if page.contents.len() + page.prefixes.len() == query.max_keys {
            page.next = (query.max_keys > 0).then_some(last);
            break;
        }
        match rest.find(query.delimiter).filter(|_| !query.delimiter.is_empty()) {
            Some(at) => {
                let rolled_up = &key[..query.prefix.len() + at + query.delimiter.len()];
                page.prefixes.push(rolled_up.to_owned());
                last = After::Prefix(rolled_up.to_owned());
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
            let mut found: Vec<String> = page.contents.iter().map(|(key, ())| key.to_string()).collect();
            found.extend(page.prefixes);
            found.sort();
            pages.push(found);
            match page.next {
                Some(next) => after = After::from_token(&next.token()).unwrap(),
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_are_the_whole_in_order() {
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
    fn a_full_last_page_has_no_next() {
        assert_eq!(pages(&["a", "b"], "", "", 2), [["a", "b"]]);
        assert_eq!(pages(&["a/1", "a/2"], "", "/", 1), [["a/"]]);
        assert_eq!(pages(&["a"], "", "", 0), [Vec::<String>::new()]);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        assert_eq!(After::from_token("nonsense"), None);
        assert_eq!(After::from_token(""), None);
        assert_eq!(After::from_token("kff"), None);
    }
}
