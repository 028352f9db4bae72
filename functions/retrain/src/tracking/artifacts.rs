//! Artifacts of a run: uploaded to the server, or written to its S3 bucket.

use super::client::Client;
use super::error::MlflowError;
use churn_common::store::StoreError;
use churn_common::store::objects::{Bucket, Condition};
use reqwest::Url;
use tokio::time::timeout;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Such as `card.json`.
    pub name: &'static str,
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

/// The location of the artifacts of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactStore {
    /// A path on the server.
    Server(String),
    /// The prefix has no slash at either end.
    S3 { bucket: String, prefix: String },
}

impl ArtifactStore {
    /// Parses the `artifact_uri` of a run.
    ///
    /// # Errors
    /// If the location is neither on the server nor on S3. The error has only the scheme, because the rest may contain
    /// a password.
    pub fn from_uri(uri: &str) -> Result<Self, MlflowError> {
        let unsupported = |location: &str| MlflowError::UnsupportedArtifactStore { location: location.to_owned() };
        let url = Url::parse(uri).map_err(|_| unsupported("a local path"))?;
        let path = url.path().trim_matches('/').to_owned();
        match (url.scheme(), url.host_str()) {
            ("mlflow-artifacts", None | Some("")) => Ok(Self::Server(path)),
            ("mlflow-artifacts", Some(host)) => Err(unsupported(&format!("mlflow-artifacts://{host}, another server"))),
            ("s3", Some(bucket)) => Ok(Self::S3 { bucket: bucket.to_owned(), prefix: path }),
            (scheme, _) => Err(unsupported(&format!("{scheme}:"))),
        }
    }
}

impl Client<'_> {
    /// Stores an artifact. `own_bucket` provides the client for the S3 bucket.
    pub async fn put(
        &self,
        store: &ArtifactStore,
        artifact: &Artifact,
        own_bucket: &Bucket,
    ) -> Result<(), MlflowError> {
        let (name, bytes, content_type) = (artifact.name, artifact.bytes.clone(), artifact.content_type());
        match store {
            ArtifactStore::Server(path) => self.put_artifact(&[path, name], content_type, bytes).await,
            ArtifactStore::S3 { bucket, prefix } => {
                let bucket = own_bucket.sibling(bucket);
                let key = [prefix, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
                let put = bucket.put(&key, bytes, content_type, Condition::Always);
                match timeout(self.left(), put).await {
                    Ok(put) => put.map(drop).map_err(|e: StoreError| e.into()),
                    Err(_) => Err(MlflowError::OutOfTime { call: "PutObject" }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_on_the_server_or_in_a_bucket() {
        let s3 = |bucket: &str, prefix: &str| ArtifactStore::S3 { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(
            ArtifactStore::from_uri("mlflow-artifacts:/1/ab/artifacts").unwrap(),
            ArtifactStore::Server("1/ab/artifacts".into())
        );
        assert_eq!(ArtifactStore::from_uri("s3://runs/ml/1/ab/artifacts").unwrap(), s3("runs", "ml/1/ab/artifacts"));
        assert_eq!(ArtifactStore::from_uri("s3://runs").unwrap(), s3("runs", ""));
        for (uri, expected) in [
            ("mlflow-artifacts://elsewhere:5000/1/ab", "at mlflow-artifacts://elsewhere, another server"),
            ("/mnt/mlruns/1/ab/artifacts", "at a local path"),
            ("file:///mnt/mlruns/1", "at file:"),
            ("ftp://ann:sesame@host/1", "at ftp:"),
        ] {
            let message = ArtifactStore::from_uri(uri).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains("sesame"), "{message}");
        }
    }
}
