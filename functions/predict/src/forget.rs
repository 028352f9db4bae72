//! Forgetting a user: `DELETE /users/{id}`.

use crate::problem::Problem;
use crate::request;
use churn_common::calendar::Timestamp;
use churn_common::ids::UserId;
use churn_common::store::Stores;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, tracing};
use serde::Serialize;

/// The answer to `DELETE /users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// The user.
    pub user_id: UserId,
    /// The moment up to which everything told of the user is forgotten, also what is ingested later.
    pub forgotten_at: Timestamp,
    /// Items that were deleted from the table of histories.
    pub items_deleted: u64,
}

/// The id in the path `/users/{id}`: all that follows, slashes too. `None` for another path.
///
/// The path is the event's own: API Gateway has decoded it, once, and nothing is decoded again here, so that an id with a
/// percent sign is not taken for another.
pub fn id_in_path(request: &Request) -> Option<&str> {
    request.raw_http_path().strip_prefix("/users/")
}

/// Forgets the user named `id`. Everything is done again, and completed, when the same is asked again.
pub async fn forget(id: &str, request: &Request, stores: &Stores, now: Timestamp) -> Result<Forgotten, Problem> {
    if !is_authorised(request) {
        return Err(Problem::Forbidden);
    }
    let user_id = request::user_id(id)?;
    // The tombstone first: from then on nothing that is deleted can be ingested again.
    let forgotten_at = stores.forgotten.add(&user_id, now).await.map_err(|e| Problem::store(&e))?;
    let items_deleted = stores.histories.forget(&user_id).await.map_err(|e| Problem::store(&e))?;
    stores.risks.forget(&user_id).await.map_err(|e| Problem::store(&e))?;
    tracing::info!(items_deleted, "a user was forgotten");
    Ok(Forgotten { user_id, forgotten_at, items_deleted })
}

/// Whether the gateway has let IAM authorise the request. A route that was deployed without must not let everybody delete.
fn is_authorised(request: &Request) -> bool {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref().is_some_and(|a| a.iam.is_some()),
        _ => false,
    }
}
