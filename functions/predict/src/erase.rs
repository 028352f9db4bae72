//! Erasure of a user: `DELETE /users/{id}`.

use crate::problem::Problem;
use crate::request;
use churn_common::calendar::Timestamp;
use churn_common::ids::UserId;
use churn_common::store::Stores;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt, tracing};
use serde::Serialize;

/// Response body of `DELETE /users/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Erasure {
    user_id: UserId,
    /// Events up to this time are erased. A log that is ingested later does not restore them.
    erased_at: Timestamp,
    /// Number of items deleted from the history table.
    deleted_items: u64,
}

/// The id in the path `/users/{id}`: the rest of the path, including slashes. `None` for another path.
///
/// API Gateway has already decoded the path once. It is not decoded again, because an id may contain a percent sign.
pub(crate) fn id_in_path(request: &Request) -> Option<&str> {
    request.raw_http_path().strip_prefix("/users/")
}

/// Erases the user `id`. A repeated request runs all steps, and so completes an erasure that failed.
pub(crate) async fn erase(id: &str, request: &Request, stores: &Stores, now: Timestamp) -> Result<Erasure, Problem> {
    if !is_authorized(request) {
        return Err(Problem::Forbidden);
    }
    let user_id = request::user_id(id)?;
    // The erasure is recorded first, so that `ingest` does not write the deleted events again.
    let erased_at = stores.erasures.add(&user_id, now).await.map_err(|e| Problem::store(&e))?;
    let deleted_items = stores.histories.delete_user(&user_id).await.map_err(|e| Problem::store(&e))?;
    stores.risks.delete(&user_id).await.map_err(|e| Problem::store(&e))?;
    tracing::info!(deleted_items, "user erased");
    Ok(Erasure { user_id, erased_at, deleted_items })
}

/// Whether IAM authorized the request at the gateway. A route that is deployed without an authorizer deletes nothing.
fn is_authorized(request: &Request) -> bool {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref().is_some_and(|a| a.iam.is_some()),
        _ => false,
    }
}
