//! The function `predict`: returns churn probabilities with reasons, describes the model in service and erases users.

mod actions;
mod champion;
mod erase;
mod language;
mod metrics;
mod prediction;
mod problem;
mod reasons;
mod request;
mod settings;

pub use actions::{Actions, ActionsError};
pub use champion::{ChampionCache, LoadedModel, Serving};
pub use metrics::Metric;
pub use problem::ProblemType;
pub use settings::PredictSettings;

use churn_common::calendar::Timestamp;
use churn_common::model::Card;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::models::ModelError;
use churn_common::store::names::StoreNames;
use churn_common::telemetry::invocation_span;
use lambda_http::http::{HeaderValue, Method, StatusCode, header};
use lambda_http::tracing::{self, Instrument};
use lambda_http::{Body, Error, Request, RequestExt, Response};
use language::Language;
use prediction::{Prediction, ResponseOptions};
use problem::Problem;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The state that all requests share, built once during Lambda's init phase.
#[derive(Debug)]
pub struct Handler {
    stores: Stores,
    champion: ChampionCache,
    settings: PredictSettings,
    actions: Actions,
}

impl Handler {
    /// Reads the settings, connects to the stores and loads the champion. A champion that fails to load is not an error: the
    /// first request tries again.
    ///
    /// # Errors
    /// The settings or the actions file are invalid.
    pub async fn from_env() -> Result<Self, Error> {
        let settings = PredictSettings::from_env()?;
        let actions = Actions::load(settings.actions_file.as_deref())?;
        let stores = Stores::from_env(&StoreNames::from_env()?).await;
        let champion = ChampionCache::new(&stores, &settings);
        if let Err(error) = champion.current().await {
            tracing::error!(%error, "loading the champion failed during init; the first request tries again");
        }
        Ok(Self { stores, champion, settings, actions })
    }

    /// Answers one request at the current time.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn handle(&self, request: Request) -> Result<Response<Body>, Error> {
        let request_id = request.lambda_context_ref().map_or("", |context| context.request_id.as_str());
        let span = invocation_span(request_id);
        let (stores, champion) = (&self.stores, &self.champion);
        handle(&request, stores, champion, &self.settings, &self.actions, Timestamp::now()).instrument(span).await
    }
}

/// Answers one request. A failed request gets a response of the type problem+json.
///
/// # Errors
/// The response cannot be built.
pub async fn handle(
    request: &Request,
    stores: &Stores,
    champion: &ChampionCache,
    settings: &PredictSettings,
    actions: &Actions,
    now: Timestamp,
) -> Result<Response<Body>, Error> {
    if let Some(id) = erase::id_in_path(request) {
        return match *request.method() {
            Method::DELETE => match erase::erase(id, request, stores, now).await {
                Ok(erasure) => respond(StatusCode::OK, &erasure),
                Err(problem) => problem.respond(),
            },
            _ => Problem::MethodNotAllowed { allow: "DELETE" }.respond(),
        };
    }
    match (request.uri().path().trim_end_matches('/'), request.method()) {
        ("/predict", &Method::POST) => {
            let language = Language::negotiate(request.headers());
            match predict(request, stores, champion, ResponseOptions { settings, actions, language }, now).await {
                Ok(prediction) => {
                    let mut response = respond(StatusCode::OK, &prediction)?;
                    let tag = HeaderValue::from_static(language.tag());
                    response.headers_mut().insert(header::CONTENT_LANGUAGE, tag);
                    response.headers_mut().insert(header::VARY, HeaderValue::from_name(header::ACCEPT_LANGUAGE));
                    Ok(response)
                }
                Err(problem) => problem.respond(),
            }
        }
        ("/health", &Method::GET) => {
            let (status, body) = health(champion.serving().await);
            respond(status, &body)
        }
        ("/model", &Method::GET) => match card(stores, champion).await {
            Ok(card) => respond(StatusCode::OK, &card),
            Err(problem) => problem.respond(),
        },
        ("/predict", _) => Problem::MethodNotAllowed { allow: "POST" }.respond(),
        ("/health" | "/model", _) => Problem::MethodNotAllowed { allow: "GET" }.respond(),
        _ => Problem::NotFound(request.uri().path().to_owned()).respond(),
    }
}

/// Status and body of `GET /health`.
fn health(serving: Result<Option<Serving>, ModelError>) -> (StatusCode, Value) {
    let unavailable = |status| (StatusCode::SERVICE_UNAVAILABLE, json!({"status": status, "model_version": null}));
    match serving {
        Ok(Some(Serving { model, failed_champion: None })) => {
            (StatusCode::OK, json!({"status": "ok", "model_version": model.version}))
        }
        Ok(Some(Serving { model, failed_champion: Some(champion) })) => {
            let detail = format!("champion {champion} cannot be loaded; an earlier model serves");
            (StatusCode::OK, json!({"status": "degraded", "model_version": model.version, "detail": detail}))
        }
        Ok(None) => unavailable("model_not_available"),
        Err(error) => {
            tracing::error!(%error, "no model can serve");
            unavailable("service_unavailable")
        }
    }
}

async fn predict(
    request: &Request,
    stores: &Stores,
    champion: &ChampionCache,
    options: ResponseOptions<'_>,
    now: Timestamp,
) -> Result<Prediction, Problem> {
    let settings = options.settings;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    if !mime.eq_ignore_ascii_case("application/json") {
        return Err(Problem::UnsupportedMediaType(mime.to_owned()));
    }
    let body: &[u8] = match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    };
    if body.len() > settings.max_body_bytes {
        return Err(Problem::ContentTooLarge { limit: settings.max_body_bytes });
    }
    let request = request::parse(body, settings, now)?;
    let model = loaded(champion).await?;
    prediction::predict(request, stores, &model, options, now).await
}

async fn card(stores: &Stores, champion: &ChampionCache) -> Result<Card, Problem> {
    let model = loaded(champion).await?;
    stores.models().card(&model.version).await.map_err(|e| Problem::store(&e))
}

async fn loaded(champion: &ChampionCache) -> Result<Arc<LoadedModel>, Problem> {
    champion.current().await.map_err(|e| Problem::store(&e))?.ok_or(Problem::ModelNotAvailable)
}

fn respond(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let json = serde_json::to_string(body)?;
    Ok(Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(json.into())?)
}
