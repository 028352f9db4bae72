//! Deliveries in thousands of random schedules: whatever happens in whatever order, the table is a function of the newest
//! version of each object. `CHURN_SCHEDULES` is how many, `CHURN_SCHEDULE_SEED` the first one's seed: to see one schedule
//! again, set them to 1 and to the seed that a failure names.

use churn_common::calendar::Timestamp;
use churn_tests::delivery::repeatably;
use churn_tests::in_process::Contents;
use churn_tests::schedule::{Report, Schedule, Version};
use ingest::IngestSettings;
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The first seed where none is given: always the same, so that what fails is a change's fault, and not chance's.
const FIRST_SEED: u64 = 1;

/// Schedules in which everything happens that can.
const ENOUGH: u64 = 1000;

/// What happens in schedules: calls, what goes wrong with them, and what deliveries end with.
const HAPPENS: [&str; 28] = [
    "GetItem",
    "PutItem",
    "BatchWriteItem",
    "Query",
    "Scan",
    "GetObject",
    "PutObject",
    "DeleteObject",
    "ListObjectsV2",
    "Invoke",
    "Refused",
    "Throttled",
    "ServerError",
    "Lost",
    "CutOff",
    "NothingProcessed",
    "HalfProcessed",
    "duplicate",
    "killed",
    "out of time",
    "failed",
    "ingested",
    "already_ingested",
    "superseded",
    "removed",
    "already_removed",
    "skipped",
    "continued",
];

/// Parts of a line or two, and as many tries as it takes: setting objects aside is for those that are at fault themselves.
fn settings() -> IngestSettings {
    IngestSettings { chunk_bytes: 200, max_attempts: 1000, ..IngestSettings::default() }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_543_838_400_000)
}

fn from_env<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

/// Runs the schedule of a seed: what it comes to, or why it does not, and its steps.
fn run(seed: u64) -> (anyhow::Result<Report>, String) {
    let run = async {
        let mut schedule = Schedule::new(seed, now(), &settings()).await.unwrap();
        (schedule.run().await, schedule.trace())
    };
    repeatably(seed, run).unwrap()
}

/// What must be stored of versions, each looked up once.
#[derive(Default)]
struct Expected(Mutex<HashMap<Version, Contents>>);

impl Expected {
    fn of(&self, versions: &[Version]) -> Contents {
        let mut all = Contents::default();
        for version in versions {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(version).cloned();
            let contents = known.unwrap_or_else(|| {
                let contents = repeatably(0, version.contents(now(), &settings())).unwrap().unwrap();
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(*version, contents.clone());
                contents
            });
            all.extend(contents);
        }
        all
    }
}

#[test]
fn any_schedule_leaves_the_newest_version_of_each_object() {
    let first = from_env("CHURN_SCHEDULE_SEED").unwrap_or(FIRST_SEED);
    let schedules: u64 = from_env("CHURN_SCHEDULES").unwrap_or(2000);
    println!("{schedules} schedules, CHURN_SCHEDULE_SEED={first}");

    let expected = Expected::default();
    let next = AtomicU64::new(0);
    let (seen, failures) = (Mutex::new(BTreeMap::<String, u64>::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= schedules {
                return;
            }
            let seed = first.wrapping_add(n);
            let (report, trace) = run(seed);
            let wrong = match report {
                Ok(report) => {
                    let expected = expected.of(&report.newest);
                    let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    for (what, times) in report.seen {
                        *all.entry(what).or_default() += times;
                    }
                    let [once, again] = report.contents.map(|contents| contents.differences(&expected));
                    [once, again.into_iter().map(|what| format!("after another delivery: {what}")).collect()].concat()
                }
                Err(error) => vec![error.to_string()],
            };
            if !wrong.is_empty() {
                let wrong = format!("CHURN_SCHEDULE_SEED={seed} CHURN_SCHEDULES=1\n{trace}\n{}\n", wrong.join("\n"));
                failures.lock().unwrap_or_else(PoisonError::into_inner).push(wrong);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    let shortest = failures.iter().min_by_key(|failure| failure.lines().count());
    assert!(failures.is_empty(), "{} of {schedules} went wrong, such as\n{}", failures.len(), shortest.unwrap());
    let seen = seen.into_inner().unwrap();
    println!("{seen:?}");
    if schedules >= ENOUGH {
        let never: Vec<_> = HAPPENS.into_iter().filter(|what| !seen.contains_key(*what)).collect();
        assert!(never.is_empty(), "{never:?} never happened in {schedules} schedules: {seen:?}");
    }
}

#[test]
fn schedules_are_reproducible() {
    for seed in 0..5 {
        assert_eq!(run(seed).1, run(seed).1);
    }
}
