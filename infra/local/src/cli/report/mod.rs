//! `churn report`: the report of the training run that a model came from: a summary, the page in a browser, or files.

#[cfg(feature = "png")]
mod png;
mod stored;
mod summary;

use super::DataArgs;
use anyhow::{Context, ensure};
use churn_common::store::files::ReportFile;
use churn_common::store::models::Models;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use stored::Stored;

/// Print the summary of a training run; open its report, or write it to files.
#[derive(clap::Args)]
pub struct Args {
    /// Which model: champion, challenger, or a version as `churn invoke retrain` prints it.
    #[arg(default_value = "champion")]
    model: String,
    /// Write the HTML page to this file, or into this folder as report.html.
    #[arg(long, value_name = "FILE|FOLDER")]
    out: Option<PathBuf>,
    /// Write every chart as a PNG into this folder. Only in a build with `--features png`.
    #[arg(long, value_name = "FOLDER")]
    png: Option<PathBuf>,
    /// Write the metrics as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Open the page in the browser; without --out, from the folder for temporary files.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Reads the report and does what was asked for.
///
/// # Errors
/// There is no such model or it has no report, the stores cannot be read, a file cannot be written, or this build has no
/// PNG.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    ensure!(
        args.png.is_none() || cfg!(feature = "png"),
        "this build draws no PNG: run `cargo run --release --features png -- report --png FOLDER`"
    );
    let stored = Stored::read(&args.data, &args.model).await?;
    let report = stored.report()?;
    let mut out = std::io::stdout();
    summary::print(&mut out, &report)?;
    writeln!(out, "\n{}", stored.url)?;

    let page = match (&args.out, args.open) {
        (Some(path), _) => Some(file_in(path)),
        (None, true) => Some(std::env::temp_dir().join(format!("churn-report-{}.html", report.card.version))),
        (None, false) => None,
    };
    if let Some(page) = &page {
        write(page, &stored.html, &mut out)?;
    }
    if let Some(json) = &args.json {
        write(json, &stored.json, &mut out)?;
    }
    #[cfg(feature = "png")]
    if let Some(folder) = &args.png {
        let renderer = png::Renderer::new()?;
        for (number, chart) in (1..).zip(report.charts()?) {
            let png = renderer.png(&chart.svg).with_context(|| format!("chart {}", chart.id))?;
            // The number keeps the order of the page.
            write(&folder.join(format!("{number:02}-{}.png", chart.id)), &png, &mut out)?;
        }
    }
    if let Some(page) = page.filter(|_| args.open) {
        open::that_detached(&page).with_context(|| format!("no browser could be started for {}", page.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The page's file, where `out` is that or its folder, which need not be there if the path ends in a slash.
fn file_in(out: &Path) -> PathBuf {
    let folder = out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/");
    if folder { out.join("report.html") } else { out.to_owned() }
}

/// Writes a file, in folders that are created if need be, and says so.
fn write(path: &Path, bytes: &[u8], out: &mut impl Write) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))?;
    writeln!(out, "written: {}", path.display())?;
    Ok(())
}

/// Writes the page of the model `version` to the file `to`.
///
/// # Errors
/// The store cannot be read, the model has no report, or the file cannot be written.
pub async fn export(models: &Models, version: &str, to: &Path) -> anyhow::Result<()> {
    let version = stored::parse(version)?;
    let html = models.report(&version, ReportFile::Html).await?;
    let html = html.with_context(|| stored::none_of(&version))?;
    std::fs::write(to, html).with_context(|| format!("can't write {}", to.display()))
}
