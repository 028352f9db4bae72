//! Settings: typed structs with defaults in code, overridden by `CHURN_*` variables or by a payload.
//!
//! This is the mechanism. Each function declares a struct of its own; all functions share
//! [`StoreNames`](crate::store::names::StoreNames).

mod range;

pub use range::{Range, Ranged};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A value has another type or spelling than the setting takes.
    #[error("setting {name}: cannot use {value}: {reason}")]
    Unreadable {
        /// Name of the setting.
        name: String,
        /// The value given.
        value: String,
        /// What was expected.
        reason: String,
    },
    /// A value is readable but not in range.
    #[error("setting {name} is {value}, expected {expected}")]
    OutOfRange {
        /// Name of the setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// The range.
        expected: String,
    },
    /// No setting has this name.
    #[error("no setting {name:?}, expected one of: {known}")]
    Unknown {
        /// The name given.
        name: String,
        /// The names of all settings.
        known: String,
    },
    /// A payload or the defaults are not a JSON object.
    #[error("expected a JSON object of settings: {0}")]
    NotSettings(String),
}

/// A struct of settings: every field is one setting, named as the field.
pub trait Settings: Serialize + DeserializeOwned + Default {
    /// Every setting that has a range.
    fn ranges(&self) -> Vec<Ranged>;

    /// Checks every range, and what is more than a range.
    ///
    /// # Errors
    /// Names the first setting that is out of range, its value and the range.
    fn check(&self) -> Result<(), SettingsError> {
        check_ranges(self.ranges())
    }

    /// The defaults, overridden by the environment variables `CHURN_<FIELD>`.
    fn from_env() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The defaults, overridden by the variables `CHURN_<FIELD>` that `variable` knows.
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let defaults = as_map(&Self::default())?;
        let given = defaults
            .iter()
            .filter_map(|(field, default)| {
                let text = variable(&format!("CHURN_{}", field.to_uppercase()))?;
                // JSON where it is JSON, but text where the setting takes it as text.
                let text_value = Value::String(text.clone());
                let json = || serde_json::from_str(&text).unwrap_or(Value::String(text.clone()));
                let value =
                    if (default.is_string() || default.is_null()) && takes::<Self>(&defaults, field, &text_value) {
                        text_value
                    } else {
                        json()
                    };
                Some((field.clone(), value))
            })
            .collect();
        Self::default().overridden(given)
    }

    /// These settings with some replaced; a name that is no setting is an error.
    fn overridden(&self, given: Map<String, Value>) -> Result<Self, SettingsError> {
        let mut fields = as_map(self)?;
        for (name, value) in given {
            if !fields.contains_key(&name) {
                let known = fields.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(SettingsError::Unknown { name, known });
            }
            let before = fields.insert(name.clone(), value.clone());
            // One at a time, so that the error names the setting.
            serde_json::from_value::<Self>(Value::Object(fields.clone())).map_err(|e| SettingsError::Unreadable {
                name,
                value: value.to_string(),
                reason: format!("{e}; the value before was {}", before.unwrap_or_default()),
            })?;
        }
        let settings: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|e| SettingsError::NotSettings(e.to_string()))?;
        settings.check()?;
        Ok(settings)
    }
}

fn takes<S: Settings>(fields: &Map<String, Value>, name: &str, value: &Value) -> bool {
    let mut fields = fields.clone();
    fields.insert(name.to_owned(), value.clone());
    serde_json::from_value::<S>(Value::Object(fields)).is_ok()
}

fn as_map(settings: &impl Serialize) -> Result<Map<String, Value>, SettingsError> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(SettingsError::NotSettings(other.to_string())),
        Err(e) => Err(SettingsError::NotSettings(e.to_string())),
    }
}

/// The settings in a payload: all of it, or the `detail` of an EventBridge event. Nothing stands for no overrides.
pub fn overrides(payload: Value) -> Result<Map<String, Value>, SettingsError> {
    match payload {
        Value::Null => Ok(Map::new()),
        Value::Object(mut event) if event.contains_key("detail-type") => {
            overrides(event.remove("detail").unwrap_or_default())
        }
        Value::Object(settings) => Ok(settings),
        other => Err(SettingsError::NotSettings(format!("the payload is {other}, it must be an object"))),
    }
}

/// The first setting that is out of range, as an error.
pub fn check_ranges(ranges: impl IntoIterator<Item = Ranged>) -> Result<(), SettingsError> {
    for Ranged { name, range, outside } in ranges {
        if let Some(value) = outside {
            return Err(SettingsError::OutOfRange { name, value, expected: range });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Example {
        days: u16,
        weight: Option<f64>,
        name: String,
    }

    impl Default for Example {
        fn default() -> Self {
            Self { days: 30, weight: None, name: "x".into() }
        }
    }

    impl Settings for Example {
        fn ranges(&self) -> Vec<Ranged> {
            vec![Ranged::new("days", &self.days, 1..=365)]
        }
    }

    fn read(variables: &[(&str, &str)]) -> Result<Example, SettingsError> {
        Example::from_variables(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn variables_replace_defaults() {
        assert_eq!(read(&[]), Ok(Example::default()));
        let given = read(&[("CHURN_DAYS", "7"), ("CHURN_WEIGHT", "2.5"), ("CHURN_NAME", "12")]).unwrap();
        assert_eq!(given, Example { days: 7, weight: Some(2.5), name: "12".into() });
    }

    #[test]
    fn errors_name_the_setting_and_the_value() {
        let text = |v| read(v).unwrap_err().to_string();
        assert!(text(&[("CHURN_DAYS", "soon")]).starts_with("setting days: cannot use \"soon\""));
        assert_eq!(text(&[("CHURN_DAYS", "0")]), "setting days is 0, expected 1 to 365");
        let typo = Example::default().overridden(Map::from_iter([("day".to_owned(), Value::from(3))]));
        assert_eq!(typo.unwrap_err().to_string(), "no setting \"day\", expected one of: days, name, weight");
    }
}
