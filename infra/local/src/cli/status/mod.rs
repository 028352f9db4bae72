//! `churn status`: what runs, what is ingested, which model serves, the last runs, and what needs attention.

mod attention;
mod health;
mod ingested;
mod models;
mod runs;

use super::DataArgs;
use super::connection::Connection;
use super::output::stdout;
use super::text::Text;
use crate::data::ALERTS;
use churn_common::calendar::Timestamp;
use churn_common::store::Stores;
use ingested::Ingested;
use models::Champion;
use runs::Runs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Show what runs, what is ingested, the champion, the last runs, and what needs attention.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Only ask the HTTP API at this address for its health. Exits with 1 unless a model serves or there is none yet.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    url: Option<String>,
}

/// Reads the stores and prints their state.
///
/// # Errors
/// There is no data folder, or a store cannot be read. With a URL: there is no healthy API.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(url) = &args.url {
        writeln!(stdout(), "{}", health::read(url).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let connection = Connection::open_stores(&args.data).await?;
    let alerts = args.data.data.join(ALERTS);
    let status = status(&connection.stores(), &alerts, Timestamp::now()).await;
    let mut text = stack(&connection, &args.data);
    connection.close().await;
    write!(stdout(), "{}", text.append(&status?))?;
    Ok(ExitCode::SUCCESS)
}

fn stack(connection: &Connection, data: &DataArgs) -> Text {
    let (folder, mut text) = (data.data.display(), Text::new());
    if connection.is_running() {
        let endpoints = connection.endpoints();
        text.line(0, format!("Stack: running on {folder}"));
        text.line(2, format!("HTTP {}  S3 {}", endpoints.http, endpoints.s3));
        text.line(2, format!("DynamoDB {}  Lambda {}", endpoints.dynamodb, endpoints.lambda));
    } else {
        text.line(0, format!("Stack: not running on {folder}; start it with `churn up`"));
    }
    text
}

async fn status(stores: &Stores, alerts: &Path, now: Timestamp) -> anyhow::Result<Text> {
    let (registry, _) = stores.registry().read().await?;
    let ingested = Ingested::read(stores, now).await?;
    let champion = match &registry.champion {
        Some(version) => Some(Champion::read(stores, version).await?),
        None => None,
    };
    let runs = Runs::read(stores, alerts).await?;
    let attention = attention::list(stores, &registry, &ingested, champion.as_ref(), &runs).await?;

    let mut text = Text::new();
    text.blank().append(&ingested.text());
    text.blank().append(&models::text(&registry, champion.as_ref(), now));
    text.blank().append(&runs.text(&registry, now));
    text.blank().line(0, if attention.is_empty() { "Needs attention: nothing" } else { "Needs attention" });
    for item in &attention {
        text.line(2, item);
    }
    Ok(text)
}
