//! The work on one object under a lease: part by part, each noted in the ledger as it is done, and what follows the last.

use crate::delivery::Delivery;
use crate::forgotten;
use crate::invocation::Invocation;
use crate::log::{Log, Opening};
use crate::manifest::{self, Versions, withdraw};
use crate::object::{Outcome, Stopped};
use crate::overlap;
use crate::part::Part;
use crate::quarantine::Quarantine;
use crate::settings::IngestSettings;
use churn_common::store::forgotten::Tombstones;
use churn_common::store::ledger::{Entry, Overlaps, Place, State};
use churn_common::store::{StoreError, StoreErrorKind, Stores};
use lambda_runtime::tracing;
use std::time::Duration;

/// Times that a step is tried again by the same invocation when a store fails for the moment.
const RETRIES: u32 = 3;
/// The longest pause before the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// The work on one object.
pub struct Ingestion<'a> {
    delivery: &'a Delivery,
    stores: &'a Stores,
    settings: &'a IngestSettings,
    invocation: &'a Invocation,
    /// The object's entry as this invocation last wrote it.
    entry: Entry,
    /// Steps done by this invocation.
    steps: u32,
}

impl<'a> Ingestion<'a> {
    /// Goes on from `entry`, which holds a lease of this invocation's.
    pub fn new(
        delivery: &'a Delivery,
        stores: &'a Stores,
        settings: &'a IngestSettings,
        invocation: &'a Invocation,
        entry: Entry,
    ) -> Self {
        Self { delivery, stores, settings, invocation, entry, steps: 0 }
    }

    /// Stores what the object tells, in place of what an earlier version of it told. `log` is open at the part that is
    /// next.
    pub async fn ingest(&mut self, mut log: Option<Log>) -> Result<Outcome, Stopped> {
        let tombstones = self.patiently(|| self.stores.forgotten.all()).await?;
        let mut read = self.read(&mut log, self.entry.next, &tombstones).await?;
        while let Some(part) = read.take() {
            // While a part is written, the next is read.
            let ahead = part.end.filter(|_| !self.invocation.is_short_of_time(self.settings));
            let reading = self.read(&mut log, ahead, &tombstones);
            let (written, next) = tokio::join!(self.patiently(|| self.write(&part)), reading);
            written?;
            let mut entry = self.entry.following();
            entry.counts.add(part.counts);
            entry.items += part.items.len() as u64;
            entry.add_days(part.days);
            entry.damage = part.damage;
            entry.next = part.end;
            entry.attempts = 1;
            self.advance(entry).await?;
            if self.is_short_of_time() {
                return self.hand_on().await;
            }
            read = match (next?, self.entry.next) {
                (None, Some(place)) => self.read(&mut log, Some(place), &tombstones).await?,
                (next, _) => next,
            };
        }
        let overlaps = self.patiently(|| self.settle()).await?;
        self.advance(Entry { state: State::Completed, lease: None, attempts: 0, overlaps, ..self.entry.following() })
            .await?;
        let Entry { counts, items, overlaps, damage, .. } = self.entry.clone();
        let quarantine = (counts.rejected > 0)
            .then(|| format!("s3://{}/{}", self.stores.store.name(), self.delivery.folder("quarantine")));
        Ok(Outcome::Ingested { counts, items, overlaps, quarantine, damage })
    }

    /// Withdraws what the object told, which has been removed.
    pub async fn withdraw(&mut self) -> Result<Outcome, Stopped> {
        self.patiently(|| self.withdraw_older()).await?;
        let entry = self.entry.following();
        self.advance(Entry { state: State::Removed, lease: None, attempts: 0, next: None, ..entry }).await?;
        Ok(Outcome::Withdrawn)
    }

    /// Gives the lease back, and notes what the work failed with. Where that is not possible either, the lease ends with
    /// the invocation.
    pub async fn give_back(mut self, failure: Option<&StoreError>) {
        let mut entry = Entry { lease: None, ..self.entry.following() };
        if failure.is_none_or(|error| error.retryable) {
            entry.attempts = 0; // it is not the object that fails
        }
        entry.failure = failure.map(ToString::to_string);
        let source = &self.entry.source.clone();
        match self.advance(entry).await {
            Ok(()) => {}
            Err(Stopped::Store(error)) => tracing::warn!(source, %error, "the lease could not be given back"),
            Err(_) => tracing::warn!(source, "another invocation has taken the lease over"),
        }
    }

