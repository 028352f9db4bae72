//! Every call of a `score` run fails, once and permanently, and the process is killed at every call. The repeated
//! run ends in the same state as a run without faults, and at no time is an alert due whose user is not among the assignments.

use anyhow::{Context, ensure};
use churn_common::calendar::Timestamp;
use churn_common::risk::UserRisk;
use churn_common::store::Stores;
use churn_common::store::objects::Condition;
use churn_common::table::read_assignments;
use churn_tests::delivery::run_deterministically;
use churn_tests::fault::Fault;
use churn_tests::fault_plan::{FaultInjector, FaultPlan, run_trials};
use churn_tests::score_fixture::{Listener, NOW, ScoreFixture, listener};
use score::{Outcome, ScoreError, ScoreSettings};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Milliseconds until Lambda repeats a run.
const RETRY: i64 = 60_000;

/// On the second day, `changed` is at another level, `crosses` becomes at risk, `cancels` cancels, and the others are as before.
const FIRST_DAY: [Listener; 5] = [
    Listener { name: "changed", days_ago: 2, songs: 15, cancels: false },
    Listener { name: "unchanged", days_ago: 2, songs: 30, cancels: false },
    Listener { name: "crosses", days_ago: 30, songs: 20, cancels: false },
    Listener { name: "cancels", days_ago: 2, songs: 3, cancels: false },
    Listener { name: "steady", days_ago: 5, songs: 8, cancels: false },
];

fn payload() -> Value {
    json!({"total_segments": 1, "control_share": 0, "orphan_search_days": 1, "export_audience": "csv"})
}

fn second_day() -> Timestamp {
    NOW.plus_days(1)
}

async fn run(stores: Stores, now: Timestamp) -> Result<Outcome, ScoreError> {
    score::handle(payload(), &stores, &ScoreSettings::default(), &score::Alerts::none(), now).await
}

/// The stores before the second day.
struct Before {
    fixture: ScoreFixture,
    files: BTreeMap<String, Vec<u8>>,
    records: BTreeMap<String, UserRisk>,
}

#[derive(Debug, PartialEq)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    records: BTreeMap<String, UserRisk>,
}

impl Before {
    async fn new() -> anyhow::Result<Self> {
        let fixture = ScoreFixture::new(&FIRST_DAY).await?;
        fixture.ingest("removed.json", &[listener("orphan", 1, 3)], 1).await?;
        run(fixture.stores(), NOW).await?;
        fixture.remove("removed.json", 2).await?;
        let cancels = Listener { cancels: true, ..listener("cancels", 0, 1) };
        fixture.ingest("second.json", &[listener("changed", 0, 9), listener("crosses", 0, 6), cancels], 1).await?;
        let (files, records) = (fixture.files().await?, fixture.records().await?);
        ensure!(records.len() == 6, "{records:?}");
        Ok(Self { fixture, files, records })
    }

    async fn restore(&self) -> anyhow::Result<()> {
        let Stores { store, risks, .. } = self.fixture.stores();
        for (key, _) in self.fixture.files().await? {
            if !self.files.contains_key(&key) {
                store.delete(&key).await?;
            }
        }
        for (key, bytes) in &self.files {
            store.put(key, bytes.clone(), "", Condition::Always).await?;
        }
        for risk in self.fixture.records().await?.into_values() {
            ensure!(risks.delete_unchanged(&risk).await?, "the record changed");
        }
        for risk in self.records.values() {
            // All are of the first write.
            ensure!(risks.put(risk).await?, "the record exists");
        }
        Ok(())
    }

    async fn state(&self) -> anyhow::Result<State> {
        let mut records = self.fixture.records().await?;
        // A retry starts later.
        records.values_mut().for_each(|risk| risk.scored_at = NOW);
        Ok(State { files: self.fixture.files().await?, records })
    }

