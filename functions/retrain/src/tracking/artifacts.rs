//! A run's files: through the server where it keeps them itself, straight into the bucket where they are on S3.

use super::client::Client;
use super::error::MlflowError;
use churn_common::store::StoreError;
use churn_common::store::objects::{Bucket, Condition};
use reqwest::Url;
use tokio::time::timeout;

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Name, such as `card.json`.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Artifact {
    fn content_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("json") => "application/json",
            Some("html") => "text/html; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

/// Where a run's artifacts belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// With the server, below this path.
    Server(String),
    /// In a bucket, below this prefix.
    S3 {
        /// The bucket.
        bucket: String,
        /// The prefix, without slashes at its ends.
        prefix: String,
    },
}

impl Place {
    /// Reads a run's `artifact_uri`.
    ///
    /// # Errors
    /// If it is a place that is not known. The error tells the scheme, as the rest may hold a password.
    pub fn of(uri: &str) -> Result<Self, MlflowError> {
        let unknown = |place: &str| MlflowError::Place { place: place.to_owned() };
        let url = Url::parse(uri).map_err(|_| unknown("a path on its own disk"))?;
        let path = url.path().trim_matches('/').to_owned();
        match (url.scheme(), url.host_str()) {
            ("mlflow-artifacts", None | Some("")) => Ok(Self::Server(path)),
            ("mlflow-artifacts", Some(host)) => Err(unknown(&format!("mlflow-artifacts://{host}, another server"))),
            ("s3", Some(bucket)) => Ok(Self::S3 { bucket: bucket.to_owned(), prefix: path }),
            (scheme, _) => Err(unknown(&format!("{scheme}:"))),
        }
    }
}

impl Client<'_> {
    /// Writes an artifact to its place; `account` is any bucket of the account that buckets are looked for in.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn put(&self, place: &Place, artifact: &Artifact, account: &Bucket) -> Result<(), MlflowError> {
        let (name, bytes, content_type) = (artifact.name, artifact.bytes.clone(), artifact.content_type());
        match place {
            Place::Server(path) => self.put_artifact(&[path, name], content_type, bytes).await,
            Place::S3 { bucket, prefix } => {
                let bucket = account.sibling(bucket);
                let key = [prefix, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
                let put = bucket.put(&key, bytes, content_type, Condition::Always);
                match timeout(self.left(), put).await {
                    Ok(put) => put.map(drop).map_err(|e: StoreError| e.into()),
                    Err(_) => Err(MlflowError::TimeUp { call: "PutObject" }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_server_s_own_or_a_bucket() {
        let s3 = |bucket: &str, prefix: &str| Place::S3 { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(Place::of("mlflow-artifacts:/1/ab/artifacts").unwrap(), Place::Server("1/ab/artifacts".into()));
        assert_eq!(Place::of("s3://runs/ml/1/ab/artifacts").unwrap(), s3("runs", "ml/1/ab/artifacts"));
        assert_eq!(Place::of("s3://runs").unwrap(), s3("runs", ""));
        for (uri, told) in [
            ("mlflow-artifacts://elsewhere:5000/1/ab", "at mlflow-artifacts://elsewhere, another server"),
            ("/mnt/mlruns/1/ab/artifacts", "at a path on its own disk"),
            ("file:///mnt/mlruns/1", "at file:"),
            ("ftp://ann:sesame@host/1", "at ftp:"),
        ] {
            let why = Place::of(uri).unwrap_err().to_string();
            assert!(why.contains(told) && !why.contains("sesame"), "{why}");
        }
    }
}
