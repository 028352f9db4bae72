//! One invocation of the function.

use crate::deadline::Deadline;
use churn_common::calendar::Timestamp;

/// One invocation of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The id of the request, which Lambda's retries of it bear too.
    pub id: String,
    /// When it began.
    pub now: Timestamp,
    /// When it must be over.
    pub deadline: Deadline,
}
