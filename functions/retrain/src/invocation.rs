//! One invocation of the function.

use churn_common::calendar::Timestamp;
use churn_common::store::registry::ChangeRequest;
use churn_training::Deadline;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Lambda's request id, the same when the request is retried.
    pub id: String,
    /// When it started.
    pub now: Timestamp,
    pub deadline: Deadline,
}

impl Invocation {
    pub(crate) fn change_request(&self, actor: &str, reason: impl Into<String>) -> ChangeRequest {
        ChangeRequest { at: self.now, actor: actor.to_owned(), reason: reason.into(), request_id: self.id.clone() }
    }
}
