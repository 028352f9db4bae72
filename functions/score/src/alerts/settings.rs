//! Settings of the delivery of alerts.

use churn_common::language::Language;
use churn_common::settings::{Ranged, Settings, SettingsError};
use serde::{Deserialize, Serialize};

/// These cannot be set in the payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSettings {
    /// ARN of the SNS topic for digests; null or empty = no digests.
    pub alert_topic: Option<String>,
    /// Language of the texts in events and digests.
    pub alert_language: AlertLanguage,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertLanguage {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "ar")]
    Arabic,
}

impl From<AlertLanguage> for Language {
    fn from(language: AlertLanguage) -> Self {
        match language {
            AlertLanguage::English => Self::English,
            AlertLanguage::Arabic => Self::Arabic,
        }
    }
}

impl AlertSettings {
    pub fn topic(&self) -> Option<&str> {
        self.alert_topic.as_deref().map(str::trim).filter(|arn| !arn.is_empty())
    }
}

impl Settings for AlertSettings {
    fn ranges(&self) -> Vec<Ranged> {
        Vec::new()
    }

    fn check(&self) -> Result<(), SettingsError> {
        let Some(arn) = self.topic() else { return Ok(()) };
        if is_standard_topic(arn) {
            return Ok(());
        }
        Err(SettingsError::OutOfRange {
            name: "alert_topic",
            value: arn.to_owned(),
            expected: "the ARN of a standard SNS topic, arn:<partition>:sns:<region>:<account>:<name>".into(),
        })
    }
}

/// A FIFO topic has no e-mail subscriptions, and its messages need a group.
fn is_standard_topic(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let [prefix, partition, service, region, account, name] = parts[..] else { return false };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    prefix == "arn"
        && service == "sns"
        && [partition, region, account, name].iter().all(|part| !part.is_empty())
        && name.chars().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_topic_is_the_arn_of_a_standard_topic() {
        let read = |value: &str| {
            let value = value.to_owned();
            AlertSettings::from_variables(|name| (name == "CHURN_ALERT_TOPIC").then(|| value.clone()))
        };
        for arn in ["arn:aws:sns:eu-west-1:123456789012:churn-alerts", "arn:aws-cn:sns:cn-north-1:123456789012:a_1"] {
            assert_eq!(read(arn).unwrap().topic(), Some(arn));
        }
        for none in ["", " "] {
            assert_eq!(read(none).unwrap().topic(), None);
        }
        for bad in ["churn-alerts", "arn:aws:sqs:eu-west-1:123456789012:a", "arn:aws:sns:eu-west-1:123456789012:a.fifo"]
        {
            let message = read(bad).unwrap_err().to_string();
            assert!(message.starts_with(&format!("setting alert_topic is {bad}, expected the ARN")), "{message}");
        }
    }

    #[test]
    fn alert_language_is_english_or_arabic() {
        let read = |value: &'static str| {
            AlertSettings::from_variables(|name| (name == "CHURN_ALERT_LANGUAGE").then(|| value.to_owned()))
        };
        assert_eq!(read("ar").unwrap().alert_language, AlertLanguage::Arabic);
        let message = read("fr").unwrap_err().to_string();
        assert!(message.starts_with("setting alert_language is \"fr\""), "{message}");
    }
}
