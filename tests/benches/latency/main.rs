//! Start, latency, throughput, size and memory of `predict` as it is deployed: see tests/latency.sh.
//!
//! Arguments: the program, a folder with certificates, and the URL of another service to compare with, if any.

mod fixture;
mod http;
mod process;
mod recorder;
mod runtime_api;
mod statistics;

use anyhow::Context;
use fixture::{Fixture, Prediction, invoke};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use http::Client;
use recorder::Recorder;
use runtime_api::Process;
use serde_json::json;
use statistics::Times;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Starts of the process.
const STARTS: usize = 21;
/// Requests before those that are measured, and those.
const WARM_UP: usize = 50;
const REQUESTS: usize = 500;
const CONNECTIONS: [usize; 3] = [1, 8, 32];
/// Time for which each number of connections sends requests.
const LOAD: Duration = Duration::from_secs(3);
/// Requests to each service for the comparison.
const COMPARED: usize = 200;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [predict, certificates, other @ ..] = arguments.as_slice() else {
        anyhow::bail!("expected a program and a folder with certificates: run tests/latency.sh");
    };
    let (predict, certificates) = (PathBuf::from(predict), PathBuf::from(certificates));
    let fixture = Fixture::new(&predict).await?;
    let http = fixture.stack.http_url().to_owned();

    size(&predict)?;
    tokio::task::block_in_place(|| {
        starts(&fixture, &predict, &certificates)?;
        warm(&fixture, &predict, &certificates)?;
        end_to_end(&fixture, &http, other.first().map(String::as_str))?;
        fixture.with_events.iter().take(1).try_for_each(|prediction| throughput(&http, prediction))
    })?;
    peaks(&fixture, &predict).await?;
    fixture.stack.shutdown().await;
    Ok(())
}

/// The binary, and the zip file that is uploaded, which has little else.
fn size(predict: &Path) -> anyhow::Result<()> {
    let binary = std::fs::read(predict).with_context(|| format!("cannot read {}", predict.display()))?;
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
    deflated.write_all(&binary)?;
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    let (binary, zip) = (megabytes(binary.len()), megabytes(deflated.finish()?.len()));
    println!("size: binary {binary:.2} MB, zip {zip:.2} MB");
    Ok(())
}

