//! Throughput from a log in memory to session slices, compared with parsing alone: `cargo bench`.
//!
//! The contenders take turns, so that load on the machine affects all of them and the ratios stay comparable. Each result is
//! the median of its rounds. The input is a simulated log, or a decompressed log file: `cargo bench -- log.json`.

use churn_common::calendar::Timestamp;
use churn_common::event::{Line, TimeRange};
use churn_common::session::SliceBuilder;
use churn_local::simulate::{SimulateParams, simulate};
use futures::FutureExt;
use ingest::IngestSettings;
use ingest::log::lines::Lines;
use serde::Deserialize;
use std::borrow::Cow;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

const ROUNDS: usize = 15;

/// An event as a plain serde struct.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the benchmark measures the parsing of these fields")]
struct Plain {
    ts: i64,
    user_id: String,
    session_id: i64,
    page: String,
    auth: Option<String>,
    method: Option<String>,
    status: Option<i64>,
    level: Option<String>,
    item_in_session: Option<i64>,
    location: Option<String>,
    user_agent: Option<String>,
    last_name: Option<String>,
    first_name: Option<String>,
    registration: Option<i64>,
    gender: Option<String>,
    artist: Option<String>,
    song: Option<String>,
    length: Option<f64>,
}

/// The fields that ingest needs, without copies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "the benchmark measures the parsing of these fields")]
struct Borrowed<'a> {
    ts: i64,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    session_id: i64,
    #[serde(borrow)]
    page: Cow<'a, str>,
    #[serde(borrow)]
    level: Option<Cow<'a, str>>,
    item_in_session: Option<i64>,
    registration: Option<i64>,
    #[serde(borrow)]
    gender: Option<Cow<'a, str>>,
    #[serde(borrow)]
    artist: Option<Cow<'a, str>>,
    #[serde(borrow)]
    song: Option<Cow<'a, str>>,
    length: Option<f64>,
}

type Contender = (&'static str, fn(&[u8]) -> usize);

/// The others are compared with the first one.
const CONTENDERS: [Contender; 7] = [
    ("serde_json, plain struct: parse", |log| read(log, |line| serde_json::from_slice::<Plain>(line).is_ok())),
    ("churn: parse + clean + aggregate", aggregate),
    ("churn: the same, lines read as a stream", aggregate_stream),
    ("churn: parse + clean", |log| read(log, |line| !matches!(Line::parse(line, TIMES), Line::Rejected(_)))),
    ("serde_json, borrowed struct: parse", |log| read(log, |line| serde_json::from_slice::<Borrowed>(line).is_ok())),
    ("sonic-rs, borrowed struct: parse", |log| read(log, |line| sonic_rs::from_slice::<Borrowed>(line).is_ok())),
    ("simd-json, borrowed struct: parse", |log| {
        // It parses in place and needs a mutable copy of the line.
        let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
        read(log, |line| {
            copy.clear();
            copy.extend_from_slice(line);
            simd_json::serde::from_slice_with_buffers::<Borrowed>(&mut copy, &mut buffers).is_ok()
        })
    }),
];

const TIMES: TimeRange = TimeRange { earliest: Timestamp::from_millis(0), latest: Timestamp::from_millis(i64::MAX) };

fn lines(log: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begin = 0;
    memchr::memchr_iter(b'\n', log).map(move |end| &log[std::mem::replace(&mut begin, end + 1)..end])
}

/// Number of lines that `parse` accepts.
fn read(log: &[u8], mut parse: impl FnMut(&[u8]) -> bool) -> usize {
    lines(log).filter(|line| black_box(parse(line))).count()
}

/// The work of `ingest` before its writes.
fn aggregate(log: &[u8]) -> usize {
    let mut slices = SliceBuilder::default();
    let accepted = read(log, |line| add(&mut slices, line));
    black_box(slices.finish());
    accepted
}

/// The same, with lines read from a stream as in `ingest`.
fn aggregate_stream(log: &[u8]) -> usize {
    let (mut slices, mut accepted) = (SliceBuilder::default(), 0);
    let mut lines = Lines::new(log, IngestSettings::default().max_line_bytes);
    // Never pending: the bytes are in memory.
    while let Some(Some(line)) = lines.next().now_or_never() {
        accepted += usize::from(add(&mut slices, line.bytes));
    }
    black_box(slices.finish());
    accepted
}

fn add(slices: &mut SliceBuilder, line: &[u8]) -> bool {
    match Line::parse(line, TIMES) {
        Line::Event(event) => {
            slices.add(&event);
        }
        Line::WithoutUser => {}
        Line::Rejected(_) => return false,
    }
    true
}

fn main() -> anyhow::Result<()> {
    let (name, log) = match std::env::args().skip(1).find(|argument| !argument.starts_with("--")).map(PathBuf::from) {
        Some(path) => (path.display().to_string(), std::fs::read(&path)?),
        None => {
            let mut log = Vec::new();
            simulate(&SimulateParams::new(300, 60, 1).check()?, &mut log, |_| {})?;
            ("simulated: --users 300 --days 60 --seed 1".into(), log)
        }
    };
    let count = lines(&log).count();
    println!("{name}\n{count} lines, {:.0} MB\n", log.len() as f64 / 1e6);

    let mut seconds: [Vec<f64>; CONTENDERS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for ((name, contender), seconds) in CONTENDERS.iter().zip(&mut seconds) {
            let start = Instant::now();
            let accepted = contender(&log);
            seconds.push(start.elapsed().as_secs_f64());
            // A contender that rejects lines would seem fast.
            anyhow::ensure!(accepted == count, "{name} accepts {accepted} of {count} lines");
        }
    }
    let medians = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[ROUNDS / 2]
    });
    println!("{:36} {:>7} {:>7}", "", "MB/s", "ratio");
    for ((name, _), median) in CONTENDERS.iter().zip(medians) {
        println!("{name:36} {:>7.0} {:>7.2}", log.len() as f64 / 1e6 / median, median / medians[0]);
    }
    println!(
        "\n{}: {:.2} times the duration of {}, {:.0} MB/s",
        CONTENDERS[1].0,
        medians[1] / medians[0],
        CONTENDERS[0].0,
        log.len() as f64 / 1e6 / medians[1]
    );
    Ok(())
}
