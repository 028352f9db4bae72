//! One invocation of the function.

use churn_common::calendar::Timestamp;
use churn_common::store::registry::Because;
use churn_training::Deadline;

/// One invocation of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The request id, the same for Lambda's retries of the request.
    pub id: String,
    /// When it began.
    pub now: Timestamp,
    pub deadline: Deadline,
}

impl Invocation {
    /// A change of the registry that this invocation requests.
    pub(crate) fn change_request(&self, actor: &str, reason: impl Into<String>) -> Because {
        Because { at: self.now, by: actor.to_owned(), why: reason.into(), request: self.id.clone() }
    }
}
