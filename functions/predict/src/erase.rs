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
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub(crate) struct Erasure {
    user_id: UserId,
    /// Events up to this time are erased. A log that is ingested later does not restore them.
    erased_at: Timestamp,
    /// Number of items deleted from the history table.
    deleted_items: u64,
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

/// Whether IAM authorized the request at the service that invokes the function. A route that is deployed without an authorizer
/// deletes nothing.
fn is_authorized(request: &Request) -> bool {
    let caller = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref()?.user_arn.as_ref())
        }
        Some(RequestContext::ApiGatewayV1(context)) => context.identity.user_arn.as_ref(),
        Some(RequestContext::VpcLattice(context)) => {
            let identity = context.identity.as_ref();
            let by_iam = identity.filter(|identity| identity.identity_type.as_deref() == Some("AWS_IAM"));
            by_iam.and_then(|identity| identity.principal.as_ref())
        }
        _ => None,
    };
    caller.is_some_and(|arn| !arn.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn only_iam_authorizes() {
        let http_api = |authorizer: Value| {
            json!({"version": "2.0", "rawPath": "/users/30", "requestContext": {"authorizer": authorizer,
                "http": {"method": "DELETE", "path": "/users/30"}, "stage": "$default"}})
        };
        let rest_api = |identity: Value| {
            json!({"path": "/users/30", "httpMethod": "DELETE", "resource": "/users/{id+}", "requestContext": {
                "httpMethod": "DELETE", "stage": "prod", "identity": identity}})
        };
        let lattice = |identity: Value| {
            json!({"version": "2.0", "path": "/users/30", "method": "DELETE", "requestContext": {"identity": identity,
                "serviceNetworkArn": "n", "serviceArn": "s", "targetGroupArn": "t", "region": "r", "timeEpoch": "1"}})
        };
        let arn = "arn:aws:iam::123456789012:user/privacy-desk";
        for (event, expected) in [
            (http_api(json!({"iam": {"userArn": arn}})), true),
            (http_api(json!({"iam": {"userArn": ""}, "jwt": {"claims": null}})), false),
            (http_api(json!({"lambda": {"iam": {"userArn": arn}}})), false),
            (http_api(Value::Null), false),
            (rest_api(json!({"userArn": arn})), true),
            (rest_api(json!({"userArn": null, "sourceIp": "203.0.113.17"})), false),
            (lattice(json!({"type": "AWS_IAM", "principal": arn})), true),
            (lattice(json!({"type": "AWS_IAM"})), false),
            (lattice(json!({"type": "NONE", "principal": arn})), false),
            (json!({"requestContext": {"elb": {}}, "httpMethod": "DELETE", "path": "/users/30"}), false),
        ] {
            let request = lambda_http::request::from_str(&event.to_string()).unwrap();
            assert!(!matches!(request.request_context_ref(), Some(RequestContext::PassThrough)), "{event}");
            assert_eq!(is_authorized(&request), expected, "{event}");
        }
    }
}
