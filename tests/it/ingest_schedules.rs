//! Thousands of random schedules of deliveries: in any order and with any faults, the stored items depend only on the
//! newest version of each object. `CHURN_SCHEDULES` is the number of schedules, `CHURN_SCHEDULE_SEED` the seed of the
//! first. To repeat one schedule, set them to 1 and to the seed in the failure message.

use churn_tests::delivery::{START, run_deterministically};
use churn_tests::fault_plan::run_trials;
use churn_tests::in_process::Contents;
use churn_tests::schedule::{Report, Schedule, Version};
use ingest::IngestSettings;
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// The default of the first seed. It is fixed, so that a new failure comes from a change of the code.
const FIRST_SEED: u64 = 1;

/// With this many schedules, everything in [`EXPECTED_OCCURRENCES`] occurs.
const ENOUGH_SCHEDULES: u64 = 1000;

/// Calls, faults and results of deliveries.
const EXPECTED_OCCURRENCES: [&str; 28] = [
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
    "ConnectionRefused",
    "Throttled",
    "ServerError",
    "ResponseLost",
    "BodyTruncated",
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

/// Chunks of a line or two. No object is dead-lettered, as none of the failures is caused by an object.
fn settings() -> IngestSettings {
    IngestSettings { chunk_bytes: 200, max_attempts: 1000, ..IngestSettings::default() }
}

fn from_env<T: FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value}, expected a number")))
}

/// Runs the schedule of a seed. Returns its result and its trace.
fn run(seed: u64) -> (anyhow::Result<Report>, String) {
    let run = async {
        let mut schedule = Schedule::new(seed, START, &settings()).await.unwrap();
        (schedule.run().await, schedule.trace())
    };
    run_deterministically(seed, run).unwrap()
}

/// The expected contents by version, each computed once.
#[derive(Default)]
struct Expected(Mutex<HashMap<Version, Contents>>);

impl Expected {
    fn contents(&self, versions: &[Version]) -> Contents {
        let mut all = Contents::default();
        for version in versions {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(version).cloned();
            let contents = known.unwrap_or_else(|| {
                let contents = run_deterministically(0, version.contents(START, &settings())).unwrap().unwrap();
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
    let first: u64 = from_env("CHURN_SCHEDULE_SEED").unwrap_or(FIRST_SEED);
    let schedules: u64 = from_env("CHURN_SCHEDULES").unwrap_or(2000);
    println!("{schedules} schedules, CHURN_SCHEDULE_SEED={first}");

    let seeds: Vec<u64> = (0..schedules).map(|n| first.wrapping_add(n)).collect();
    let expected = Expected::default();
    let occurrences = Mutex::new(BTreeMap::<String, u64>::new());
    let run_seed = |(): &(), seed: &u64| {
        let (report, trace) = run(*seed);
        let failures = match report {
            Ok(report) => {
                let expected = expected.contents(&report.newest);
                let mut all = occurrences.lock().unwrap_or_else(PoisonError::into_inner);
                for (name, times) in report.occurrences {
                    *all.entry(name).or_default() += times;
                }
                let [first, again] = report.contents.map(|contents| contents.differences(&expected));
                [first, again.into_iter().map(|text| format!("after another delivery: {text}")).collect()].concat()
            }
            Err(error) => vec![error.to_string()],
        };
        match failures.is_empty() {
            true => Ok(()),
            false => Err(format!("CHURN_SCHEDULE_SEED={seed} CHURN_SCHEDULES=1\n{trace}\n{}\n", failures.join("\n"))),
        }
    };
    run_trials(&seeds, || (), run_seed);

    let occurrences = occurrences.into_inner().unwrap();
    println!("{occurrences:?}");
    if schedules >= ENOUGH_SCHEDULES {
        let missing: Vec<_> =
            EXPECTED_OCCURRENCES.into_iter().filter(|name| !occurrences.contains_key(*name)).collect();
        assert!(missing.is_empty(), "{missing:?} did not occur in {schedules} schedules: {occurrences:?}");
    }
}

#[test]
fn schedules_are_reproducible() {
    for seed in 0..5 {
        assert_eq!(run(seed).1, run(seed).1);
    }
}
