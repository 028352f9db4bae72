//! The settings that all functions share: names of buckets and tables, and the key for pseudonyms.

use crate::pseudonym::UserIdKey;
use crate::settings::{Ranged, Settings};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreNames {
    /// S3 bucket that receives the logs.
    pub logs_bucket: String,
    /// S3 bucket for models, reports, snapshots and quarantine.
    pub store_bucket: String,
    /// DynamoDB table of session slices.
    pub history_table: String,
    /// DynamoDB table of ingested objects.
    pub ledger_table: String,
    /// DynamoDB table of users at risk.
    pub risk_table: String,
    /// DynamoDB table of erased users.
    pub erased_users_table: String,
    /// Secret key of at least 16 bytes. With a key, user ids are stored as pseudonyms; with null, unchanged.
    pub user_id_key: UserIdKey,
}

impl Default for StoreNames {
    fn default() -> Self {
        Self {
            logs_bucket: "churn-logs".into(),
            store_bucket: "churn-store".into(),
            history_table: "UserHistory".into(),
            ledger_table: "IngestLedger".into(),
            risk_table: "UserRisk".into(),
            erased_users_table: "ErasedUsers".into(),
            user_id_key: UserIdKey::default(),
        }
    }
}

impl Settings for StoreNames {
    fn ranges(&self) -> Vec<Ranged> {
        let buckets = [("logs_bucket", &self.logs_bucket), ("store_bucket", &self.store_bucket)];
        let buckets = buckets.map(|(setting, name)| Ranged::text(setting, name, 3..=63));
        let tables = [
            ("history_table", &self.history_table),
            ("ledger_table", &self.ledger_table),
            ("risk_table", &self.risk_table),
            ("erased_users_table", &self.erased_users_table),
        ];
        let tables = tables.map(|(setting, name)| Ranged::text(setting, name, 3..=255));
        buckets.into_iter().chain(tables).chain([self.user_id_key_range()]).collect()
    }
}

impl StoreNames {
    /// An error message contains the length of the key, never the key.
    fn user_id_key_range(&self) -> Ranged {
        let short = self.user_id_key.bytes().filter(|bytes| *bytes < UserIdKey::MIN_BYTES);
        Ranged {
            name: "user_id_key",
            range: format!("{} bytes or more, or null", UserIdKey::MIN_BYTES),
            outside: short.map(|bytes| format!("{bytes} bytes long")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_id_key_is_read_as_text_and_never_printed() {
        let read = |key: &str| StoreNames::from_variables(|name| (name == "CHURN_USER_ID_KEY").then(|| key.to_owned()));
        // Some of these are valid JSON. As JSON numbers, they would lose digits.
        for key in ["correct horse battery", "12345678901234567890", "0.1234567890123456789", "[\"sixteen bytes\"]"] {
            let names = read(key).unwrap();
            assert_eq!(names.user_id_key, UserIdKey::from(key));
            assert!(!format!("{names:?}{}", serde_json::to_string(&names).unwrap()).contains(key));
        }
        for short in ["", "null", "fifteen bytes!!"] {
            let message = read(short).unwrap_err().to_string();
            let expected = "expected 16 bytes or more, or null";
            assert_eq!(message, format!("setting user_id_key is {} bytes long, {expected}", short.len()));
        }
        assert!(!StoreNames::from_variables(|_| None).unwrap().user_id_key.is_set());
    }
}
