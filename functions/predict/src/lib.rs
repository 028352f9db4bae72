//! The function `predict`: returns churn probabilities with reasons, lists users at risk, describes the model in service and
//! erases users.

mod body;
mod champion;
mod erase;
mod error;
mod health;
mod language;
mod metrics;
pub mod openapi;
mod other_event;
mod payload;
mod prediction;
mod problem;
mod request;
mod route;
mod settings;
mod users;

pub use champion::{ChampionCache, Serving};
pub use error::PredictError;
pub use metrics::Metric;
pub use prediction::{AsOfSource, Evidence, Prediction};
pub use problem::ProblemType;
pub use settings::PredictSettings;

use churn_common::actions::Actions;
use churn_common::calendar::Timestamp;
use churn_common::language::Language;
use churn_common::model::Card;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_common::telemetry::{in_invocation, init_log};
use lambda_http::http::{HeaderValue, Method, StatusCode, header};
use lambda_http::lambda_runtime::layers::TracingLayer;
use lambda_http::lambda_runtime::{LambdaEvent, LambdaInvocation, Runtime};
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::tower::ServiceExt;
use lambda_http::tower::util::MapRequestLayer;
use lambda_http::tracing;
use lambda_http::{Adapter, Body, Error, Request, RequestExt, Response, service_fn};
use payload::{put_body, take_body};
use prediction::ResponseOptions;
use problem::Problem;
use route::Route;
use serde::Serialize;
use std::cell::Cell;

/// The program: serves invocations until the Runtime API ends.
///
/// # Errors
/// The function cannot start, or has lost the Runtime API.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), lambda_http::Error> {
    init_log("predict")?;
    Handler::from_env().await?.serve().await
}

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

    /// Answers requests until the Runtime API ends.
    async fn serve(&self) -> Result<(), Error> {
        // The body of the invocation in progress: the runtime handles one at a time.
        let body = Cell::new(None);
        let requests = Adapter::from(service_fn(|request| self.handle(request)));
        let events = requests.map_request(|event: LambdaEvent<LambdaRequest>| {
            let LambdaEvent { payload, context, .. } = event;
            LambdaEvent::new(put_body(payload, body.take()), context)
        });
        let invocations = MapRequestLayer::new(|mut invocation: LambdaInvocation| {
            body.set(take_body(&mut invocation.body));
            invocation
        });
        Runtime::new(events).layer(invocations).layer(TracingLayer::new()).run().await
    }

    /// Answers one request at the current time.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn handle(&self, request: Request) -> Result<Response<Body>, PredictError> {
        let request_id = request.lambda_context_ref().map_or("", |context| context.request_id.as_str());
        let (stores, champion) = (&self.stores, &self.champion);
        let work = handle(&request, stores, champion, &self.settings, &self.actions, Timestamp::now());
        in_invocation("predict", request_id, work).await
    }
}

/// Answers one request. A failed request gets a response of the type problem+json.
///
/// # Errors
/// The payload of the invocation is no HTTP request, or the response cannot be built.
pub async fn handle(
    request: &Request,
    stores: &Stores,
    champion: &ChampionCache,
    settings: &PredictSettings,
    actions: &Actions,
    now: Timestamp,
) -> Result<Response<Body>, PredictError> {
    if let Some(RequestContext::PassThrough) = request.request_context_ref() {
        return Ok(respond(StatusCode::OK, &other_event::answer(request.body())?)?);
    }
    let route = match Route::from_request(request, settings.base_path.as_deref().unwrap_or_default()) {
        Ok(route) => route,
        Err(problem) => return Ok(for_method(request.method(), problem.respond()?)),
    };
    let language = language::negotiate(request.headers());
    let options = ResponseOptions { settings, actions, language };
    let response = match (&route, request.method()) {
        (Route::Predict, &Method::POST) => match predict(request, stores, champion, options, now).await {
            Ok(prediction) => negotiated(respond(StatusCode::OK, &prediction)?, language, "accept-language"),
            Err(problem) => problem.respond()?,
        },
        (Route::Users, &Method::GET | &Method::HEAD) => match users::list(request, stores, options).await {
            Ok(page) => negotiated(page.respond(request)?, language, "accept, accept-language"),
            Err(problem) => problem.respond()?,
        },
        (Route::User(id), &Method::GET | &Method::HEAD) => match users::user(id, request, stores, options).await {
            Ok(user) => negotiated(respond(StatusCode::OK, &user)?, language, "accept-language"),
            Err(problem) => problem.respond()?,
        },
        (Route::Health, &Method::GET | &Method::HEAD) => {
            let (status, body) = health::health(champion.serving().await);
            respond(status, &body)?
        }
        (Route::Model, &Method::GET | &Method::HEAD) => match card(stores, champion).await {
            Ok(card) => respond(StatusCode::OK, &card)?,
            Err(problem) => problem.respond()?,
        },
        (Route::OpenApi, &Method::GET | &Method::HEAD) => openapi::document()?,
        (Route::Docs, &Method::GET | &Method::HEAD) => openapi::page()?,
        (Route::User(id), &Method::DELETE) => match erase::erase(id, request, stores, now).await {
            Ok(erasure) => respond(StatusCode::OK, &erasure)?,
            Err(problem) => problem.respond()?,
        },
        (route, _) => Problem::MethodNotAllowed { allow: route.methods() }.respond()?,
    };
    Ok(for_method(request.method(), response))
}

/// The response without its body if the method is `HEAD`.
fn for_method(method: &Method, response: Response<Body>) -> Response<Body> {
    if method == Method::HEAD { response.map(|_| Body::Empty) } else { response }
}

/// The response with its language, and with the headers of the request that it depends on.
fn negotiated(mut response: Response<Body>, language: Language, vary: &'static str) -> Response<Body> {
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static(vary));
    response
}

async fn predict(
    request: &Request,
    stores: &Stores,
    champion: &ChampionCache,
    options: ResponseOptions<'_>,
    now: Timestamp,
) -> Result<Prediction, Problem> {
    let settings = options.settings;
    let body = body::text(request, settings.max_body_bytes)?;
    let request = request::parse(&body, settings, now)?;
    let serving = serving(champion).await?;
    prediction::predict(request, stores, &serving, options, now).await
}

async fn card(stores: &Stores, champion: &ChampionCache) -> Result<Card, Problem> {
    let Serving { model, .. } = serving(champion).await?;
    stores.models().card(&model.version).await.map_err(|e| Problem::store(&e))
}

async fn serving(champion: &ChampionCache) -> Result<Serving, Problem> {
    champion.serving().await.map_err(|e| Problem::store(&e))?.ok_or(Problem::ModelNotAvailable)
}

fn respond(status: StatusCode, body: &impl Serialize) -> Result<Response<Body>, Error> {
    let json = serde_json::to_string(body)?;
    Ok(Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(json.into())?)
}
