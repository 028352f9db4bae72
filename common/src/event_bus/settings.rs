//! The setting that names the bus.

use crate::settings::{Ranged, Settings, SettingsError};
use serde::{Deserialize, Serialize};

/// Maximum length of `EventBusName` in `PutEvents`, in characters.
const MAX_NAME: usize = 1600;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSettings {
    /// Name or ARN of the bus; null or empty = no events.
    pub event_bus: Option<String>,
}

impl EventSettings {
    pub fn bus(&self) -> Option<&str> {
        self.event_bus.as_deref().map(str::trim).filter(|name| !name.is_empty())
    }
}

impl Settings for EventSettings {
    fn ranges(&self) -> Vec<Ranged> {
        Vec::new()
    }

    fn check(&self) -> Result<(), SettingsError> {
        let Some(name) = self.bus() else { return Ok(()) };
        let is_valid = |c: char| c.is_ascii_alphanumeric() || "/.-_:".contains(c);
        if name.len() <= MAX_NAME && name.chars().all(is_valid) {
            return Ok(());
        }
        Err(SettingsError::OutOfRange {
            name: "event_bus",
            value: name.to_owned(),
            expected: "the name or ARN of an event bus: at most 1,600 letters, digits and /.-_:".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_bus_is_a_name_or_an_arn() {
        let read = |value: &str| EventSettings::from_variables(|_| Some(value.to_owned()));
        for bus in ["churn", "aws.partner/example.com/1", "arn:aws:events:eu-west-1:123456789012:event-bus/churn", "7"]
        {
            assert_eq!(read(bus).unwrap().bus(), Some(bus));
        }
        for none in ["", " "] {
            assert_eq!(read(none).unwrap().bus(), None);
        }
        assert_eq!(EventSettings::from_variables(|_| None).unwrap().bus(), None);
        for bad in ["two words", "https://events.example?x", &"x".repeat(MAX_NAME + 1)] {
            let message = read(bad).unwrap_err().to_string();
            assert!(message.starts_with(&format!("setting event_bus is {bad}, expected the name")), "{message}");
        }
    }
}
