//! The delivery of alerts: every call fails with each fault, once and permanently, and the process is killed at every call. The
//! next run completes the delivery: each alert arrives, with the same id, and twice only if the answer of the bus was lost.

use anyhow::{Context, ensure};
use churn_common::actions::Actions;
use churn_common::calendar::{Day, Timestamp};
use churn_common::event_bus::EventSettings;
use churn_common::ids::UserId;
use churn_common::language::Language;
use churn_common::model::ModelVersion;
use churn_common::pseudonym::StoredUser;
use churn_common::risk::{AlertState, UserRisk};
use churn_common::store::StoreError;
use churn_local::sns::topic_arn;
use churn_tests::call::{Call, Service};
use churn_tests::delivery::run_deterministically;
use churn_tests::fault::Fault;
use churn_tests::fault_plan::{FaultInjector, FaultPlan, run_trials};
use churn_tests::in_process::InProcessStores;
use churn_tests::risk_record::{self, params, record};
use churn_tests::transport::{CallInterceptor, NoFaults, Verdict};
use futures::future::BoxFuture;
use score::{AlertDelivery, AlertSettings, AlertTargets, Outbox};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const START: Timestamp = Timestamp::from_millis(1_764_000_000_000);
/// Milliseconds after which Lambda retries a request.
const RETRY: i64 = 60_000;
/// Milliseconds until the run of the next day.
const NEXT_DAY: i64 = 86_400_000;

/// The record of a user who became at risk on the day of `scored_at`, with a due alert.
pub fn due(user: u32, probability: f64, scored_at: Timestamp) -> UserRisk {
    record(None, &risk_record::score(&user.to_string(), probability, scored_at), &params())
}

/// Stores with due alerts. The first user is the most probable.
struct AlertFixture {
    local: InProcessStores,
    users: u32,
}

impl AlertFixture {
    async fn new(users: u32) -> anyhow::Result<Self> {
        let fixture = Self { local: InProcessStores::new(START).await?, users };
        let stores = fixture.local.process_without_faults().stores;
        for user in 0..users {
            ensure!(
                stores.risks.put(&due(user, 0.9 - 0.01 * f64::from(user), START)).await?,
                "user {user} has a record"
            );
        }
        Ok(fixture)
    }

    fn deliver(
        &self,
        interceptor: Arc<dyn CallInterceptor>,
        run: &'static str,
        now: Timestamp,
        max_daily_alerts: u64,
    ) -> impl Future<Output = Result<AlertDelivery, StoreError>> + use<> {
        let (stores, config) = (self.local.process(Arc::clone(&interceptor)).stores, self.local.config(interceptor));
        let bus = EventSettings { event_bus: Some("churn".into()) };
        let settings = AlertSettings { alert_topic: Some(topic_arn()), ..AlertSettings::default() };
        let targets = AlertTargets::connect(&config, &bus, &settings);
        async move {
            let actions = Actions::load(None).unwrap();
            let deadline = Instant::now() + Duration::from_secs(900);
            let (risks, as_of) = (&stores.risks, now.day());
            let outbox = Outbox {
                risks,
                targets: &targets,
                actions: &actions,
                request_id: run,
                now,
                deadline,
                as_of,
                max_daily_alerts,
            };
            outbox.deliver(&[]).await
        }
    }

    async fn deliver_without_faults(&self, run: &'static str, now: Timestamp) -> anyhow::Result<AlertDelivery> {
        Ok(self.deliver(Arc::new(NoFaults), run, now, 100).await?)
    }

    /// The number of events by user. Events of one user have the same alert id.
    fn events(&self) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut ids: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in self.local.events()? {
            let user = event["detail"]["user_id"].as_str().context("no user")?.to_owned();
            ids.entry(user).or_default().push(event["detail"]["alert_id"].clone());
        }
        ensure!(ids.values().all(|ids| ids.iter().all(|id| *id == ids[0])), "alert ids differ: {ids:?}");
        Ok(ids.into_iter().map(|(user, ids)| (user, ids.len())).collect())
    }

    /// Checks that every alert was delivered, in an event and in a digest. An event may be repeated if `may_repeat`.
    async fn check(&self, may_repeat: bool) -> anyhow::Result<()> {
        let (events, digests) = (self.events()?, self.local.messages()?);
        for user in (0..self.users).map(|user| user.to_string()) {
            let stored = StoredUser::from_stored(&user).context("no user")?;
            let risk =
                self.local.process_without_faults().stores.risks.get_stored(&stored).await?.context("no record")?;
            let alert = risk.alert.context("no alert")?;
            ensure!(alert.state() == AlertState::Sent && alert.claim.is_none(), "{alert:?}");
            let n = events.get(&user).copied().unwrap_or_default();
            ensure!(n == 1 || (n > 1 && may_repeat), "{n} events of user {user}");
            let names =
                |digest: &Value| digest["message"].as_str().is_some_and(|text| text.contains(&format!("\n{user}: ")));
            ensure!(digests.iter().any(names), "user {user} is in no digest: {digests:?}");
        }
        Ok(())
    }
}

