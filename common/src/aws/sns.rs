//! SNS's `Publish`, in the AWS query protocol: a form as request, XML as response.

use super::endpoint::Service;
use super::operation::AwsOperation;
use super::xml;
use crate::store::StoreError;
use aws_types::SdkConfig;
use form_urlencoded::Serializer;

const SERVICE: Service = Service { id: "SNS", name: "sns" };
/// Version of the API. It is the only one.
const API_VERSION: &str = "2010-03-31";

#[derive(Debug, Clone)]
pub struct Sns {
    publish: AwsOperation,
}

/// A message to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Less than 100 characters, without line breaks. The subject of an e-mail.
    pub subject: String,
    pub text: String,
}

impl Message {
    /// Largest message, in bytes. <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    pub const MAX_BYTES: usize = 256 << 10;
}

impl Sns {
    pub fn new(config: &SdkConfig) -> Self {
        let headers = &[("content-type", "application/x-www-form-urlencoded")];
        Self { publish: AwsOperation::new(config, SERVICE, "Publish", headers) }
    }

    /// Publishes a message to the topic with the ARN `topic`. Returns the id of the message.
    pub async fn publish(&self, topic: &str, message: &Message) -> Result<String, StoreError> {
        let form = Serializer::new(String::new())
            .append_pair("Action", "Publish")
            .append_pair("Version", API_VERSION)
            .append_pair("TopicArn", topic)
            .append_pair("Subject", &message.subject)
            .append_pair("Message", &message.text)
            .finish();
        let body = self.publish.call(topic, "/".into(), form).await?;
        let id = xml::text_at(&body, &["PublishResponse", "PublishResult", "MessageId"]);
        id.ok_or_else(|| StoreError::corrupt("Publish", topic, "the response has no MessageId"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::FakeHttp;
    use crate::store::StoreErrorKind;
    use std::collections::BTreeMap;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:churn";

    async fn publish(http: &FakeHttp) -> Result<String, StoreError> {
        let message = Message { subject: "2 users".into(), text: "30 & 31: 50 %\nمرتفع".into() };
        Sns::new(&http.config()).publish(TOPIC, &message).await
    }

    #[tokio::test]
    async fn message_is_a_form() {
        let response = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
            <MessageId>567910cd</MessageId></PublishResult></PublishResponse>";
        let http = FakeHttp::new([(200, response.into())]);
        assert_eq!(publish(&http).await, Ok("567910cd".into()));
        let [request] = &http.requests()[..] else { panic!() };
        assert_eq!(request.uri(), "https://sns.eu-west-1.amazonaws.com/");
        assert_eq!(request.headers().get("content-type"), Some("application/x-www-form-urlencoded"));
        let body = request.body().bytes().unwrap();
        assert!(body.is_ascii());
        let form: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
        let expected = [("Action", "Publish"), ("Message", "30 & 31: 50 %\nمرتفع"), ("Subject", "2 users")]
            .into_iter()
            .chain([("TopicArn", TOPIC), ("Version", "2010-03-31")]);
        assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    }

    #[tokio::test]
    async fn response_without_an_id_is_an_error() {
        let error = publish(&FakeHttp::new([(200, "<PublishResponse/>".into())])).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
    }
}