    /// Checks what a reader may rely on at any time.
    async fn check(&self) -> anyhow::Result<()> {
        let files = self.fixture.files().await?;
        let mut assigned = BTreeSet::new();
        for (key, file) in files.iter().filter(|(key, _)| key.starts_with("assignments/")) {
            let crossings = read_assignments(file.clone()).with_context(|| key.clone())?;
            assigned.extend(crossings.into_iter().map(|c| (c.user.to_string(), c.became_high_on)));
        }
        for (name, risk) in self.fixture.records().await? {
            let crossed_on = risk.crossed_on.filter(|_| risk.has_due_alert());
            ensure!(crossed_on.is_none_or(|day| assigned.contains(&(name.clone(), day))), "{name} is not assigned");
        }
        for (key, file) in files.iter().filter(|(key, _)| key.ends_with("_manifest.json")) {
            let manifest: Value = serde_json::from_slice(file)?;
            for listed in
                ["scores", "assignments"].iter().flat_map(|kind| manifest[kind].as_array().into_iter().flatten())
            {
                ensure!(files.contains_key(listed.as_str().unwrap_or_default()), "{key} lists {listed}");
            }
        }
        Ok(())
    }
}

#[test]
fn scoring_survives_any_single_fault() {
    let without_faults = async {
        let before = Before::new().await?;
        let injector = Arc::new(FaultInjector::without_faults());
        run(before.fixture.local.process(injector.clone()).stores, second_day()).await?;
        before.check().await?;
        anyhow::Ok((before.state().await?, injector.calls()))
    };
    let (expected, calls) = run_deterministically(0, without_faults).unwrap().unwrap();
    let names: Vec<&String> = expected.records.keys().collect();
    assert_eq!(names, ["changed", "crosses", "steady", "unchanged"]);
    assert!(expected.records["crosses"].has_due_alert());

    let plans = [
        FaultPlan::Once(Fault::ResponseLost),
        FaultPlan::Once(Fault::NothingProcessed),
        FaultPlan::Once(Fault::BodyTruncated),
        FaultPlan::FromHereOn(Fault::ServerError),
        FaultPlan::Kill { performed: false },
        FaultPlan::Kill { performed: true },
    ];
    let mut trials = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let applies = |plan: &&FaultPlan| plan.fault().is_none_or(|fault| fault.applies_to(call));
        trials.extend(plans.iter().filter(applies).map(|plan| (at, *plan)));
    }
    let attempt = async |before: &Before, plan: FaultPlan, injector: &Arc<FaultInjector>| {
        before.restore().await?;
        let stores = before.fixture.local.process(injector.clone()).stores;
        injector.run_with_fault(run(stores, second_day())).await?;
        before.check().await.context("after the fault")?;
        if !matches!(plan, FaultPlan::Once(_)) {
            let later = Timestamp::from_millis(second_day().millis() + RETRY);
            run(before.fixture.stores(), later).await.context("the repeated run")?;
            before.check().await.context("after the repeated run")?;
        }
        let state = before.state().await?;
        ensure!(state.records == expected.records, "{:?}, expected {:?}", state.records, expected.records);
        let differing: Vec<_> =
            state.files.iter().filter(|(key, file)| expected.files.get(*key) != Some(file)).collect();
        ensure!(differing.is_empty(), "other files: {:?}", differing.iter().map(|(key, _)| key).collect::<Vec<_>>());
        ensure!(state.files.len() == expected.files.len(), "files are missing");
        anyhow::Ok(())
    };
    let prepare = || run_deterministically(0, Before::new()).unwrap().unwrap();
    run_trials(&trials, prepare, |before, (at, plan)| {
        let injector = Arc::new(FaultInjector::new(*at, *plan));
        let done = run_deterministically(*at as u64, attempt(before, *plan, &injector)).unwrap();
        done.map_err(|error| injector.describe(&(at, plan), &error))
    });
    for operation in
        ["Scan", "Query", "BatchGetItem", "PutItem", "DeleteItem", "GetObject", "PutObject", "ListObjectsV2"]
    {
        assert!(calls.iter().any(|call| call.operation == operation), "{operation} was not called");
    }
}
