//! `predict`: answers `POST /predict` with a churn probability and the reasons for it, tells which model serves, and
//! forgets users.

mod actions;
mod answer;
mod champion;
mod forget;
mod language;
mod metrics;
mod problem;
mod reasons;
mod request;
mod settings;

pub use actions::{Actions, ActionsError, RecommendedAction};
pub use answer::{Answer, AsOfSource, Evidence, MOST_TOLD, RejectedEvent};
pub use champion::{Champion, Serving};
pub use forget::Forgotten;
pub use language::Language;
pub use problem::Problem;
pub use reasons::Reason;
pub use settings::PredictSettings;

use answer::Manner;
use churn_common::calendar::Timestamp;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use lambda_http::http::{HeaderValue, Method, StatusCode, header};
use lambda_http::{Body, Error, Request, Response, service_fn, tracing};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// Runs the function: connects and loads the champion during init, then answers requests.
pub async fn run() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let settings = PredictSettings::from_env()?;
    let actions = Actions::load(settings.actions_file.as_deref())?;
    let stores = Stores::from_env(&StoreNames::from_env()?).await;
    let champion = Champion::new(&stores, &settings);
    if let Err(error) = champion.current().await {
        tracing::error!(%error, "the champion could not be loaded during init; the first request tries again");
    }
    let service = (&stores, &champion, &settings, &actions);
    lambda_http::run(service_fn(move |request: Request| async move {
        let (stores, champion, settings, actions) = service;
        handle(&request, stores, champion, settings, actions, Timestamp::now()).await
    }))
    .await
}

/// Answers one request. Every failure is an answer too: problem+json.
pub async fn handle(
    request: &Request,
    stores: &Stores,
    champion: &Champion,
    settings: &PredictSettings,
    actions: &Actions,
    now: Timestamp,
) -> Result<Response<Body>, Error> {
    if let Some(id) = forget::id_in_path(request) {
        return match *request.method() {
            Method::DELETE => match forget::forget(id, request, stores, now).await {
                Ok(forgotten) => respond(StatusCode::OK, &forgotten),
                Err(problem) => problem.respond(),
            },
            _ => Problem::MethodNotAllowed { allow: "DELETE" }.respond(),
        };
    }
    match (request.uri().path().trim_end_matches('/'), request.method()) {
        ("/predict", &Method::POST) => {
            let language = Language::of(request.headers());
            match predict(request, stores, champion, &Manner { settings, actions, language }, now).await {
                Ok(answer) => {
                    let mut response = respond(StatusCode::OK, &answer)?;
                    let tag = HeaderValue::from_static(language.tag());
                    response.headers_mut().insert(header::CONTENT_LANGUAGE, tag);
                    response.headers_mut().insert(header::VARY, HeaderValue::from_name(header::ACCEPT_LANGUAGE));
                    Ok(response)
                }
                Err(problem) => problem.respond(),
            }
        }
        ("/health", &Method::GET) => match serving(champion).await {
            Ok(model) => respond(StatusCode::OK, &json!({"status": "ok", "model_version": model.version})),
            Err(problem) => {
                let status = if problem == Problem::NoModel { "no_model" } else { "unavailable" };
                respond(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": status, "model_version": null}))
            }
        },
        ("/model", &Method::GET) => match card(stores, champion).await {
            Ok(card) => respond(StatusCode::OK, &card),
            Err(problem) => problem.respond(),
        },
        ("/predict", _) => Problem::MethodNotAllowed { allow: "POST" }.respond(),
        ("/health" | "/model", _) => Problem::MethodNotAllowed { allow: "GET" }.respond(),
        _ => Problem::NoSuchPath(request.uri().path().to_owned()).respond(),
    }
}

async fn predict(
    request: &Request,
    stores: &Stores,
    champion: &Champion,
    manner: &Manner<'_>,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let settings = manner.settings;
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
        return Err(Problem::TooLarge { limit: settings.max_body_bytes });
    }
    let query = request::read(body, settings, now)?;
    let model = serving(champion).await?;
    answer::answer(query, stores, &model, manner, now).await
}

async fn card(stores: &Stores, champion: &Champion) -> Result<churn_common::model::Card, Problem> {
    let model = serving(champion).await?;
    stores.models().card(&model.version).await.map_err(|e| Problem::store(&e))
}

async fn serving(champion: &Champion) -> Result<Arc<Serving>, Problem> {
    champion.current().await.map_err(|e| Problem::store(&e))?.ok_or(Problem::NoModel)
}

fn respond(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let json = serde_json::to_string(body)?;
    Ok(Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(json.into())?)
}
