//! Erasure of a user: `DELETE /users/{id}`.

use crate::problem::Problem;
use crate::request;
use churn_common::calendar::Timestamp;
use churn_common::ids::UserId;
use churn_common::store::Stores;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, tracing};
use serde::Serialize;

/// The body of the answer to `DELETE /users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Erasure {
    user_id: UserId,
    /// Everything before this moment is erased, also what is ingested later.
    forgotten_at: Timestamp,
    /// Items that were deleted from the history table.
    items_deleted: u64,
}

/// The id in the path `/users/{id}`: the whole rest of the path, slashes included. `None` for another path.
///
/// API Gateway has already decoded the path once. It is not decoded again, because an id may contain a percent sign.
pub(crate) fn id_in_path(request: &Request) -> Option<&str> {
    request.raw_http_path().strip_prefix("/users/")
}

/// Erases the user `id`. A repeated request runs every step again and so completes an erasure that failed midway.
pub(crate) async fn erase(id: &str, request: &Request, stores: &Stores, now: Timestamp) -> Result<Erasure, Problem> {
    if !is_authorised(request) {
        return Err(Problem::Forbidden);
    }
    let user_id = request::user_id(id)?;
    // The tombstone comes first: from then on ingest cannot write again what is deleted here.
    let forgotten_at = stores.forgotten.add(&user_id, now).await.map_err(|e| Problem::store(&e))?;
    let items_deleted = stores.histories.forget(&user_id).await.map_err(|e| Problem::store(&e))?;
    stores.risks.forget(&user_id).await.map_err(|e| Problem::store(&e))?;
    tracing::info!(items_deleted, "user erased");
    Ok(Erasure { user_id, forgotten_at, items_deleted })
}

/// Whether IAM has authorised the request at the gateway. If the route is deployed without an authorizer, nothing may be
/// deleted.
fn is_authorised(request: &Request) -> bool {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref().is_some_and(|a| a.iam.is_some()),
        _ => false,
    }
}
