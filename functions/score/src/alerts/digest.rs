//! The digest of a run: one message with the number of users who became at risk, and the riskiest of them.

use super::content::AlertContent;
use churn_common::aws::Message;
use churn_common::language::Language;
use churn_common::model::Risk;

/// Most users that a digest names.
const MAX_USERS: usize = 100;
/// Longest user id in a digest, in characters.
const MAX_ID: usize = 80;

/// Users at risk who are not alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAlerted {
    /// Over the daily cap, or left for another reason. A later run alerts them.
    pub waiting: u64,
    /// In the control group.
    pub control: u64,
}

/// The digest of `alerts`, riskiest first.
pub fn digest(alerts: &[AlertContent], not_alerted: NotAlerted, language: Language) -> Message {
    let phrases = Phrases(language);
    let mut text = phrases.counts(alerts, not_alerted);
    text.push('\n');
    let mut named = 0;
    for alert in alerts.iter().take(MAX_USERS) {
        let line = phrases.user(alert);
        // Room for the last line.
        if text.len() + line.len() > Message::MAX_BYTES - 1000 {
            break;
        }
        text.push_str(&line);
        named += 1;
    }
    if named < alerts.len() {
        text.push_str(&phrases.others(alerts.len() - named));
    }
    Message { subject: phrases.subject(alerts.len()), text }
}

/// The phrases in one language.
struct Phrases(Language);

impl Phrases {
    /// In ASCII in both languages: not every e-mail program shows other characters in the subject of SNS.
    fn subject(&self, users: usize) -> String {
        format!("Churn: {}", english_count(users, "user at risk", "users at risk"))
    }

    fn counts(&self, alerts: &[AlertContent], not_alerted: NotAlerted) -> String {
        let of_level = |level| alerts.iter().filter(|alert| alert.risk_level == level).count();
        // With hysteresis, a user may be at risk below the level high.
        let (users, critical, high) = (alerts.len(), of_level(Risk::Critical), of_level(Risk::High));
        let lower = users - critical - high;
        let NotAlerted { waiting, control } = not_alerted;
        match self.0 {
            Language::English => {
                let became = english_count(users, "user became at risk", "users became at risk");
                let lower = if lower > 0 { format!(", {lower} lower") } else { String::new() };
                let mut text = format!("{became}: {critical} critical, {high} high{lower}.\n");
                if waiting + control > 0 {
                    text += &format!("Not alerted: {waiting} until a later run, {control} in the control group.\n");
                }
                text
            }
            Language::Arabic => {
                let lower = if lower > 0 { format!("، أدنى: {lower}") } else { String::new() };
                let mut text =
                    format!("عدد من ارتفع خطر مغادرتهم: {users}، منهم حرج: {critical}، مرتفع: {high}{lower}.\n");
                if waiting + control > 0 {
                    text += &format!("بلا تنبيه: {waiting} إلى تشغيل لاحق، {control} في مجموعة المقارنة.\n");
                }
                text
            }
        }
    }

    fn user(&self, alert: &AlertContent) -> String {
        let (user, percent) = (printable(alert.user_id.as_str()), 100.0 * alert.churn_probability.get());
        let level = self.level(alert.risk_level);
        let reason = alert.reasons.first().map(|reason| format!(" {}", reason.text)).unwrap_or_default();
        format!("{user}: {percent:.1} %{} {level}.{reason}\n", self.comma())
    }

    fn others(&self, users: usize) -> String {
        match self.0 {
            Language::English => format!("And {}.\n", english_count(users, "other user", "other users")),
            Language::Arabic => format!("وعدد غيرهم: {users}.\n"),
        }
    }

    fn comma(&self) -> &'static str {
        match self.0 {
            Language::English => ",",
            Language::Arabic => "،",
        }
    }

    fn level(&self, level: Risk) -> &'static str {
        match (self.0, level) {
            (Language::English, Risk::Low) => "low",
            (Language::English, Risk::Medium) => "medium",
            (Language::English, Risk::High) => "high",
            (Language::English, Risk::Critical) => "critical",
            (Language::Arabic, Risk::Low) => "منخفض",
            (Language::Arabic, Risk::Medium) => "متوسط",
            (Language::Arabic, Risk::High) => "مرتفع",
            (Language::Arabic, Risk::Critical) => "حرج",
        }
    }
}

