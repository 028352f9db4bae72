//! Where alerts go: an EventBridge bus and an SNS topic.

use super::settings::AlertSettings;
use aws_config::SdkConfig;
use churn_common::aws::{Message, Sns};
use churn_common::event_bus::{EventBus, EventSettings};
use churn_common::language::Language;
use churn_common::store::StoreError;

/// The targets; none by default.
#[derive(Debug, Clone)]
pub struct AlertTargets {
    pub bus: Option<EventBus>,
    pub topic: Option<Topic>,
    /// Language of the texts.
    pub language: Language,
}

impl AlertTargets {
    pub const NONE: Self = Self { bus: None, topic: None, language: Language::English };

    pub fn connect(config: &SdkConfig, bus: &EventSettings, settings: &AlertSettings) -> Self {
        let topic = settings.topic().map(|arn| Topic { client: Sns::new(config), arn: arn.to_owned() });
        Self { bus: EventBus::connect(config, bus), topic, language: settings.alert_language.into() }
    }

    pub fn is_empty(&self) -> bool {
        self.bus.is_none() && self.topic.is_none()
    }
}

#[derive(Debug, Clone)]
pub struct Topic {
    client: Sns,
    arn: String,
}

impl Topic {
    /// Publishes a message and returns its id.
    pub(super) async fn publish(&self, message: &Message) -> Result<String, StoreError> {
        self.client.publish(&self.arn, message).await
    }
}
