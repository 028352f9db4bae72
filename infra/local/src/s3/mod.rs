//! An S3 server over a folder: the operations that this project and the AWS CLI use, with atomic conditional writes,
//! read-after-write consistency and ordered events. The crate `s3s` implements the protocol.

mod disk;
mod event;
mod listing;
mod multipart;
mod object;
mod sequencer;
mod service;
mod spool;
mod store;

pub use event::{EventKind, ObjectEvent};

use crate::disk_full;
use anyhow::{Context, anyhow};
use axum::body::Bytes;
use axum::error_handling::HandleError;
use axum::http::{Request, Response, StatusCode};
use axum::middleware::{Next, from_fn};
use http_body_util::BodyExt;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpError, S3Error, S3ErrorCode, s3_error};
use std::path::Path;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// Access key that the server accepts.
pub const ACCESS_KEY: &str = "local";

/// Secret key of [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "local-secret";

/// The source of the current time.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// An S3 server over a folder.
pub struct S3Server {
    store: Arc<store::Store>,
    service: S3Service,
}

impl S3Server {
    /// Opens the folder `root`; creates it if it does not exist. `events` receives an event for each object that is already in
    /// the bucket `redeliver`, then an event for each successful change of an object.
    ///
    /// # Errors
    /// The folder cannot be read or written, or is damaged.
    pub fn open(root: &Path, events: UnboundedSender<ObjectEvent>, redeliver: Option<&str>) -> anyhow::Result<Self> {
        Self::open_with_clock(root, events, redeliver, Arc::new(OffsetDateTime::now_utc))
    }

    /// As [`S3Server::open`], with `clock` for the modification times of objects.
    ///
    /// # Errors
    /// The folder cannot be read or written, or is damaged.
    pub fn open_with_clock(
        root: &Path,
        events: UnboundedSender<ObjectEvent>,
        redeliver: Option<&str>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let store = Arc::new(store::Store::open(root, events, clock)?);
        if let Some(bucket) = redeliver {
            store.redeliver(bucket);
        }
        let mut builder = S3ServiceBuilder::new(service::Service::new(Arc::clone(&store)));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        Ok(Self { store, service: builder.build() })
    }

    /// Creates a bucket unless it exists.
    ///
    /// # Errors
    /// The folder of the bucket cannot be created.
    pub fn create_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        match self.store.create_bucket(bucket) {
            Err(error) if *error.code() != S3ErrorCode::BucketAlreadyOwnedByYou => {
                Err(anyhow!("cannot create bucket {bucket}: {error}"))
            }
            _ => Ok(()),
        }
    }

    /// Handles one request from within this process.
    ///
    /// # Errors
    /// The server fails, or its response is incomplete.
    pub async fn call(&self, request: Request<Bytes>) -> anyhow::Result<Response<Bytes>> {
        let response = self.service.call(request.map(s3s::Body::from)).await;
        let (head, body) = response.map_err(|error| anyhow!("S3 request failed: {error:?}"))?.into_parts();
        let body = body.collect().await.map_err(|error| anyhow!("incomplete S3 response: {error}"))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// Serves requests until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let service = HandleError::new(self.service, |error: HttpError| async move {
            tracing::error!(?error, "S3 request failed");
            StatusCode::INTERNAL_SERVER_ERROR
        });
        let router = axum::Router::new().fallback_service(service).layer(from_fn(log_not_implemented));
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        served.await.context("the S3 server failed")
    }
}

/// Logs a call that this server does not implement, in one line.
async fn log_not_implemented(request: axum::extract::Request, next: Next) -> axum::response::Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_IMPLEMENTED {
        tracing::warn!(%method, %uri, "S3 call is not implemented");
    }
    response
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn io_error(path: &Path, error: std::io::Error) -> S3Error {
    let full = disk_full::prefix(&error);
    tracing::error!(path = %path.display(), %error, "{full}the S3 server cannot access its folder");
    s3_error!(error, InternalError, "{full}cannot access the server's folder for {}", path.display())
}