fn english_count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// A user id as part of a line. Ids of logs may contain any character.
fn printable(id: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    match id.char_indices().nth(MAX_ID) {
        None => id.chars().map(plain).collect(),
        Some(_) => id.chars().take(MAX_ID - 1).map(plain).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Day;
    use churn_common::model::{ModelVersion, Probability};
    use churn_common::pseudonym::StoredUser;
    use churn_common::reasons::Reason;
    use churn_common::risk::Group;

    fn alert(user: &str, probability: f64, risk_level: Risk, reason: &str) -> AlertContent {
        let day = Day::parse("2026-11-26").unwrap();
        AlertContent {
            alert_id: "9b1c".into(),
            user_id: StoredUser::from_stored(user).unwrap(),
            churn_probability: Probability::new(probability).unwrap(),
            previous_level: None,
            risk_level,
            reasons: vec![Reason {
                feature: "songs".into(),
                value: Some(3.0),
                unit: "songs".into(),
                contribution: 0.25,
                text: reason.into(),
            }],
            recommended_action: None,
            model_version: ModelVersion::from_file(b"model"),
            group: Group::Treatment,
            became_high_on: day,
            as_of: day,
        }
    }

    const ALL_ALERTED: NotAlerted = NotAlerted { waiting: 0, control: 0 };

    #[test]
    fn digest_has_counts_and_users_with_their_first_reason() {
        let alerts = [alert("30", 0.8125, Risk::Critical, "Few songs."), alert("a\nb", 0.3, Risk::High, "Adverts.")];
        let english = digest(&alerts, NotAlerted { waiting: 5, control: 2 }, Language::English);
        assert_eq!(english.subject, "Churn: 2 users at risk");
        let expected = "2 users became at risk: 1 critical, 1 high.\n\
            Not alerted: 5 until a later run, 2 in the control group.\n\n\
            30: 81.2 %, critical. Few songs.\na\u{fffd}b: 30.0 %, high. Adverts.\n";
        assert_eq!(english.text, expected);
        let one = digest(&alerts[..1], ALL_ALERTED, Language::English);
        assert_eq!(one.subject, "Churn: 1 user at risk");
        assert!(one.text.starts_with("1 user became at risk: 1 critical, 0 high.\n\n30: "), "{}", one.text);

        let lower = digest(&[alert("7", 0.17, Risk::Medium, "Few.")], ALL_ALERTED, Language::English).text;
        assert!(lower.starts_with("1 user became at risk: 0 critical, 0 high, 1 lower.\n"), "{lower}");

        let arabic = digest(&alerts, NotAlerted { waiting: 5, control: 2 }, Language::Arabic);
        assert!(arabic.subject.is_ascii());
        assert!(arabic.text.contains("30: 81.2 %، حرج. Few songs.\n"), "{}", arabic.text);
        let without_reasons = arabic.text.replace("Few songs", "").replace("Adverts", "");
        assert!(!without_reasons.contains("risk") && !without_reasons.contains("high"), "{without_reasons}");
    }

    #[test]
    fn digest_names_the_riskiest_users_within_the_limit_of_sns() {
        let id = |n: usize| format!("{n:04}{}", "م".repeat(500));
        let many: Vec<AlertContent> = (0..250).map(|n| alert(&id(n), 0.5, Risk::Critical, "Few.")).collect();
        let text = digest(&many, ALL_ALERTED, Language::English).text;
        assert!(text.contains("\n0099") && !text.contains("\n0100"), "{text}");
        assert!(text.ends_with("And 150 other users.\n"), "{text}");
        let long = "ش".repeat(10_000);
        let long: Vec<AlertContent> = (0..50).map(|n| alert(&id(n), 0.5, Risk::Critical, &long)).collect();
        let text = digest(&long, ALL_ALERTED, Language::English).text;
        assert!((200_000..=Message::MAX_BYTES).contains(&text.len()), "{}", text.len());
        let named = text.matches("50.0 %").count();
        assert!(text.ends_with(&format!("And {} other users.\n", 50 - named)), "{named}");
    }
}