/// From the start of the process to its first poll with the model loaded, and the first answer after that.
fn starts(fixture: &Fixture, predict: &Path, certificates: &Path) -> anyhow::Result<()> {
    let tls = Some(recorder::tls(certificates)?);
    for (name, tls, roots) in [
        ("TLS, one trusted root", tls.clone(), "root.pem"),
        ("TLS, roots of the system", tls, "all-roots.pem"),
        ("plain HTTP, roots of the system", None, "all-roots.pem"),
    ] {
        let endpoints = fixture.stack.endpoints();
        let (models, s3) = Recorder::start(&endpoints.s3, tls.clone())?;
        let (_, dynamodb) = Recorder::start(&endpoints.dynamodb, tls)?;
        let environment = fixture.environment(&s3, &dynamodb, &certificates.join(roots));
        let (mut starts, mut cpu, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        // The first one records the answers of the stores.
        for n in 0..=STARTS {
            let before = models.requests();
            let mut process = Process::start(predict, &environment)?;
            anyhow::ensure!(models.requests() >= before + 3, "the model is not loaded before the first poll");
            let used = process.cpu()?;
            let answer = process.invoke(&fixture.stored.payload)?;
            if n > 0 {
                starts.push(process.start);
                cpu.push(used);
                answers.push(answer);
            }
        }
        println!("start to first poll, stores over {name}: {}; CPU {:.2} ms", Times::new(starts), Times::new(cpu).p50);
        println!("first answer after that, {}: {}", fixture.stored.name, Times::new(answers));
    }
    Ok(())
}

/// Warm invocations in one process.
fn warm(fixture: &Fixture, predict: &Path, certificates: &Path) -> anyhow::Result<()> {
    let endpoints = fixture.stack.endpoints();
    let (_, dynamodb) = Recorder::start(&endpoints.dynamodb, None)?;
    let environment = |dynamodb: &str| fixture.environment(&endpoints.s3, dynamodb, &certificates.join("root.pem"));
    let mut process = Process::start(predict, &environment(&dynamodb))?;
    for prediction in fixture.with_events.iter().chain([&fixture.stored]) {
        println!("warm, {}: {}", prediction.name, invocations(&mut process, prediction)?);
    }
    println!("peak memory of predict: {:.1} MB", process.peak_memory()? as f64 / 1e6);
    let mut process = Process::start(predict, &environment(&endpoints.dynamodb))?;
    let name = &fixture.stored.name;
    println!("warm, {name}, DynamoDB of the local stack: {}", invocations(&mut process, &fixture.stored)?);
    Ok(())
}

fn invocations(process: &mut Process, prediction: &Prediction) -> anyhow::Result<String> {
    for _ in 0..WARM_UP {
        process.invoke(&prediction.payload)?;
    }
    let before = process.cpu()?;
    let times: Result<Vec<_>, _> = (0..REQUESTS).map(|_| process.invoke(&prediction.payload)).collect();
    let cpu = (process.cpu()? - before).as_secs_f64() * 1000.0 / REQUESTS as f64;
    Ok(format!("{}; CPU {cpu:.2} ms", Times::new(times?)))
}

/// The same requests to the HTTP API of the local stack and to the other service, by turns.
fn end_to_end(fixture: &Fixture, http: &str, other: Option<&str>) -> anyhow::Result<()> {
    let mut ours = Client::connect(http)?;
    let mut theirs = other.map(Client::connect).transpose()?;
    for prediction in &fixture.with_events {
        let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
        for n in 0..WARM_UP + COMPARED {
            let start = Instant::now();
            ours.predict(&prediction.body)?;
            our_times.push(start.elapsed());
            if let Some(theirs) = theirs.as_mut().filter(|_| n >= WARM_UP - 5) {
                let start = Instant::now();
                theirs.predict(&prediction.body)?;
                their_times.push(start.elapsed());
            }
        }
        let ours = Times::new(our_times.split_off(WARM_UP));
        println!("over HTTP, {}: {ours}", prediction.name);
        if !their_times.is_empty() {
            let theirs = Times::new(their_times.split_off(5));
            println!("the other service: {theirs}, {:.1} times as long", theirs.p50 / ours.p50);
        }
    }
    Ok(())
}

/// Requests per second of one process over several connections.
fn throughput(http: &str, prediction: &Prediction) -> anyhow::Result<()> {
    for connections in CONNECTIONS {
        let end = Instant::now() + LOAD;
        let clients = (0..connections).map(|_| {
            let (http, body) = (http.to_owned(), prediction.body.clone());
            std::thread::spawn(move || -> anyhow::Result<Vec<Duration>> {
                let mut client = Client::connect(&http)?;
                let mut times = Vec::new();
                while Instant::now() < end {
                    let start = Instant::now();
                    client.predict(&body)?;
                    times.push(start.elapsed());
                }
                Ok(times)
            })
        });
        let mut times = Vec::new();
        for client in clients.collect::<Vec<_>>() {
            times.extend(client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??);
        }
        let rate = times.len() as f64 / LOAD.as_secs_f64();
        println!("{connections} connections, {}: {rate:.0} requests/s, {}", prediction.name, Times::new(times));
    }
    Ok(())
}

/// Peak memory of each function of the stack, after its work on the logs of the fixture.
async fn peaks(fixture: &Fixture, predict: &Path) -> anyhow::Result<()> {
    for function in ["monitor", "score"] {
        invoke(&fixture.stack, function, &json!({})).await?;
    }
    let predict = predict.display().to_string();
    let programs = ["deployed-ingest", "deployed-retrain", "deployed-monitor", "deployed-score"];
    for program in [predict.as_str()].into_iter().chain(programs) {
        let peak = process::peak(process::child(program)?)? as f64 / 1e6;
        let name = program.rsplit(['/', '-']).next().unwrap_or(program);
        println!("peak memory of {name} in the local stack: {peak:.0} MB");
    }
    Ok(())
}
