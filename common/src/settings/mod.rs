//! Settings: typed structs with defaults in code, which `CHURN_*` environment variables or a payload override.
//!
//! Each function declares its own struct. All functions share [`StoreNames`](crate::store::names::StoreNames).

mod range;

pub use range::{Range, Ranged};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A value has the wrong type or format.
    #[error("setting {name} is {value}: {reason}")]
    Unreadable { name: String, value: String, reason: String },
    /// A value has the right type but is out of range.
    #[error("setting {name} is {value}, expected {expected}")]
    OutOfRange { name: &'static str, value: String, expected: String },
    /// A payload contains an unknown name.
    #[error("unknown setting {name:?}, expected one of: {known}")]
    Unknown { name: String, known: String },
    /// A payload is not a JSON object.
    #[error("expected a JSON object of settings: {0}")]
    NotSettings(String),
}

/// A struct of settings. Every field is one setting with the name of the field.
pub trait Settings: Serialize + DeserializeOwned + Default {
    /// The range of every setting that has one.
    fn ranges(&self) -> Vec<Ranged>;

    /// Checks the ranges. Implementations may add further checks.
    ///
    /// # Errors
    /// Names the first setting that is out of range, with its value and its range.
    fn check(&self) -> Result<(), SettingsError> {
        check_ranges(self.ranges())
    }

    /// The defaults, overridden by the environment variables `CHURN_<FIELD>`.
    fn from_env() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The defaults, overridden by the variables `CHURN_<FIELD>` that `variable` returns.
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let defaults = as_map(&Self::default())?;
        let given = defaults
            .iter()
            .filter_map(|(field, default)| {
                let text = variable(&format!("CHURN_{}", field.to_uppercase()))?;
                // A setting that accepts text takes the variable as text, other settings as JSON.
                let text_value = Value::String(text.clone());
                let json = || serde_json::from_str(&text).unwrap_or(Value::String(text.clone()));
                let value =
                    if (default.is_string() || default.is_null()) && accepts::<Self>(&defaults, field, &text_value) {
                        text_value
                    } else {
                        json()
                    };
                Some((field.clone(), value))
            })
            .collect();
        Self::default().overridden(given)
    }

    /// These settings with some replaced. An unknown name is an error.
    fn overridden(&self, given: Map<String, Value>) -> Result<Self, SettingsError> {
        let mut fields = as_map(self)?;
        for (name, value) in given {
            if !fields.contains_key(&name) {
                let known = fields.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(SettingsError::Unknown { name, known });
            }
            let before = fields.insert(name.clone(), value.clone());
            // One by one, so that the error names the setting.
            serde_json::from_value::<Self>(Value::Object(fields.clone())).map_err(|e| SettingsError::Unreadable {
                name,
                value: value.to_string(),
                reason: format!("{e}; the previous value was {}", before.unwrap_or_default()),
            })?;
        }
        let settings: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|e| SettingsError::NotSettings(e.to_string()))?;
        settings.check()?;
        Ok(settings)
    }
}

fn accepts<S: Settings>(fields: &Map<String, Value>, name: &str, value: &Value) -> bool {
    let mut fields = fields.clone();
    fields.insert(name.to_owned(), value.clone());
    serde_json::from_value::<S>(Value::Object(fields)).is_ok()
}

fn as_map(settings: &impl Serialize) -> Result<Map<String, Value>, SettingsError> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(SettingsError::NotSettings(format!("got {other}"))),
        Err(e) => Err(SettingsError::NotSettings(e.to_string())),
    }
}

/// Fails for the first setting that is out of range.
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
    fn variables_override_defaults() {
        assert_eq!(read(&[]), Ok(Example::default()));
        let given = read(&[("CHURN_DAYS", "7"), ("CHURN_WEIGHT", "2.5"), ("CHURN_NAME", "12")]).unwrap();
        assert_eq!(given, Example { days: 7, weight: Some(2.5), name: "12".into() });
    }

    #[test]
    fn errors_name_the_setting_and_the_value() {
        let text = |v| read(v).unwrap_err().to_string();
        assert!(text(&[("CHURN_DAYS", "soon")]).starts_with("setting days is \"soon\": "));
        assert_eq!(text(&[("CHURN_DAYS", "0")]), "setting days is 0, expected 1 to 365");
        let typo = Example::default().overridden(Map::from_iter([("day".to_owned(), Value::from(3))]));
        assert_eq!(typo.unwrap_err().to_string(), "unknown setting \"day\", expected one of: days, name, weight");
    }
}
