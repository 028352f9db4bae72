//! Every call of `ingest` fails with each fault, once and permanently, and `ingest` is killed at every call. The next
//! delivery of the event must produce the same items as a run without faults: Lambda's retry, the same event after the end
//! of the lease, or the event that a restarted local stack delivers.

use churn_local::resume::release_leases;
use churn_tests::call::Call;
use churn_tests::delivery::{DeliveryAttempt, START, TIME_LIMIT_MS, run_deterministically};
use churn_tests::fault::Fault;
use churn_tests::fault_plan::{FaultInjector, FaultPlan, run_trials};
use churn_tests::in_process::{Contents, InProcessStores};
use churn_tests::ingest_fixture::gzip;
use churn_tests::{record, removal};
use ingest::IngestSettings;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Times that Lambda delivers an event.
const LAMBDA_DELIVERIES: u32 = 3;

/// Small chunks, so that a small object has several.
fn settings() -> IngestSettings {
    IngestSettings { chunk_bytes: 4096, ..IngestSettings::default() }
}

/// Lines of `users` users, each with sessions on one of two days.
fn log(users: u32, day: u64) -> String {
    let line = |user: u32| {
        let ts = 1_538_352_000_000 + (day + u64::from(user % 2)) * 86_400_000 + u64::from(user) * 1000;
        format!(r#"{{"ts":{ts},"userId":"{user}","sessionId":{day},"page":"NextSong","level":"paid"}}"#) + "\n"
    };
    (0..users).map(line).collect()
}

/// Offers to `users` users, each on one of two days.
fn offers(users: u32) -> String {
    let line = |user: u32| {
        let ts = 1_538_352_000_000 + u64::from(user % 2) * 86_400_000;
        format!(r#"{{"ts":{ts},"user_id":"{user}","offer_id":"spring","accepted":true}}"#) + "\n"
    };
    (0..users).map(line).collect()
}

/// The first delivery of an event.
fn first(event: Value) -> DeliveryAttempt {
    DeliveryAttempt { event, request_id: "first".into(), now: START, is_short_of_time: false }
}

/// Stores with two ingested objects, and an event with five records: one of these objects has a new version, the other
/// is removed, and three objects are new. One of the new objects repeats lines of another object. Two objects have offers.
async fn prepared() -> anyhow::Result<(InProcessStores, Value)> {
    let local = InProcessStores::new(START).await?;
    let put = async |key: &str, body: &[u8], version| {
        anyhow::Ok(record("churn-logs", key, &local.put(key, body).await?, version))
    };
    let rejected = "not an event\n";
    let old = [
        put("corrected.json", (log(6, 10) + rejected).as_bytes(), 1).await?,
        put("offers/removed.json", (offers(4) + rejected).as_bytes(), 1).await?,
    ];
    let before = DeliveryAttempt { request_id: "before".into(), ..first(json!({ "Records": old })) };
    local.process_without_faults().deliver(before, &settings()).await?;
    let new = [
        put("chunks.json", log(70, 30).as_bytes(), 1).await?,
        put("corrected.json", (log(5, 10) + rejected + rejected).as_bytes(), 2).await?,
        put("packed.json.gz", &gzip(log(3, 10).as_bytes()), 1).await?,
        put("offers/new.json", (offers(3) + rejected).as_bytes(), 1).await?,
        removal("churn-logs", "offers/removed.json", 2),
    ];
    local.remove("offers/removed.json").await?;
    Ok((local, json!({ "Records": new })))
}

/// The contents after a run without faults, and the calls of its first invocation.
async fn without_faults(is_short_of_time: bool) -> anyhow::Result<(Contents, Vec<Call>)> {
    let (local, event) = prepared().await?;
    let injector = Arc::new(FaultInjector::without_faults());
    local.process(injector.clone()).deliver(DeliveryAttempt { is_short_of_time, ..first(event) }, &settings()).await?;
    deliver_all(&local, Vec::new()).await?;
    Ok((local.contents().await?, injector.calls()))
}

/// Delivers `pending` events, and those with which the function invokes itself, until none is left.
async fn deliver_all(local: &InProcessStores, mut pending: Vec<DeliveryAttempt>) -> anyhow::Result<()> {
    let mut continuations = 0;
    loop {
        let queued = local.queued().map(|event| {
            continuations += 1;
            DeliveryAttempt { request_id: format!("continuation {continuations}"), now: local.now(), ..first(event) }
        });
        let Some(next) = pending.pop().or(queued) else { return Ok(()) };
        let mut failures = 0;
        while let Err(error) = local.process_without_faults().deliver(next.clone(), &settings()).await {
            failures += 1;
            anyhow::ensure!(failures < LAMBDA_DELIVERIES, "failed {failures} times: {error}");
        }
    }
}

/// The delivery after the one with the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Redelivery {
    /// Lambda's retry, which has the same request id, before the end of the lease.
    Retry,
    /// Lambda's retry, after the end of the lease.
    LateRetry,
    /// The same event with other request ids, as a queue delivers it: once before the end of the lease, and once after it.
    NewInvocation,
    /// The event of a local stack that starts after its predecessor was killed. `late`: after the end of the lease.
    Restart { late: bool },
}

impl Redelivery {
    /// After a fault that does not kill the process, only Lambda's retry: the process has released its lease.
    fn all_after(plan: FaultPlan) -> &'static [Self] {
        match plan {
            FaultPlan::Kill { .. } => &[
                Self::Retry,
                Self::LateRetry,
                Self::NewInvocation,
                Self::Restart { late: false },
                Self::Restart { late: true },
            ],
            _ => &[Self::Retry],
        }
    }
}

