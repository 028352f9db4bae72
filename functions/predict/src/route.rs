//! The route of a request: its path without what the deployment adds in front, such as the stage of an HTTP API, the base path
//! of a custom domain or the prefix of a load balancer's rule.

use crate::problem::Problem;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use percent_encoding::percent_decode_str;

const USERS: &str = "/users/";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Predict,
    Health,
    Model,
    Users,
    OpenApi,
    Docs,
    /// With the user id: the rest of the path, slashes included.
    User(String),
}

impl Route {
    /// The route of `request`. `base_path` is the prefix in the settings, if any.
    pub(crate) fn from_request(request: &Request, base_path: &str) -> Result<Self, Problem> {
        let target = Target::from_request(request);
        let stage = target.stage.unwrap_or_default();
        // The order of base path and stage differs between services.
        let [path, other] = [[base_path, stage], [stage, base_path]]
            .map(|prefixes| prefixes.iter().fold(target.path, |path, prefix| without(path, prefix).unwrap_or(path)));
        let candidates = [Some(path), Some(other), Some(target.path), target.parameter(request), target.end()];
        let mut routes = candidates.into_iter().flatten().map(|path| Self::parse(path, target.is_encoded));
        routes.find_map(|route| route).ok_or_else(|| not_found(target.path))
    }

    fn parse(path: &str, is_encoded: bool) -> Option<Self> {
        match path.strip_prefix(USERS) {
            Some("") => Some(Self::Users),
            Some(id) if is_encoded => Some(Self::User(decoded(id))),
            Some(id) => Some(Self::User(id.to_owned())),
            None => Self::named(&decoded(path.trim_matches('/'))),
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "predict" => Some(Self::Predict),
            "health" => Some(Self::Health),
            "model" => Some(Self::Model),
            "users" => Some(Self::Users),
            "openapi.json" => Some(Self::OpenApi),
            "docs" => Some(Self::Docs),
            _ => None,
        }
    }

    /// The methods of the route, as in the header `Allow`.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Self::Predict => "POST",
            Self::Health | Self::Model | Self::Users | Self::OpenApi | Self::Docs => "GET, HEAD",
            Self::User(_) => "GET, HEAD, DELETE",
        }
    }
}

/// The parts of a request that determine its route.
struct Target<'a> {
    path: &'a str,
    /// Whether the path is percent-encoded. An HTTP API has decoded it already. An id may contain a percent sign, so it must
    /// not be decoded twice.
    is_encoded: bool,
    stage: Option<&'a str>,
    /// Path of the route in API Gateway, such as `/users/{id+}` or `/{proxy+}`.
    template: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn from_request(request: &'a Request) -> Self {
        let path = request.raw_http_path();
        let is_default = |stage: &&str| *stage == "$default";
        match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                let is_function_url = context.domain_name.as_ref().is_some_and(|name| name.contains(".lambda-url."));
                let template = context.route_key.as_deref().and_then(|key| key.split_once(' '));
                Self {
                    path,
                    is_encoded: is_function_url,
                    stage: context.stage.as_deref().filter(|stage| !is_default(stage)),
                    template: template.map(|(_, path)| path),
                }
            }
            Some(RequestContext::ApiGatewayV1(context)) => {
                let stage = context.stage.as_deref();
                // Only a REST API has resources.
                let is_rest_api = context.resource_id.is_some() && !stage.as_ref().is_some_and(is_default);
                Self {
                    path,
                    is_encoded: is_rest_api,
                    stage: stage.filter(|stage| !is_default(stage)),
                    template: context.resource_path.as_deref(),
                }
            }
            Some(_) => Self { path, is_encoded: true, stage: None, template: None },
            None => Self { path: request.uri().path(), is_encoded: true, stage: None, template: None },
        }
    }

    /// The part of the path that matches the parameter of the template, with the slash before it. For `/users/{id+}`, the part
    /// that starts with `/users/`.
    fn parameter(&self, request: &Request) -> Option<&'a str> {
        let (before, name) = self.template?.split_once('{')?;
        if before.ends_with(USERS) {
            let start = self.path.find(before)? + before.len() - USERS.len();
            return self.path.get(start..);
        }
        let name = name.trim_end_matches(['}', '+']);
        let value = request.path_parameters_ref()?.first(name)?;
        let start = self.path.strip_suffix(value).filter(|start| start.ends_with('/'))?.len() - 1;
        self.path.get(start..)
    }

    /// The last segment of the path, if the path ends with the template, such as `/v1/predict`.
    fn end(&self) -> Option<&'a str> {
        let (path, template) = (self.path.trim_end_matches('/'), self.template?.trim_end_matches('/'));
        path.get(path.rfind('/')?..).filter(|_| path.ends_with(template))
    }
}

