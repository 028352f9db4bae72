//! An S3 server over a folder: the part of S3 that this project and the AWS CLI use, with the guarantees that matter to
//! it (atomic conditional writes, read-after-write listings, ordered events), through the `s3s` crate's protocol layer.

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

use anyhow::Context;
use axum::error_handling::HandleError;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3Error, s3_error};
use std::fmt::Write;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// The access key the server accepts.
pub const ACCESS_KEY: &str = "local";

/// The secret key that goes with [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "local-secret";

/// An S3 server over a folder.
pub struct S3Server {
    router: axum::Router,
}

impl S3Server {
    /// Opens the folder `root`, creating it if need be. Every successful change of an object is told to `events`, and
    /// first of all, once more, each object that is in the bucket `again`.
    ///
    /// # Errors
    /// The folder can't be read or written, or is damaged.
    pub fn open(root: &Path, events: UnboundedSender<ObjectEvent>, again: Option<&str>) -> anyhow::Result<Self> {
        let store = store::Store::open(root, events)?;
        if let Some(bucket) = again {
            store.tell_again(bucket);
        }
        let mut builder = S3ServiceBuilder::new(service::Service::new(store));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = HandleError::new(builder.build(), |error: HttpError| async move {
            tracing::error!(?error, "an S3 request failed");
            axum::http::StatusCode::INTERNAL_SERVER_ERROR
        });
        Ok(Self { router: axum::Router::new().fallback_service(service) })
    }

    /// Answers requests until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let served = axum::serve(listener, self.router).with_graceful_shutdown(stop.cancelled_owned());
        served.await.context("the S3 server failed")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string doesn't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn io_error(path: &Path, error: std::io::Error) -> S3Error {
    tracing::error!(path = %path.display(), %error, "the S3 server can't use its folder");
    s3_error!(error, InternalError, "can't use the server's folder for {}", path.display())
}
