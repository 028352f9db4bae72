//! The outbox: an alert is stored in the record of its user before it is sent, and marked afterwards.
//!
//! A run claims an alert, sends its event, stores the id of the event, publishes the digest and marks the alert as sent. Each of
//! these writes is conditional on the revision of the record. A later run completes an alert that is not marked. It sends the
//! event again only if the id could not be stored, and with the same alert id. Of two runs at once, one claims the alert. A record
//! that an erasure has deleted cannot be claimed.

use super::content::AlertContent;
use super::digest::{NotAlerted, digest};
use super::outcome::{AlertDelivery, DigestOutcome};
use super::targets::{AlertTargets, Topic};
use churn_common::actions::Actions;
use churn_common::calendar::{Day, Timestamp};
use churn_common::event_bus::{EventBus, PublishError};
use churn_common::pseudonym::StoredUser;
use churn_common::risk::{Alert, Claim, Crossing, Group, UserRisk};
use churn_common::store::StoreError;
use churn_common::store::risks::{MAX_BATCH, Risks};
use futures::future::{join_all, try_join_all};
use lambda_runtime::tracing;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Longest time for a call of the bus or the topic, with its retries.
const BUDGET: Duration = Duration::from_secs(10);
/// Time before the deadline that is reserved for marks and the response.
const RESERVE: Duration = Duration::from_secs(20);
/// Records that are read at the same time.
const PAGE: u16 = MAX_BATCH as u16;
/// Records that are written at the same time.
const CONCURRENCY: usize = EventBus::MAX_EVENTS;

/// What a delivery works with.
pub struct Outbox<'a> {
    pub risks: &'a Risks,
    pub targets: &'a AlertTargets,
    pub actions: &'a Actions,
    /// A retry of the request has the same id, and continues with the alerts that it had claimed.
    pub request_id: &'a str,
    pub now: Timestamp,
    pub deadline: Instant,
    /// The day of the scores.
    pub as_of: Day,
    /// Most alerts that the runs of a day deliver.
    pub max_daily_alerts: u64,
}

