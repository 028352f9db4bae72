//! `churn report`: the training report of a model, as a summary, as a page in the browser, or as files.

#[cfg(feature = "png")]
mod png;
mod stored;
mod summary;

use super::output::stdout;
use super::text::Text;
use super::{DataArgs, files};
use anyhow::{Context, ensure};
use churn_common::model::ModelVersion;
use churn_common::store::files::ReportFile;
use churn_common::store::models::Models;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use stored::Stored;

/// Print the summary of a model's training report, open the report, or write it to files.
#[derive(clap::Args)]
pub struct Args {
    /// Model: champion, challenger, or a version (16 hexadecimal digits).
    #[arg(default_value = "champion")]
    model: String,
    /// Write the HTML page to this file, or to report.html in this folder.
    #[arg(long, value_name = "FILE|FOLDER")]
    out: Option<PathBuf>,
    /// Write each chart as a PNG file to this folder, which is created if it does not exist. Requires a build with `--features png`.
    #[arg(long, value_name = "FOLDER")]
    png: Option<PathBuf>,
    /// Write the metrics as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Open the page in the browser. Without --out, it is written to a new temporary folder.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Reads the report, prints the summary, and writes or opens what the arguments ask for.
///
/// # Errors
/// The model or its report is not found, a store cannot be read, a file cannot be written, or this build has no PNG
/// support.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    ensure!(
        args.png.is_none() || cfg!(feature = "png"),
        "this build has no PNG support: run `cargo run --release --features png -- report --png FOLDER`"
    );
    let page = args.out.as_deref().map(file_in);
    for file in [page.as_ref(), args.json.as_ref(), args.png.as_ref()].into_iter().flatten() {
        files::check_folder(file)?;
    }
    let stored = Stored::read(&args.data, &args.model).await?;
    let report = stored.report()?;
    let mut text = summary::summary(&report);
    text.blank().row(&stored.url);
    let mut out = stdout();
    write!(out, "{text}")?;

    let page = match page {
        None if args.open => Some(files::in_new_folder("report.html")?),
        page => page,
    };
    if let Some(page) = &page {
        write(page, &stored.html, &mut out)?;
    }
    if let Some(json) = &args.json {
        write(json, &stored.json, &mut out)?;
    }
    #[cfg(feature = "png")]
    if let Some(folder) = &args.png {
        if !folder.is_dir() {
            std::fs::create_dir(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            write_line(&mut out, &format!("created {}", folder.display()))?;
        }
        let renderer = png::Renderer::new()?;
        for (number, chart) in (1..).zip(report.charts()?) {
            let png = renderer.png(&chart.svg).with_context(|| format!("chart {}", chart.id))?;
            // Numbered in the order of the page.
            write(&folder.join(format!("{number:02}-{}.png", chart.id)), &png, &mut out)?;
        }
    }
    if let Some(page) = page.filter(|_| args.open)
        && let Err(error) = open::that_detached(&page)
    {
        write_line(&mut out, &format!("no browser found ({error}): open {} yourself", page.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// File of the page. `out` is a folder if it exists as one or ends in a slash.
fn file_in(out: &Path) -> PathBuf {
    let folder = out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/");
    if folder { out.join("report.html") } else { out.to_owned() }
}

/// Writes a file and prints its path.
fn write(path: &Path, bytes: &[u8], out: &mut impl Write) -> anyhow::Result<()> {
    files::write(path, bytes)?;
    write_line(out, &format!("wrote {}", path.display()))
}

fn write_line(out: &mut impl Write, line: &str) -> anyhow::Result<()> {
    let mut text = Text::new();
    text.line(0, line);
    Ok(write!(out, "{text}")?)
}

/// Writes the HTML report of the model `version` to `path`.
///
/// # Errors
/// The store cannot be read, the model has no report, or the file cannot be written.
pub async fn export(models: &Models, version: &ModelVersion, path: &Path) -> anyhow::Result<()> {
    let html = models.report(version, ReportFile::Html).await?;
    files::write(path, &html.with_context(|| stored::no_report(version))?)
}
