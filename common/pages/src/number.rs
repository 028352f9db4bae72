//! Number formats of pages.

use churn_common::metrics::Estimate;

/// An integer with thousands separators, such as `281,572`.
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

/// A number with this many decimals and thousands separators.
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

/// A metric with three decimals, or `undefined`.
pub fn score(value: Option<f64>) -> String {
    value.map_or("undefined".to_owned(), |x| grouped(x, 3))
}

/// An estimate with three decimals, such as `0.712 (95 %: 0.650 to 0.771)`.
pub fn estimate(estimate: &Estimate) -> String {
    estimate.text(|x| grouped(x, 3)).to_string()
}

/// An estimate in percent, such as `71.2 % (95 %: 65.0 % to 77.1 %)`.
pub fn estimate_percent(estimate: &Estimate) -> String {
    estimate.text(|x| percent(x, 1)).to_string()
}

/// An estimate with about three significant digits, such as `1,234 (95 %: 900 to 1,500)`.
pub fn estimate_short(estimate: &Estimate) -> String {
    estimate.text(short).to_string()
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
    }

    #[test]
    fn estimates_are_grouped_and_rounded() {
        let share = Estimate { value: Some(0.7), low: Some(0.65), high: Some(0.75) };
        assert_eq!(estimate(&share), "0.700 (95 %: 0.650 to 0.750)");
        assert_eq!(estimate_percent(&share), "70.0 % (95 %: 65.0 % to 75.0 %)");
        let cost = Estimate { value: Some(1234.0), low: Some(900.5), high: Some(1500.0) };
        assert_eq!(estimate_short(&cost), "1,234 (95 %: 900 to 1,500)");
        assert_eq!(estimate(&Estimate::UNDEFINED), "undefined");
    }
}