    /// Reads the part that begins at `place`, if there is one.
    async fn read(
        &self,
        log: &mut Option<Log>,
        place: Option<Place>,
        tombstones: &Tombstones,
    ) -> Result<Option<Part>, Stopped> {
        let Some(place) = place else { return Ok(None) };
        let mut open = log.take();
        // Another try opens the log again.
        let (part, open) = self.patiently(|| self.read_once(open.take(), place, tombstones)).await??;
        *log = Some(open);
        Ok(Some(part))
    }

    async fn read_once(
        &self,
        log: Option<Log>,
        place: Place,
        tombstones: &Tombstones,
    ) -> Result<Result<(Part, Log), Stopped>, StoreError> {
        let plan = &self.entry.plan;
        let mut log = match log {
            Some(log) => log,
            None => match Log::open(self.stores, self.delivery, place, plan.max_line_bytes).await? {
                Opening::Log(log) => log,
                Opening::Gone(outcome) => return Ok(Err(Stopped::Gone(outcome))),
            },
        };
        let hide_ids = self.stores.pseudonyms.hide_ids();
        let mut quarantine = Quarantine::new(&self.stores.store, self.delivery, place.part, hide_ids);
        let (mut part, slices) = Part::read(&mut log, place, plan, tombstones, &mut quarantine).await?;
        quarantine.finish().await?;
        let source = self.delivery.part(place.part);
        let (delivered, kept) = (self.delivery.version.event_time, plan.retention_days);
        part.items = self.stores.histories.items(&source, &slices, delivered, kept)?;
        Ok(Ok((part, log)))
    }

    /// Writes a part. What was written of it by an earlier try is written again.
    async fn write(&self, part: &Part) -> Result<(), StoreError> {
        manifest::put(self.stores, self.delivery, part.place.part, &part.items).await?;
        self.stores.histories.put(&part.items).await
    }

    /// What is left once all parts are written.
    async fn settle(&self) -> Result<Overlaps, StoreError> {
        if self.entry.replaces {
            self.withdraw_older().await?;
        }
        forgotten::withdraw(self.stores, self.delivery, &self.entry).await?;
        overlap::count(self.stores, self.delivery, &self.entry).await
    }

    async fn withdraw_older(&self) -> Result<(), StoreError> {
        withdraw(self.stores, self.delivery, Versions::Older, self.invocation.now()).await
    }

    /// Writes the entry, unless another invocation has.
    async fn advance(&mut self, entry: Entry) -> Result<(), Stopped> {
        if !self.patiently(|| self.stores.ledger.replace(Some(&self.entry), &entry)).await? {
            return Err(Stopped::Overtaken);
        }
        self.entry = entry;
        self.steps += 1;
        Ok(())
    }

    /// Whether the rest must be left to another invocation. The first step is always this one's, so that every invocation
    /// gets further.
    fn is_short_of_time(&self) -> bool {
        self.steps > 0 && self.invocation.is_short_of_time(self.settings)
    }

    /// Leaves the rest to another invocation.
    async fn hand_on(&mut self) -> Result<Outcome, Stopped> {
        self.advance(Entry { lease: None, attempts: 0, failure: None, ..self.entry.following() }).await?;
        let next = self.entry.next.map(|place| place.part);
        let Some(function) = &self.invocation.function else {
            let why = "time ran short, and there is no function to continue with the rest";
            let error = StoreError::new(StoreErrorKind::Interrupted, "Invoke", self.delivery.source(), why);
            return Err(Stopped::Store(error));
        };
        function.invoke_with(&self.delivery.record).await?;
        Ok(Outcome::HandedOn { counts: self.entry.counts.clone(), next })
    }

    /// Takes a step, again and again while a store fails for the moment and there is time. The pauses are drawn from 0 to a
    /// bound that doubles, so that invocations do not come back at once.
    async fn patiently<T, F>(&self, mut step: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut bound = PAUSE;
        for _ in 0..RETRIES {
            match step().await {
                Err(error) if error.retryable && self.invocation.time_left() > 2 * bound => {
                    tracing::warn!(source = self.entry.source, %error, "a store failed, trying again");
                    tokio::time::sleep(bound.mul_f64(fastrand::f64())).await;
                    bound *= 2;
                }
                done => return done,
            }
        }
        step().await
    }
}
