//! How numbers are written in pages.

use churn_common::metrics::Estimate;

/// A whole number in groups of three digits, such as `281,572`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number with so many decimals, its whole part in groups of three digits.
pub fn grouped(x: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", x.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), ""), |(whole, fraction)| (whole, fraction));
    let is_zero = text.chars().all(|c| c == '0' || c == '.');
    let sign = if x < 0.0 && !is_zero { "-" } else { "" };
    let whole = whole.parse().map_or(whole.to_owned(), count);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A share of 0..=1 in percent, such as `12.5 %`.
pub fn percent(share: f64, decimals: usize) -> String {
    format!("{} %", grouped(100.0 * share, decimals))
}

/// A number of any size with about three significant digits.
pub fn short(x: f64) -> String {
    let decimals = if x == 0.0 || x.fract() == 0.0 { 0.0 } else { (2.0 - x.abs().log10().floor()).clamp(0.0, 6.0) };
    grouped(x, decimals as usize)
}

/// The label of an axis tick: at most five decimals, without trailing zeros.
pub fn tick(x: f64) -> String {
    let text = grouped(x, 5);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A score with three decimals; `undefined` where it is.
pub fn score(value: Option<f64>) -> String {
    value.map_or("undefined".to_owned(), |x| grouped(x, 3))
}

/// A score and its interval, such as `0.712 (0.650 to 0.771)`. An interval of zero width is left out.
pub fn interval(estimate: &Estimate) -> String {
    with_interval(estimate, |x| grouped(x, 3))
}

/// The same in percent.
pub fn percent_interval(estimate: &Estimate) -> String {
    with_interval(estimate, |x| percent(x, 1))
}

/// The same with about three significant digits.
pub fn short_interval(estimate: &Estimate) -> String {
    with_interval(estimate, short)
}

fn with_interval(estimate: &Estimate, text: impl Fn(f64) -> String) -> String {
    match *estimate {
        Estimate { value: Some(value), low: Some(low), high: Some(high) } if low < high => {
            format!("{} ({} to {})", text(value), text(low), text(high))
        }
        Estimate { value: Some(value), .. } => text(value),
        _ => "undefined".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_rounded() {
        assert_eq!(
            [0, 12, 123, 1234, 281_572, 1_000_000].map(count),
            ["0", "12", "123", "1,234", "281,572", "1,000,000"]
        );
        assert_eq!([grouped(-1234.56, 1), grouped(-0.001, 2), grouped(0.5, 0)], ["-1,234.6", "0.00", "0"]);
        assert_eq!([percent(0.125, 1), percent(1.0, 0)], ["12.5 %", "100 %"]);
        assert_eq!([short(0.0), short(12.0), short(0.012_34), short(-3.456)], ["0", "12", "0.0123", "-3.46"]);
        assert_eq!(
            [tick(0.05), tick(-0.1), tick(200.0), tick(0.0), tick(1500.5)],
            ["0.05", "-0.1", "200", "0", "1,500.5"]
        );
        let whole = Estimate { value: Some(0.7), low: Some(0.65), high: Some(0.75) };
        assert_eq!(interval(&whole), "0.700 (0.650 to 0.750)");
        assert_eq!(percent_interval(&Estimate { low: None, ..whole }), "70.0 %");
        assert_eq!(interval(&Estimate { value: None, ..whole }), "undefined");
        assert_eq!(interval(&Estimate { value: Some(0.0), low: Some(0.0), high: Some(0.0) }), "0.000");
        assert_eq!(
            short_interval(&Estimate { value: Some(1234.0), low: Some(900.5), high: Some(1500.0) }),
            "1,234 (900 to 1,500)"
        );
    }
}