impl Outbox<'_> {
    /// Delivers due alerts, the most probable users first. `crossings` are those of the day.
    ///
    /// # Errors
    /// The table failed. What was sent is marked as far as possible; a retry completes the rest.
    pub async fn deliver(&self, crossings: &[Crossing]) -> Result<AlertDelivery, StoreError> {
        let mut delivery = AlertDelivery::default();
        let due = self.risks.count_due_alerts().await?;
        if self.targets.is_empty() {
            return Ok(AlertDelivery { waiting: due, ..delivery });
        }
        let candidates = self.candidates(crossings, &mut delivery).await?;
        let mut published = Vec::new();
        let sent = self.send_events(&candidates, &mut published, &mut delivery).await;
        let taken = published.len() as u64 + delivery.failed + delivery.in_progress;
        delivery.waiting = due.max(candidates.len() as u64).saturating_sub(taken);
        let control = crossings.iter().filter(|crossing| crossing.assignment.group == Group::Control).count() as u64;
        let not_alerted = NotAlerted { waiting: delivery.waiting, control };
        self.complete(published, not_alerted, &mut delivery).await?;
        sent.map(|()| delivery)
    }

    /// Sends the events of `candidates` while there is time, and adds the records whose event was sent to `published`.
    async fn send_events(
        &self,
        candidates: &[UserRisk],
        published: &mut Vec<UserRisk>,
        delivery: &mut AlertDelivery,
    ) -> Result<(), StoreError> {
        for batch in candidates.chunks(EventBus::MAX_EVENTS) {
            if self.time_left().is_zero() {
                break;
            }
            let claimed = self.claim(batch, delivery).await?;
            if !self.publish(claimed, published, delivery).await? {
                break;
            }
        }
        Ok(())
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).saturating_sub(RESERVE).min(BUDGET)
    }

    /// Due alerts that no other run delivers, those whose event was not sent first. Only these count towards the daily cap: otherwise,
    /// alerts that only wait for a digest could keep others back.
    async fn candidates(
        &self,
        crossings: &[Crossing],
        delivery: &mut AlertDelivery,
    ) -> Result<Vec<UserRisk>, StoreError> {
        let sent = self.risks.alerts_sent_on(self.as_of).await?;
        let left = usize::try_from(self.max_daily_alerts.saturating_sub(sent)).unwrap_or(usize::MAX);
        let (mut due, mut cursor) = (Vec::new(), None);
        while due.len() < left {
            let page = self.risks.due_alerts(PAGE, cursor.as_ref()).await?;
            due.extend(page.risks);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let newest = self.not_in_index(crossings, &due, left).await?;
        due.extend(newest);
        // The index may show an alert as due whose event was sent within the last seconds.
        due.retain(|risk| !risk.is_event_sent());
        sort_riskiest_first(&mut due);
        due.truncate(left);
        let mut cursor = None;
        loop {
            let page = self.risks.due_alerts_with_event(PAGE, cursor.as_ref()).await?;
            due.extend(page.risks.into_iter().filter(UserRisk::is_event_sent));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let all = due.len();
        due.retain(|risk| !risk.alert.as_ref().is_some_and(|a| a.is_claimed_by_another(self.request_id, self.now)));
        delivery.in_progress += (all - due.len()) as u64;
        Ok(due)
    }

    /// The due alerts of the day that the index does not show yet: it is updated within seconds.
    async fn not_in_index(
        &self,
        crossings: &[Crossing],
        due: &[UserRisk],
        max: usize,
    ) -> Result<Vec<UserRisk>, StoreError> {
        let shown: HashSet<&StoredUser> = due.iter().map(|risk| &risk.user).collect();
        let is_missing = |c: &&Crossing| c.assignment.group == Group::Treatment && !shown.contains(&c.user);
        let mut missing: Vec<&Crossing> = crossings.iter().filter(is_missing).collect();
        missing.sort_by(|a, b| b.probability.get().total_cmp(&a.probability.get()));
        missing.truncate(max);
        let mut found = Vec::new();
        for batch in missing.chunks(MAX_BATCH) {
            let users: Vec<StoredUser> = batch.iter().map(|crossing| crossing.user.clone()).collect();
            found.extend(self.risks.get_batch(&users).await?.into_values().filter(UserRisk::has_due_alert));
        }
        Ok(found)
    }

    /// The records whose alerts are now this run's.
    async fn claim(&self, batch: &[UserRisk], delivery: &mut AlertDelivery) -> Result<Vec<UserRisk>, StoreError> {
        let claim = Claim::new(self.request_id, self.now);
        let claimed = batch.iter().map(|risk| {
            let claimed = risk.with_alert(|alert| alert.claimed(claim.clone()));
            async move { Ok::<_, StoreError>(self.risks.put(&claimed).await?.then_some(claimed)) }
        });
        let claimed: Vec<UserRisk> = try_join_all(claimed).await?.into_iter().flatten().collect();
        // Another run has written the others, or an erasure has deleted them.
        delivery.in_progress += (batch.len() - claimed.len()) as u64;
        Ok(claimed)
    }

    /// Sends the events, and adds the records whose event was sent to `published`. Returns whether it makes sense to go on.
    async fn publish(
        &self,
        claimed: Vec<UserRisk>,
        published: &mut Vec<UserRisk>,
        delivery: &mut AlertDelivery,
    ) -> Result<bool, StoreError> {
        let Some(bus) = &self.targets.bus else {
            published.extend(claimed);
            return Ok(true);
        };
        let (before, to_send): (Vec<_>, Vec<_>) = claimed.into_iter().partition(UserRisk::is_event_sent);
        published.extend(before);
        let with_event = |risk: UserRisk| self.content(&risk).map(|content| (risk, content.event(self.now)));
        let (to_send, events): (Vec<_>, Vec<_>) = to_send.into_iter().filter_map(with_event).unzip();
        let results = bus.publish(&events, self.time_left()).await;
        let mut goes_on = true;
        for result in &results {
            if let Err(error) = result {
                tracing::error!(%error, "event of an alert not published");
                delivery.failed += 1;
                delivery.error.get_or_insert_with(|| error.to_string());
                goes_on &= matches!(error, PublishError::Rejected { .. });
            }
        }
        let recorded = to_send.into_iter().zip(results).map(|(risk, result)| async move {
            match result {
                Ok(id) => self.record(risk, |alert| alert.published(id.clone())).await,
                Err(_) => self.record(risk, Alert::released).await.map(|_| None),
            }
        });
        // One failure leaves no other event without its id.
        let mut failure = None;
        for recorded in join_all(recorded).await {
            match recorded {
                Ok(risk) => published.extend(risk),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(goes_on), Err)
    }

    /// Publishes the digest, and marks the alerts as sent.
    async fn complete(
        &self,
        mut published: Vec<UserRisk>,
        not_alerted: NotAlerted,
        delivery: &mut AlertDelivery,
    ) -> Result<(), StoreError> {
        sort_riskiest_first(&mut published);
        if let Some(topic) = self.targets.topic.as_ref().filter(|_| !published.is_empty()) {
            let digest = self.publish_digest(topic, &published, not_alerted).await;
            let is_lost = matches!(digest, DigestOutcome::Error(_));
            delivery.digest = Some(digest);
            if is_lost {
                delivery.failed += published.len() as u64;
                self.record_all(published, Alert::released).await?;
                return Ok(());
            }
        }
        for risk in self.record_all(published, |alert| alert.sent(self.as_of)).await? {
            delivery.sent += 1;
            delivery.retried += u64::from(risk.alert.is_some_and(|alert| alert.raised_on < self.as_of));
        }
        Ok(())
    }

    async fn publish_digest(&self, topic: &Topic, published: &[UserRisk], not_alerted: NotAlerted) -> DigestOutcome {
        let contents: Vec<AlertContent> = published.iter().filter_map(|risk| self.content(risk)).collect();
        let message = digest(&contents, not_alerted, self.targets.language);
        let error = match timeout(BUDGET, topic.publish(&message)).await {
            Ok(Ok(id)) => return DigestOutcome::MessageId(id),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("Publish timed out after {} s", BUDGET.as_secs()),
        };
        tracing::error!(error, "digest of alerts not published");
        DigestOutcome::Error(error)
    }

    /// What receivers of the alert read; `None` if the record has no alert.
    fn content(&self, risk: &UserRisk) -> Option<AlertContent> {
        AlertContent::new(risk, self.actions, self.targets.language)
    }

    /// Records a change of each alert. Returns the new records.
    async fn record_all(
        &self,
        risks: Vec<UserRisk>,
        change: impl Fn(&Alert) -> Alert,
    ) -> Result<Vec<UserRisk>, StoreError> {
        let mut recorded = Vec::with_capacity(risks.len());
        for batch in risks.chunks(CONCURRENCY) {
            let batch = batch.iter().map(|risk| self.record(risk.clone(), &change));
            recorded.extend(try_join_all(batch).await?.into_iter().flatten());
        }
        Ok(recorded)
    }

    /// Stores a change of the alert, also if another run has written the record since. `None` if the record is deleted, or has
    /// another alert.
    async fn record(&self, risk: UserRisk, change: impl Fn(&Alert) -> Alert) -> Result<Option<UserRisk>, StoreError> {
        let id = |risk: &UserRisk| risk.alert.as_ref().map(|alert| alert.id.clone());
        let mut current = risk;
        loop {
            let changed = current.with_alert(&change);
            if self.risks.put(&changed).await? {
                return Ok(Some(changed));
            }
            match self.risks.get_stored(&current.user).await? {
                Some(written) if id(&written) == id(&current) => current = written,
                _ => return Ok(None),
            }
        }
    }
}

fn sort_riskiest_first(risks: &mut [UserRisk]) {
    risks.sort_by(|a, b| b.probability.get().total_cmp(&a.probability.get()));
}
