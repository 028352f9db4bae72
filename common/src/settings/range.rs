//! The range of a setting. One value is used for the check, for error messages, and for the comparison with the docs.

use std::fmt;
use std::ops::{Bound, RangeBounds, RangeFrom, RangeInclusive};

/// The valid values of a setting. [`Display`](fmt::Display) formats it as `1 to 3,650`, `2 or more` or `above 0, at most 1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range<T> {
    lower: Bound<T>,
    upper: Bound<T>,
}

impl<T: PartialOrd> Range<T> {
    pub fn contains(&self, value: &T) -> bool {
        (self.lower.as_ref(), self.upper.as_ref()).contains(value)
    }
}

impl Range<f64> {
    /// Above `lower`, and finite.
    pub const fn above(lower: f64) -> Self {
        Self { lower: Bound::Excluded(lower), upper: Bound::Excluded(f64::INFINITY) }
    }

    /// `lower` or more, and finite.
    pub const fn at_least(lower: f64) -> Self {
        Self { lower: Bound::Included(lower), upper: Bound::Excluded(f64::INFINITY) }
    }

    /// Adds the inclusive upper bound `upper`.
    pub const fn up_to(self, upper: f64) -> Self {
        Self { lower: self.lower, upper: Bound::Included(upper) }
    }

    /// Adds the exclusive upper bound `upper`.
    pub const fn below(self, upper: f64) -> Self {
        Self { lower: self.lower, upper: Bound::Excluded(upper) }
    }
}

impl<T> From<RangeInclusive<T>> for Range<T> {
    fn from(range: RangeInclusive<T>) -> Self {
        let (lower, upper) = range.into_inner();
        Self { lower: Bound::Included(lower), upper: Bound::Included(upper) }
    }
}

impl<T> From<RangeFrom<T>> for Range<T> {
    fn from(range: RangeFrom<T>) -> Self {
        Self { lower: Bound::Included(range.start), upper: Bound::Unbounded }
    }
}

impl<T: fmt::Display> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = match &self.lower {
            Bound::Included(lower) => Some((false, grouped(lower))),
            Bound::Excluded(lower) => Some((true, grouped(lower))),
            Bound::Unbounded => None,
        };
        let upper = match &self.upper {
            Bound::Included(upper) => Some((false, grouped(upper))),
            Bound::Excluded(upper) => Some((true, grouped(upper))).filter(|(_, upper)| upper != "inf"),
            Bound::Unbounded => None,
        };
        match (lower, upper) {
            (None, None) => f.write_str("any number"),
            (Some((false, lower)), None) => write!(f, "{lower} or more"),
            (Some((true, lower)), None) => write!(f, "above {lower}"),
            (None, Some((false, upper))) => write!(f, "up to {upper}"),
            (None, Some((true, upper))) => write!(f, "below {upper}"),
            (Some((false, lower)), Some((false, upper))) => write!(f, "{lower} to {upper}"),
            (Some((true, lower)), Some((false, upper))) => write!(f, "above {lower}, at most {upper}"),
            (Some((false, lower)), Some((true, upper))) => write!(f, "{lower} to below {upper}"),
            (Some((true, lower)), Some((true, upper))) => write!(f, "above {lower} and below {upper}"),
        }
    }
}

/// A number with commas between groups of three digits. Dates stay as they are.
fn grouped(number: impl fmt::Display) -> String {
    let number = number.to_string();
    if number.parse::<f64>().is_err() {
        return number;
    }
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let mut text = String::new();
    for (at, character) in number.char_indices() {
        if at > 0 && at < digits && (digits - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(character);
    }
    text
}

/// A setting, its range, and its value if it is out of range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranged {
    pub name: &'static str,
    /// The range as messages and documentation contain it.
    pub range: String,
    /// The value if it is out of range.
    pub outside: Option<String>,
}

impl Ranged {
    /// A setting with one value.
    pub fn new<T: PartialOrd + fmt::Display>(name: &'static str, value: &T, range: impl Into<Range<T>>) -> Self {
        Self::each(name, std::slice::from_ref(value), range)
    }

    /// A setting with a list of values, each in `range`.
    pub fn each<T: PartialOrd + fmt::Display>(name: &'static str, values: &[T], range: impl Into<Range<T>>) -> Self {
        let range = range.into();
        let outside = values.iter().find(|value| !range.contains(value)).map(T::to_string);
        Self { name, range: range.to_string(), outside }
    }

    /// A setting with a value or null.
    pub fn optional<T: PartialOrd + fmt::Display>(
        name: &'static str,
        value: &Option<T>,
        range: impl Into<Range<T>>,
    ) -> Self {
        let ranged = Self::each(name, value.as_slice(), range);
        Self { range: format!("{}, or null", ranged.range), ..ranged }
    }

    /// A text setting whose number of characters is in `length`.
    pub fn text(name: &'static str, value: &str, length: impl Into<Range<usize>>) -> Self {
        let length = length.into();
        let outside = (!length.contains(&value.chars().count())).then(|| format!("{value:?}"));
        Self { name, range: format!("{length} characters"), outside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_prints_its_bounds() {
        let text = |range: Range<f64>| range.to_string();
        assert_eq!(text(Range::above(0.0)), "above 0");
        assert_eq!(text(Range::above(0.0).up_to(1.0)), "above 0, at most 1");
        assert_eq!(text(Range::above(0.0).below(1.0)), "above 0 and below 1");
        assert_eq!(text(Range::at_least(0.0)), "0 or more");
        assert_eq!(text((0.5..=1.0).into()), "0.5 to 1");
        assert_eq!(Range::from(1..=3650).to_string(), "1 to 3,650");
        assert_eq!(Range::from(1024..=1_073_741_824).to_string(), "1,024 to 1,073,741,824");
        assert_eq!(Range::from(100..).to_string(), "100 or more");
        assert_eq!(Range::from(1234.5..).to_string(), "1,234.5 or more");
    }

    #[test]
    fn range_contains_its_inclusive_bounds_only() {
        let share = Range::above(0.0).up_to(1.0);
        assert_eq!([0.0, 1e-9, 1.0, 1.1, f64::NAN].map(|x| share.contains(&x)), [false, true, true, false, false]);
        let open = Range::above(0.0).below(1.0);
        assert_eq!([0.0, 0.5, 1.0].map(|x| open.contains(&x)), [false, true, false]);
        let positive = Range::above(0.0);
        assert_eq!([f64::MIN_POSITIVE, f64::MAX, f64::INFINITY].map(|x| positive.contains(&x)), [true, true, false]);
        assert_eq!([1, 2, 9].map(|x| Range::from(2..).contains(&x)), [false, true, true]);
    }

    #[test]
    fn lists_options_and_texts_report_the_invalid_value() {
        let outside = |ranged: Ranged| ranged.outside;
        assert_eq!(outside(Ranged::each("x", &[1, 5, 9], 1..=5)), Some("9".to_owned()));
        assert_eq!(outside(Ranged::each::<u8>("x", &[], 1..=5)), None);
        assert_eq!(outside(Ranged::optional("x", &Some(0), 1..=5)), Some("0".to_owned()));
        assert_eq!(outside(Ranged::optional::<u8>("x", &None, 1..=5)), None);
        assert_eq!(Ranged::optional("x", &Some(0), 1..=5).range, "1 to 5, or null");
        assert_eq!(outside(Ranged::text("x", "ab", 3..=255)), Some("\"ab\"".to_owned()));
        assert_eq!(Ranged::text("x", "ab", 3..=255).range, "3 to 255 characters");
    }
}
