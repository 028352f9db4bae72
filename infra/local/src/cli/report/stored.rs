//! Reading a report from the stack's data: from the stack that runs on them or, if none does, from one of stores alone.

use super::super::DataArgs;
use crate::data::running;
use crate::stack::clients;
use crate::{Stack, StackConfig};
use anyhow::{Context, bail, ensure};
use churn_common::model::ModelVersion;
use churn_common::store::files::ReportFile;
use churn_common::store::models::Models;
use churn_common::store::objects::Bucket;
use churn_common::store::registry::{Registry, RegistryStore};
use churn_report::{FORMAT, Report};
use serde::Deserialize;

/// A report as it is stored.
#[derive(Debug)]
pub struct Stored {
    /// Where the page is.
    pub url: String,
    /// The page.
    pub html: Vec<u8>,
    /// The figures.
    pub json: Vec<u8>,
}

impl Stored {
    /// Reads the report of `model`: `champion`, `challenger` or a version.
    ///
    /// # Errors
    /// There is no data, no such model, or no report of it; or the stores cannot be read.
    pub async fn read(data: &DataArgs, model: &str) -> anyhow::Result<Self> {
        let mut config = StackConfig::of_this_program(data.dir())?;
        let bucket = config.names.store_bucket.clone();
        if let Some(endpoints) = running(&data.data)? {
            return Self::of(Bucket::new(clients(&endpoints).0, &bucket), model).await;
        }
        let folder = data.data.display();
        ensure!(
            data.data.is_dir(),
            "there are no data in {folder}: run `churn up`, or name another folder with --data"
        );
        config.functions.clear();
        let stack = Stack::start(config).await?;
        let read = Self::of(Bucket::new(stack.s3().clone(), &bucket), model).await;
        stack.shutdown().await;
        read
    }

    async fn of(bucket: Bucket, model: &str) -> anyhow::Result<Self> {
        let (registry, _) = RegistryStore::new(bucket.clone()).read().await?;
        let version = find(&registry, model)?;
        let models = Models::new(bucket);
        let html = models.report(&version, ReportFile::Html).await?;
        let json = models.report(&version, ReportFile::Json).await?;
        let (html, json) = html.zip(json).with_context(|| none_of(&version))?;
        Ok(Self { url: models.report_url(&version, ReportFile::Html), html, json })
    }

    /// The figures.
    ///
    /// # Errors
    /// They are damaged, or of another release.
    pub fn report(&self) -> anyhow::Result<Report> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let form: Form = serde_json::from_slice(&self.json).with_context(|| format!("{}: damaged", self.url))?;
        let format = form.format;
        ensure!(format == FORMAT, "{}: its figures are of format {format}, this release reads {FORMAT}", self.url);
        serde_json::from_slice(&self.json).with_context(|| format!("{}: its figures cannot be read", self.url))
    }
}

/// The version that `model` names.
fn find(registry: &Registry, model: &str) -> anyhow::Result<ModelVersion> {
    match model {
        "champion" => registry.champion.clone().with_context(|| match &registry.challenger {
            Some(version) => format!("no model serves; {version} waits: run `churn report challenger`"),
            None => "there is no model yet: run `churn invoke retrain`".to_owned(),
        }),
        "challenger" => registry.challenger.clone().context("no model waits as challenger"),
        text => {
            let version = parse(text)?;
            if !registry.versions.contains(&version) {
                let known: Vec<&str> = registry.versions.iter().map(ModelVersion::as_str).collect();
                match known.as_slice() {
                    [] => bail!("there is no model {version}, nor any other: run `churn invoke retrain`"),
                    known => bail!("there is no model {version}; there are {}", known.join(", ")),
                }
            }
            Ok(version)
        }
    }
}

/// Reads a version.
///
/// # Errors
/// It is none.
pub fn parse(text: &str) -> anyhow::Result<ModelVersion> {
    ModelVersion::parse(text)
        .with_context(|| format!("{text:?} is no model: champion, challenger or a version of 16 hexadecimal digits"))
}

/// What to say where a model has no report.
pub fn none_of(version: &ModelVersion) -> String {
    format!("model {version} has no report: an older release trained it; train again with `churn invoke retrain`")
}
