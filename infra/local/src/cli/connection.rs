//! The stack of a data folder: the one that runs on it, or one that a command starts for itself.

use super::DataArgs;
use crate::data::{Endpoints, running};
use crate::stack::clients;
use crate::{Stack, StackConfig, http};
use anyhow::{Context, bail, ensure};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;

pub struct Connection {
    endpoints: Endpoints,
    names: StoreNames,
    /// `None` if another process runs the stack.
    started: Option<Stack>,
}

impl Connection {
    /// Connects to the stores and to one function. A folder that does not exist is created.
    ///
    /// # Errors
    /// The stack cannot be found or started.
    pub async fn open(data: &DataArgs, function: &str) -> anyhow::Result<Self> {
        Self::connect(data, Some(function)).await
    }

    /// Connects to the stores only.
    ///
    /// # Errors
    /// There is no data folder, or the stack cannot be found or started.
    pub async fn open_stores(data: &DataArgs) -> anyhow::Result<Self> {
        let folder = data.data.display();
        ensure!(data.data.is_dir(), "no data folder {folder}: run `churn up`, or choose another folder with --data");
        Self::connect(data, None).await
    }

    async fn connect(data: &DataArgs, function: Option<&str>) -> anyhow::Result<Self> {
        let mut config = StackConfig::of_this_program(data.dir())?;
        let names = config.names.clone();
        if let Some(endpoints) = running(&data.data)? {
            return Ok(Self { endpoints, names, started: None });
        }
        config.functions.retain(|config| Some(config.name.as_str()) == function);
        let stack = Stack::start(config).await?;
        Ok(Self { endpoints: stack.endpoints().clone(), names, started: Some(stack) })
    }

    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Whether another process runs the stack.
    pub fn is_running(&self) -> bool {
        self.started.is_none()
    }

    pub fn stores(&self) -> Stores {
        let (s3, dynamodb) = clients(&self.endpoints);
        Stores::over(s3, dynamodb, &self.names)
    }

    /// Invokes a function and returns its response.
    ///
    /// # Errors
    /// The stack cannot be reached, or the function fails.
    pub async fn invoke(&self, function: &str, payload: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.endpoints.lambda);
        let response = http::client()?.post(url).body(payload).send().await.context("cannot reach the stack")?;
        let (status, has_failed) = (response.status(), response.headers().contains_key("x-amz-function-error"));
        let body = response.bytes().await?;
        if status.is_success() && !has_failed {
            return Ok(body.into());
        }
        let error: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| error[name].as_str().unwrap_or_default().trim().to_owned();
        match status.is_success() {
            true => bail!("{function} failed: {}: {}", text("errorType"), text("errorMessage")),
            false => bail!("cannot invoke {function}: {status}: {}", text("Message")),
        }
    }

    /// Stops the stack if this command started it.
    pub async fn close(self) {
        if let Some(stack) = self.started {
            stack.shutdown().await;
        }
    }
}