/// A topic that accepts no message.
#[derive(Debug)]
struct FailingTopic;

impl CallInterceptor for FailingTopic {
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict> {
        let fails = call.service == Service::Sns;
        Box::pin(async move { if fails { Verdict::Fail(Fault::ServerError) } else { Verdict::Pass } })
    }
}

/// Whether the answer of the bus is lost with a fault of this plan at the call with index `at`.
fn loses_answer(calls: &[Call], at: usize, plan: FaultPlan) -> bool {
    let position = |service| calls.iter().position(|call| call.service == service).unwrap();
    match plan {
        // The event of a call that is not performed is not sent.
        FaultPlan::Kill { performed } if at == position(Service::EventBridge) => performed,
        _ if at == position(Service::EventBridge) => plan.fault() == Some(Fault::ResponseLost),
        FaultPlan::Once(_) => false,
        // The answer arrives, but the id of the event cannot be stored.
        _ => (position(Service::EventBridge)..position(Service::Sns)).contains(&at),
    }
}

#[derive(Debug, Clone, Copy)]
struct Trial {
    at: usize,
    plan: FaultPlan,
    /// Whether the next day's run completes the delivery, instead of Lambda's retry.
    by_next_run: bool,
}

fn trials(calls: &[Call]) -> Vec<Trial> {
    let mut all = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let faults = [Fault::ServerError, Fault::ResponseLost, Fault::HalfRejected];
        let faults = faults.into_iter().filter(|fault| fault.applies_to(call));
        let mut plans: Vec<_> =
            faults.flat_map(|fault| [FaultPlan::Once(fault), FaultPlan::FromHereOn(fault)]).collect();
        plans.extend([FaultPlan::Kill { performed: false }, FaultPlan::Kill { performed: true }]);
        all.extend(plans.into_iter().map(|plan| Trial { at, plan, by_next_run: false }));
        all.push(Trial { at, plan: FaultPlan::Kill { performed: true }, by_next_run: true });
    }
    all
}

#[test]
fn delivery_survives_any_single_fault() {
    let without_faults = async {
        let fixture = AlertFixture::new(3).await?;
        let injector = Arc::new(FaultInjector::without_faults());
        let delivery = fixture.deliver(injector.clone(), "request", START, 100).await?;
        ensure!((delivery.sent, delivery.failed, delivery.waiting) == (3, 0, 0), "{delivery:?}");
        fixture.check(false).await?;
        anyhow::Ok(injector.calls())
    };
    let calls = run_deterministically(0, without_faults).unwrap().unwrap();
    for operation in ["PutEvents", "Publish", "PutItem", "Query"] {
        assert!(calls.iter().any(|call| call.operation == operation), "{operation} was not called");
    }
    let run = async |trial: &Trial, injector: &Arc<FaultInjector>| {
        let fixture = AlertFixture::new(3).await?;
        injector.run_with_fault(fixture.deliver(injector.clone(), "request", START, 100)).await?;
        let (run, after) = if trial.by_next_run { ("next", NEXT_DAY) } else { ("request", RETRY) };
        fixture.deliver_without_faults(run, Timestamp::from_millis(START.millis() + after)).await?;
        fixture.check(loses_answer(&calls, trial.at, trial.plan)).await
    };
    run_trials(
        &trials(&calls),
        || (),
        |(), trial| {
            let injector = Arc::new(FaultInjector::new(trial.at, trial.plan));
            let done = run_deterministically(trial.at as u64, run(trial, &injector)).unwrap();
            done.map_err(|error| injector.describe(trial, &error))
        },
    );
}

#[test]
fn runs_at_the_same_time_send_each_alert_once() {
    let test = async {
        let fixture = AlertFixture::new(25).await?;
        let deliver = |run| fixture.deliver(Arc::new(NoFaults), run, START, 100);
        let (first, second, third) = tokio::try_join!(deliver("a"), deliver("b"), deliver("c"))?;
        ensure!(first.sent + second.sent + third.sent == 25, "{first:?} {second:?} {third:?}");
        fixture.check(false).await
    };
    run_deterministically(1, test).unwrap().unwrap();
}

#[test]
fn daily_cap_leaves_the_least_probable_for_the_next_day() {
    let test = async {
        let fixture = AlertFixture::new(14).await?;
        let now = |hours: i64| Timestamp::from_millis(START.millis() + 3_600_000 * hours);
        let deliver = |run, hours, cap| fixture.deliver(Arc::new(NoFaults), run, now(hours), cap);
        let counts = |delivery: &AlertDelivery| (delivery.sent, delivery.retried, delivery.waiting);
        ensure!(counts(&deliver("a", 0, 12).await?) == (12, 0, 2));
        ensure!(fixture.events()?.keys().all(|user| user.parse::<u32>().is_ok_and(|user| user < 12)));
        ensure!(counts(&deliver("b", 1, 12).await?) == (0, 0, 2), "the cap is one of the day");
        ensure!(counts(&deliver("c", 24, 12).await?) == (2, 2, 0));
        ensure!(fixture.local.messages()?.len() == 2, "one digest for each run with alerts");
        fixture.check(false).await
    };
    run_deterministically(2, test).unwrap().unwrap();
}

