//! `churn up` as a process.

use anyhow::Context;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_local::data::{Endpoints, running};
use churn_local::stack::clients;
use churn_tests::program;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// Far longer than any wait of a test that passes.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Starts the stack on free ports and without schedules.
pub const UP: [&str; 8] = [
    "up",
    "--retrain=off",
    "--monitor=off",
    "--score=off",
    "--http-port=0",
    "--s3-port=0",
    "--dynamodb-port=0",
    "--lambda-port=0",
];

/// A running `churn up`.
pub struct Up {
    pub process: Child,
    pub endpoints: Endpoints,
}

impl Up {
    /// Starts it on free ports. The chunks are so small that the log of the tests has hundreds.
    pub async fn start(data: &Path) -> anyhow::Result<Self> {
        Self::start_with(data, &[]).await
    }

    /// The same with more arguments.
    pub async fn start_with(data: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(program("deployed-churn")?);
        command.args(UP).arg("--data").arg(data).args(arguments);
        command.env("CHURN_CHUNK_BYTES", "1024").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let process = command.kill_on_drop(true).spawn()?;
        let endpoints = wait_for("the start", async || running(data).ok().flatten()).await?;
        Ok(Self { process, endpoints })
    }

    pub fn stores(&self) -> Stores {
        let (s3, dynamodb) = clients(&self.endpoints);
        Stores::over(s3, dynamodb, &StoreNames::default())
    }

    pub async fn put(&self, key: &str, body: Vec<u8>) -> anyhow::Result<()> {
        clients(&self.endpoints).0.put_object().bucket("churn-logs").key(key).body(body.into()).send().await?;
        Ok(())
    }

    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.process.kill().await?)
    }

    /// As Ctrl-C.
    pub async fn interrupt(self) -> anyhow::Result<Output> {
        let id = self.process.id().context("the process has ended")?.to_string();
        Command::new("kill").args(["-INT", &id]).status().await?;
        Ok(tokio::time::timeout(LIMIT, self.process.wait_with_output()).await??)
    }
}

/// Calls `found` until it returns a value.
pub async fn wait_for<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> anyhow::Result<T> {
    let wait = async {
        loop {
            if let Some(value) = found().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.with_context(|| format!("waited too long for {what}"))
}