/// A fault at a call of the first delivery, and the kind of the second delivery.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: usize,
    plan: FaultPlan,
    /// Whether time is short in the first invocation, so that it continues in another.
    is_short_of_time: bool,
    redelivery: Redelivery,
}

impl Trial {
    /// All trials, given the calls of a run without faults.
    fn all(calls: &[Call], is_short_of_time: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            for plan in FaultPlan::all_at(call) {
                let redeliveries = Redelivery::all_after(plan).iter();
                all.extend(redeliveries.map(|redelivery| Self { at, plan, is_short_of_time, redelivery: *redelivery }));
            }
        }
        all
    }

    /// Delivers the event to a process with the fault, and then again until it succeeds. The error lists the
    /// differences.
    async fn run(self, expected: &Contents) -> Result<(), String> {
        let injector = Arc::new(FaultInjector::new(self.at, self.plan));
        let result = self.run_with(&injector, expected).await;
        result.map_err(|error| injector.describe(&self, &error))
    }

    async fn run_with(self, injector: &Arc<FaultInjector>, expected: &Contents) -> anyhow::Result<()> {
        let (local, event) = prepared().await?;
        let attempt = DeliveryAttempt { is_short_of_time: self.is_short_of_time, ..first(event.clone()) };
        let process = local.process(injector.clone());
        injector.run_with_fault(async move { process.deliver(attempt, &settings()).await }).await?;
        let new = |request_id: &str| DeliveryAttempt { request_id: request_id.into(), ..first(event.clone()) };
        let second = match self.redelivery {
            Redelivery::Retry | Redelivery::LateRetry => first(event.clone()),
            Redelivery::NewInvocation => {
                // It fails if the killed invocation holds the lease of one of the objects.
                let early = local.process_without_faults().deliver(new("early"), &settings()).await;
                anyhow::ensure!(early.err().is_none_or(|error| error.to_string().contains("holds the lease")));
                new("second")
            }
            Redelivery::Restart { .. } => new("second"),
        };
        if !matches!(self.redelivery, Redelivery::Retry | Redelivery::Restart { late: false }) {
            local.advance(TIME_LIMIT_MS);
        }
        if matches!(self.redelivery, Redelivery::Restart { .. }) {
            release_leases(&local.process_without_faults().stores.ledger).await?;
        }
        deliver_all(&local, vec![DeliveryAttempt { now: local.now(), ..second }]).await?;
        let differences = local.contents().await?.differences(expected);
        anyhow::ensure!(differences.is_empty(), differences.join("\n"));
        Ok(())
    }
}

/// Runs all trials. `operations` must be among the calls.
fn check(is_short_of_time: bool, operations: &[&str]) {
    let (expected, calls) = run_deterministically(0, without_faults(is_short_of_time)).unwrap().unwrap();
    let trials = Trial::all(&calls, is_short_of_time);
    run_trials(&trials, || (), |(), trial| run_deterministically(trial.at as u64, trial.run(&expected)).unwrap());
    let injected: BTreeSet<Fault> = trials.iter().filter_map(|trial| trial.plan.fault()).collect();
    // `ingest` calls no event bus.
    let of_bus = [Fault::Rejected, Fault::HalfRejected];
    assert_eq!(injected, Fault::ALL.into_iter().filter(|fault| !of_bus.contains(fault)).collect());
    for operation in operations {
        assert!(calls.iter().any(|call| call.operation == *operation), "{operation} was not called");
    }
}

#[test]
fn redelivery_recovers_from_any_single_fault() {
    check(
        false,
        &[
            "GetItem",
            "PutItem",
            "BatchWriteItem",
            "Query",
            "Scan",
            "GetObject",
            "PutObject",
            "DeleteObject",
            "ListObjectsV2",
        ],
    );
}

#[test]
fn continuation_recovers_from_any_single_fault() {
    check(true, &["GetItem", "PutItem", "BatchWriteItem", "GetObject", "PutObject", "Invoke"]);
}