#[test]
fn failed_targets_are_counted_and_the_next_run_delivers() {
    let test = async {
        let fixture = AlertFixture::new(3).await?;
        let fail = |at, run| {
            let injector = Arc::new(FaultInjector::new(at, FaultPlan::SameCall(Fault::ServerError)));
            fixture.deliver(injector, run, START, 100)
        };
        let injector = Arc::new(FaultInjector::without_faults());
        let calls = {
            let other = AlertFixture::new(3).await?;
            other.deliver(injector.clone(), "a", START, 100).await?;
            injector.calls()
        };
        let position = |name: &str| calls.iter().position(|call| call.operation == name).context("no call");
        let bus = fail(position("PutEvents")?, "a").await?;
        ensure!((bus.sent, bus.failed, &bus.digest) == (0, 3, &None), "{bus:?}");
        let error = bus.error.unwrap_or_default();
        ensure!(error.starts_with("PutEvents on churn failed: InternalException"), "{error}");
        ensure!(fixture.local.events()?.is_empty());
        // At once, by another request: a failed delivery leaves no claim.
        let topic = fail(position("Publish")?, "b").await?;
        ensure!((topic.sent, topic.failed, &topic.error) == (0, 3, &None), "{topic:?}");
        let digest = json!(topic.digest)["error"].as_str().unwrap_or_default().to_owned();
        ensure!(digest.contains("InternalError: a fault"), "{digest}");
        let done = fixture.deliver_without_faults("c", START).await?;
        ensure!((done.sent, done.failed) == (3, 0), "{done:?}");
        fixture.check(false).await
    };
    run_deterministically(3, test).unwrap().unwrap();
}

#[test]
fn failing_topic_keeps_no_event_back() {
    let test = async {
        let fixture = AlertFixture::new(5).await?;
        let now = |days: i64| Timestamp::from_millis(START.millis() + NEXT_DAY * days);
        for (days, run) in [(0, "a"), (1, "b"), (2, "c")] {
            let delivery = fixture.deliver(Arc::new(FailingTopic), run, now(days), 2).await?;
            ensure!(delivery.sent == 0 && json!(delivery.digest)["error"].is_string(), "{delivery:?}");
        }
        ensure!(fixture.events()?.len() == 5, "two events a day: {:?}", fixture.events()?);
        ensure!(fixture.deliver(Arc::new(NoFaults), "d", now(3), 2).await?.sent == 5);
        ensure!(fixture.local.messages()?.len() == 1);
        fixture.check(false).await
    };
    run_deterministically(6, test).unwrap().unwrap();
}

#[test]
fn alert_of_an_erased_user_is_not_sent() {
    let test = async {
        let fixture = AlertFixture::new(2).await?;
        let stores = fixture.local.process_without_faults().stores;
        stores.risks.delete(&UserId::new("0").context("no user")?).await?;
        let delivery = fixture.deliver_without_faults("a", START).await?;
        ensure!(delivery.sent == 1, "{delivery:?}");
        ensure!(fixture.events()? == BTreeMap::from([("1".to_owned(), 1)]));
        ensure!(fixture.local.messages()?.iter().all(|digest| !digest.to_string().contains("\\n0: ")));
        anyhow::Ok(())
    };
    run_deterministically(4, test).unwrap().unwrap();
}

#[test]
fn event_and_digest_have_their_public_form() {
    let test = async {
        let fixture = AlertFixture::new(1).await?;
        fixture.deliver_without_faults("a", START).await?;
        let event = fixture.local.events()?.remove(0);
        let day = Day::parse("2025-11-24").context("no day")?;
        let risk = due(0, 0.9, START);
        let reason = risk.reasons[0].reason(30, Language::English).context("no reason")?;
        let text = "Songs played in the last 30 days: 3; this raises the risk of leaving.";
        let action = Actions::load(None)?.get("retention_offer", Language::English);
        let detail = json!({"alert_id": risk.alert.context("no alert")?.id, "user_id": "0", "churn_probability": 0.9,
            "previous_level": null, "risk_level": "critical", "reasons": [reason], "recommended_action": action, "group": "treatment",
            "model_version": ModelVersion::from_file(b"model"), "became_high_on": day, "as_of": day});
        ensure!(
            (&event["source"], &event["detail-type"]) == (&json!("churn.score"), &json!("User At Risk")),
            "{event}"
        );
        ensure!(event["detail"] == detail, "{event}");
        let digest = fixture.local.messages()?.remove(0);
        ensure!(digest["subject"] == "Churn: 1 user at risk", "{digest}");
        let expected = format!("1 user became at risk: 1 critical, 0 high.\n\n0: 90.0 %, critical. {text}\n");
        ensure!(digest["message"] == expected, "{digest}");
        anyhow::Ok(())
    };
    run_deterministically(5, test).unwrap().unwrap();
}