/// `path` without the segments of `prefix` in front.
fn without<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    prefix.split('/').filter(|segment| !segment.is_empty()).try_fold(path, |path, segment| {
        let path = path.strip_prefix('/')?;
        let (first, rest) = path.split_at_checked(path.find('/')?)?;
        (decoded(first) == segment).then_some(rest)
    })
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The error names the base path if the rest of the path is a route.
fn not_found(path: &str) -> Problem {
    let end = path.find(USERS).or_else(|| {
        let path = path.trim_end_matches('/');
        path.rfind('/').filter(|at| path.get(at + 1..).and_then(Route::named).is_some())
    });
    match end.and_then(|end| path.get(..end)).filter(|base| !base.is_empty()) {
        Some(base) => Problem::NotFound(format!("no route for {path}; if {base} is a base path, set CHURN_BASE_PATH")),
        None => Problem::NotFound(format!("no route for {path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn user(id: &str) -> Option<Route> {
        Some(Route::User(id.into()))
    }

    fn route_with(event: &Value, base_path: &str) -> Option<Route> {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        assert!(!matches!(request.request_context_ref(), Some(RequestContext::PassThrough)), "{event}");
        Route::from_request(&request, base_path).ok()
    }

    fn route(event: &Value) -> Option<Route> {
        route_with(event, "")
    }

    fn http_api(path: &str, stage: &str, route_key: &str) -> Value {
        json!({"version": "2.0", "routeKey": route_key, "rawPath": path, "requestContext": {
            "http": {"method": "GET", "path": path}, "routeKey": route_key, "stage": stage,
            "domainName": "a.execute-api.eu-central-1.amazonaws.com"}})
    }

    fn function_url(path: &str) -> Value {
        let mut event = http_api(path, "$default", "$default");
        event["requestContext"]["domainName"] = json!("a.lambda-url.eu-central-1.on.aws");
        event
    }

    fn rest_api(path: &str, resource: &str, parameters: Value) -> Value {
        json!({"resource": resource, "path": path, "httpMethod": "GET", "pathParameters": parameters,
            "requestContext": {"resourceId": "r", "resourcePath": resource, "httpMethod": "GET", "stage": "prod"}})
    }

    fn load_balancer(path: &str) -> Value {
        json!({"requestContext": {"elb": {}}, "httpMethod": "GET", "path": path, "headers": {}})
    }

    #[test]
    fn stage_of_an_http_api_is_no_part_of_the_route() {
        for (path, stage, key, expected) in [
            ("/predict", "$default", "$default", Some(Route::Predict)),
            ("/predict", "$default", "POST /predict", Some(Route::Predict)),
            ("/prod/predict", "prod", "POST /predict", Some(Route::Predict)),
            ("/prod/health/", "prod", "$default", Some(Route::Health)),
            ("/pr%6Fd/model", "prod", "$default", Some(Route::Model)),
            ("/prod//predict", "prod", "$default", Some(Route::Predict)),
            // A custom domain whose root is the stage.
            ("/predict", "prod", "$default", Some(Route::Predict)),
            ("/predict", "predict", "$default", Some(Route::Predict)),
            // A base path of a custom domain, and prefixes of routes.
            ("/churn/predict", "prod", "POST /predict", Some(Route::Predict)),
            ("/prod/v1/model", "prod", "ANY /v1/model", Some(Route::Model)),
            ("/users", "$default", "GET /users", Some(Route::Users)),
            ("/users/", "$default", "$default", Some(Route::Users)),
            ("/prod/users", "prod", "GET /users", Some(Route::Users)),
            ("/churn/users", "prod", "GET /users", Some(Route::Users)),
            ("/users/users", "$default", "GET /users/{id+}", user("users")),
            ("/users/users", "users", "GET /users", Some(Route::Users)),
            ("/prod/users/30", "prod", "DELETE /users/{id+}", user("30")),
            ("/prod/users/a/b", "prod", "GET /users/{id+}", user("a/b")),
            ("/prod/users/30", "prod", "$default", user("30")),
            ("/users/30", "users", "$default", user("30")),
            ("/users/a/users/b%41/", "$default", "$default", user("a/users/b%41/")),
            ("/prod/v1/users/a/b", "prod", "DELETE /v1/users/{id+}", user("a/b")),
            ("/users/prod/users/30", "$default", "DELETE /users/{id+}", user("prod/users/30")),
            ("/churn/users/30", "prod", "DELETE /users/{user}", user("30")),
            ("/dev/predict", "prod", "$default", None),
            ("/prod", "prod", "$default", None),
            ("/", "$default", "$default", None),
            ("", "$default", "$default", None),
            ("/predict/x", "$default", "$default", None),
            // The path decides, not the route key.
            ("/health", "$default", "POST /predict", Some(Route::Health)),
            ("/nowhere", "$default", "POST /predict", None),
            ("/churn/health", "$default", "POST /predict", None),
        ] {
            assert_eq!(route(&http_api(path, stage, key)), expected, "{path} {stage} {key}");
        }
        let mut proxy = http_api("/prod/v1/predict", "prod", "ANY /v1/{proxy+}");
        proxy["pathParameters"] = json!({"proxy": "predict"});
        assert_eq!(route(&proxy), Some(Route::Predict));
    }

    #[test]
    fn base_path_of_a_rest_api_is_no_part_of_the_route() {
        for (path, resource, parameters, expected) in [
            ("/predict", "/predict", Value::Null, Some(Route::Predict)),
            ("/churn/predict/", "/predict", Value::Null, Some(Route::Predict)),
            ("/churn/prod/v1/health", "/v1/health", Value::Null, Some(Route::Health)),
            ("/churn/users", "/users", Value::Null, Some(Route::Users)),
            ("/churn/users", "/{proxy+}", json!({"proxy": "users"}), Some(Route::Users)),
            ("/prod/model", "/{proxy+}", json!({"proxy": "model"}), Some(Route::Model)),
            ("/churn/model", "/{proxy+}", json!({"proxy": "model"}), Some(Route::Model)),
            ("/churn/users/a%2Fb", "/{proxy+}", json!({"proxy": "users/a%2Fb"}), user("a/b")),
            ("/churn/users/100%2541", "/users/{id}", json!({"id": "100%41"}), user("100%41")),
            ("/nowhere", "/{proxy+}", json!({"proxy": "nowhere"}), None),
        ] {
            assert_eq!(route(&rest_api(path, resource, parameters)), expected, "{path} {resource}");
        }
    }

    #[test]
    fn ids_are_decoded_once() {
        let id = "/users/100%2541+%D8%B9";
        assert_eq!(route(&load_balancer(id)), user("100%41+\u{639}"));
        assert_eq!(route(&function_url(id)), user("100%41+\u{639}"));
        assert_eq!(route(&http_api(id, "$default", "$default")), user("100%2541+%D8%B9"));
        // An HTTP API with payload 1.0 has no resources.
        let mut event = rest_api("/users/100%41", "$default", Value::Null);
        event["requestContext"]["resourceId"] = Value::Null;
        assert_eq!(route(&event), user("100%41"));
    }

    #[test]
    fn base_path_in_the_settings_is_no_part_of_the_route() {
        for base in ["churn", "/churn", "/churn/"] {
            assert_eq!(route_with(&load_balancer("/churn/predict"), base), Some(Route::Predict), "{base}");
        }
        assert_eq!(route_with(&load_balancer("/a/b/users/30"), "/a/b"), user("30"));
        assert_eq!(route_with(&load_balancer("/users/users/30"), "/users"), user("30"));
        assert_eq!(route_with(&load_balancer("/predict"), "/churn"), Some(Route::Predict));
        assert_eq!(route_with(&load_balancer("/churned/predict"), "/churn"), None);
        let event = http_api("/prod/churn/predict", "prod", "$default");
        assert_eq!(route_with(&event, "/churn"), Some(Route::Predict));
        let event = http_api("/churn/prod/predict", "prod", "$default");
        assert_eq!(route_with(&event, "/churn"), Some(Route::Predict));
    }

    #[test]
    fn unknown_base_path_is_named() {
        let detail = |path: &str| match not_found(path) {
            Problem::NotFound(detail) => detail,
            other => panic!("{other:?}"),
        };
        let expected = "no route for /api/v1/predict/; if /api/v1 is a base path, set CHURN_BASE_PATH";
        assert_eq!(detail("/api/v1/predict/"), expected);
        let expected = "no route for /api/users; if /api is a base path, set CHURN_BASE_PATH";
        assert_eq!(detail("/api/users"), expected);
        let expected = "no route for /api/users/30; if /api is a base path, set CHURN_BASE_PATH";
        assert_eq!(detail("/api/users/30"), expected);
        assert_eq!(detail("/nowhere"), "no route for /nowhere");
    }
}
