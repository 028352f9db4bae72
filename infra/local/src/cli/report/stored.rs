//! Reads a stored report: from the stack that runs on the data folder, or else from a temporary stack without functions.

use super::super::DataArgs;
use super::super::connection::Connection;
use anyhow::{Context, bail, ensure};
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::files::ReportFile;
use churn_common::store::registry::Registry;
use churn_report::{FORMAT, Report};
use serde::Deserialize;

#[derive(Debug)]
pub struct Stored {
    /// `s3://bucket/key` of the HTML page.
    pub url: String,
    pub html: Vec<u8>,
    pub json: Vec<u8>,
}

impl Stored {
    /// Reads the report of `model`: `champion`, `challenger` or a version.
    ///
    /// # Errors
    /// The data folder, the model or its report is not found, or a store cannot be read.
    pub async fn read(data: &DataArgs, model: &str) -> anyhow::Result<Self> {
        let connection = Connection::open_stores(data).await?;
        let read = Self::from_stores(&connection.stores(), model).await;
        connection.close().await;
        read
    }

    async fn from_stores(stores: &Stores, model: &str) -> anyhow::Result<Self> {
        let (registry, _) = stores.registry().read().await?;
        let version = find(&registry, model)?;
        let models = stores.models();
        let html = models.report(&version, ReportFile::Html).await?;
        let json = models.report(&version, ReportFile::Json).await?;
        let (html, json) = html.zip(json).with_context(|| no_report(&version))?;
        Ok(Self { url: models.report_url(&version, ReportFile::Html), html, json })
    }

    /// Parses the JSON.
    ///
    /// # Errors
    /// The JSON is invalid, or another release wrote it.
    pub fn report(&self) -> anyhow::Result<Report> {
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let Header { format } =
            serde_json::from_slice(&self.json).with_context(|| format!("{}: invalid JSON", self.url))?;
        ensure!(format == FORMAT, "{}: format {format}, expected {FORMAT}", self.url);
        serde_json::from_slice(&self.json).with_context(|| format!("{}: invalid report", self.url))
    }
}

fn find(registry: &Registry, model: &str) -> anyhow::Result<ModelVersion> {
    match model {
        "champion" => registry.champion.clone().with_context(|| match &registry.challenger {
            Some(version) => format!("no champion; the challenger is {version}: run `churn report challenger`"),
            None => "no champion: run `churn invoke retrain`".to_owned(),
        }),
        "challenger" => registry.challenger.clone().context("no challenger"),
        text => {
            let version = parse(text)?;
            if !registry.versions.contains(&version) {
                let known: Vec<&str> = registry.versions.iter().map(ModelVersion::as_str).collect();
                match known.as_slice() {
                    [] => bail!("no models: run `churn invoke retrain`"),
                    known => bail!("no model {version}, expected one of: {}", known.join(", ")),
                }
            }
            Ok(version)
        }
    }
}

/// # Errors
/// `text` is not a version.
pub fn parse(text: &str) -> anyhow::Result<ModelVersion> {
    ModelVersion::parse(text).with_context(|| {
        format!("invalid model {text:?}, expected champion, challenger or a version of 16 hexadecimal digits")
    })
}

/// Error message for a model without a report.
pub fn no_report(version: &ModelVersion) -> String {
    format!("model {version} has no report: train a new model with `churn invoke retrain`")
}
