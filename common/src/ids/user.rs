//! User ids: the only parser of the ids that logs, requests and paths contain.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::fmt;

/// A user id from a log; never empty. Ids of up to 23 bytes need no heap memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UserId(#[cfg_attr(feature = "schemas", schemars(with = "String", length(min = 1)))] SmolStr);

/// The names of missing values that databases, pandas, R and JavaScript write as text, in lower case.
const MISSING: [&str; 13] =
    ["none", "null", "nan", "-nan", "nat", "<na>", "undefined", "na", "n/a", "#n/a", "nil", "(null)", "\\n"];
/// Longest name in [`MISSING`], in bytes.
const MISSING_BYTES: usize = 9;

impl UserId {
    /// Longest id, in bytes. DynamoDB allows partition keys of twice this length.
    pub const MAX_BYTES: usize = 1024;

    /// `None` for the values that logs contain for events before login: blank text, and the names of missing values such
    /// as `None`, `nan` or `null` in any case. Whole numbers in float notation become integers: `30.0` is user `30`.
    pub fn new(name: &str) -> Option<Self> {
        let name = name.trim();
        if name.is_empty() || is_missing(name) {
            return None;
        }
        Some(Self(without_float_notation(name).into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_missing(name: &str) -> bool {
    name.len() <= MISSING_BYTES && MISSING.iter().any(|missing| missing.eq_ignore_ascii_case(name))
}

/// The integer that `name` is in float notation, or `name`.
pub(super) fn without_float_notation(name: &str) -> Cow<'_, str> {
    // Float notation has a point or a sign before the exponent: hexadecimal ids such as `12e5` are no floats.
    let is_float = name.contains('.') || name.contains("e+");
    is_float.then(|| integer(name)).flatten().unwrap_or(Cow::Borrowed(name))
}

/// The digits of a number in JSON notation if it is whole, such as `30.0` or `1.2e+18`. Exact for numbers of any size up
/// to [`UserId::MAX_BYTES`] digits.
pub(crate) fn integer(number: &str) -> Option<Cow<'_, str>> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<usize>().ok()?),
        None => (number, 0),
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let decimals = decimals.trim_end_matches('0');
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(decimals) || decimals.len() > exponent {
        return None;
    }
    if exponent == 0 {
        return Some(number.split_once('.').map_or(number, |(whole, _)| whole).into());
    }
    let digits = format!("{whole}{decimals:0<exponent$}", exponent = exponent.min(UserId::MAX_BYTES));
    let digits = digits.trim_start_matches('0');
    (exponent <= UserId::MAX_BYTES)
        .then(|| if digits.is_empty() { "0".into() } else { format!("{sign}{digits}").into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_before_login_has_no_user() {
        for name in [
            "",
            "  ",
            "\t",
            "None",
            "none",
            "nan",
            "NaN",
            "NAN",
            "-nan",
            "null",
            "NULL",
            "Null",
            "undefined",
            "<NA>",
            "NaT",
            "N/A",
            "nil",
            "(null)",
            "\\N",
            " nan ",
        ] {
            assert_eq!(UserId::new(name), None, "{name:?}");
        }
        for name in ["0", "-1", "nanny", "nonesuch", "nullo", "Nat1", "\u{646}\u{648}\u{631}"] {
            assert_eq!(UserId::new(name).unwrap().as_str(), name);
        }
        assert!(MISSING.iter().all(|name| name.len() <= MISSING_BYTES));
    }

    #[test]
    fn whole_number_in_float_notation_is_the_integer() {
        for (name, user) in [
            (" 30 ", "30"),
            ("30.0", "30"),
            ("30.000", "30"),
            ("-7.0", "-7"),
            ("0.0", "0"),
            ("12345678901234567890123.0", "12345678901234567890123"),
            ("1.2345678901234568e+18", "1234567890123456800"),
            ("1e+16", "10000000000000000"),
        ] {
            assert_eq!(UserId::new(name).unwrap().as_str(), user);
        }
        for name in ["30.5", "12e5", "1.2.0", "30.0a", "a.0", "v1.0", "0030", "1.5e-3", "192.168.0.0", "-.0", "e+", "."]
        {
            assert_eq!(UserId::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn integer_is_exact() {
        for (number, expected) in [
            ("1e20", Some("100000000000000000000")),
            ("-1.5E1", Some("-15")),
            ("0e5", Some("0")),
            ("9007199254740993.0", Some("9007199254740993")),
            ("9007199254740993.5", None),
            ("1e-3", None),
            ("1e999999999999", None),
        ] {
            assert_eq!(integer(number).as_deref(), expected, "{number}");
        }
    }
}
