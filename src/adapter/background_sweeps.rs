//! Sweeps in the background, for the option `sweepIntervalMs`.

use crate::db::deadline::millis;
use crate::db::pool::CallGuard;
use crate::db::{Database, Db, GiveUp};
use crate::error::{Code, Error, Result};
use crate::store::sweep_records::{self, CLAIM, SweepTurn};
use crate::store::sweeps::{self, Pace, SHORTEST_PAUSE, SweepOrder};
use futures_core::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::instrument::WithSubscriber;

/// The first sweep begins within this time after `connect()`, so that processes which are started again and again sweep, too.
const FIRST_WITHIN: Duration = Duration::from_mins(1);

/// How long a process waits at least after a sweep that failed. Its claim keeps the other processes from trying for as long.
const AFTER_FAILURE: Duration = CLAIM;

/// How long a sweep waits for a free connection before it leaves the rest to the next one.
const BUSY_LIMIT: Duration = Duration::from_secs(10);

/// How often it looks for one.
const BUSY_STEP: Duration = Duration::from_millis(50);

/// Nobody waits for a sweep in the background. After a statement it rests this many times as long, so that far fewer than one
/// call in a hundred meets one.
const REST: u32 = 300;
/// A slow server is not swept for ever: about 100 000 pages in an hour.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The sweeps of one adapter. They run from `connect()` to `disconnect()`, or until the adapter is dropped.
pub struct BackgroundSweeps {
    interval: Option<Duration>,
    /// For how many days events are kept, if not for ever.
    retained_days: Option<u32>,
    /// Ends the task that is running.
    running: Mutex<Option<Arc<GiveUp>>>,
}

impl BackgroundSweeps {
    pub fn new(interval: Option<Duration>, retained_days: Option<u32>) -> Self {
        Self { interval, retained_days, running: Mutex::default() }
    }

    /// Begins, unless they run already or the pool of that `connect()` is closing by now.
    pub fn begin(&self, database: &Arc<Database>, connected: &CallGuard) {
        let Some(interval) = self.interval else { return };
        let mut running = self.lock();
        if running.is_some() || connected.pool.calls.is_closing() {
            return;
        }
        let end = Arc::new(GiveUp::default());
        *running = Some(Arc::clone(&end));
        let task = BackgroundTask { database: Arc::clone(database), interval, retained_days: self.retained_days, end };
        tokio::spawn(task.run().with_current_subscriber());
    }

    pub fn end(&self) {
        if let Some(end) = self.lock().take() {
            end.give_up();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<GiveUp>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BackgroundSweeps {
    fn drop(&mut self) {
        self.end();
    }
}

struct BackgroundTask {
    database: Arc<Database>,
    interval: Duration,
    retained_days: Option<u32>,
    end: Arc<GiveUp>,
}

impl BackgroundTask {
    async fn run(self) {
        let mut wait = sweep_records::jittered(FIRST_WITHIN.min(self.interval) / 2);
        loop {
            tokio::select! {
                () = self.end.wait() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = match self.sweep().await {
                Ok(wait) => wait,
                Err(_) if self.end.is_given_up() => return,
                Err(error) => {
                    tracing::warn!(
                        code = error.code.name(),
                        sqlState = error.context.sql_state.as_deref().unwrap_or_default(),
                        reason = error.message.as_ref(),
                        "a sweep in the background failed, and will be tried again"
                    );
                    sweep_records::jittered(AFTER_FAILURE.min(self.interval))
                }
            };
        }
    }

    /// Sweeps if it is this process's turn. Says when to try the next time.
    async fn sweep(&self) -> Result<Duration> {
        let mut db = Db::new(self.database.enter()?, "sweep", None);
        let claimant = sweep_records::new_claimant();
        let mut pace = BackgroundPace { claimant, renewed: Instant::now(), end: &self.end };
        pace.find_connection(&db).await?;
        if let SweepTurn::After(wait) = sweep_records::claim(&mut db, &pace.claimant, self.interval).await? {
            return Ok(sweep_records::jittered(wait.clamp(Duration::from_secs(1), self.interval.max(CLAIM))));
        }
        match self.sweep_claimed(&mut db, &mut pace).await {
            Err(_) if self.end.is_given_up() => sweep_records::release(&mut db, &pace.claimant).await?,
            result => result?,
        }
        Ok(sweep_records::jittered(self.interval))
    }

    async fn sweep_claimed(&self, db: &mut Db, pace: &mut BackgroundPace<'_>) -> Result<()> {
        let began = Instant::now();
        pace.renewed = began;
        let started_at = sweeps::started_at(db).await?;
        let swept = sweeps::run(db, &SweepOrder::everything(self.retained_days), pace).await?;
        let took = began.elapsed();
        sweep_records::note_claimed(db, &pace.claimant, started_at, took, swept).await?;
        tracing::debug!(durationMs = millis(took), rows = swept.total(), "swept in the background");
        Ok(())
    }
}

/// Between two statements the sweep gives way to calls, holds on to its claim, and looks whether it has to end.
struct BackgroundPace<'t> {
    claimant: String,
    /// When the claim was renewed last.
    renewed: Instant,
    end: &'t GiveUp,
}

impl Pace for BackgroundPace<'_> {
    fn wait<'a>(&'a mut self, db: &'a mut Db, took: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.pause((took * REST).clamp(SHORTEST_PAUSE, LONGEST_REST)).await?;
            self.find_connection(db).await?;
            if self.renewed.elapsed() > CLAIM / 4 {
                if !sweep_records::renew(db, &self.claimant).await? {
                    return Err(Error::new(Code::Cancelled, "another process has taken the sweep over"));
                }
                self.renewed = Instant::now();
            }
            Ok(())
        })
    }
}

impl BackgroundPace<'_> {
    async fn pause(&self, time: Duration) -> Result<()> {
        tokio::select! {
            biased;
            () = self.end.wait() => Err(Error::new(Code::Cancelled, "the adapter is being disconnected")),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Waits until a connection is free, so that no call waits for the sweep.
    async fn find_connection(&self, db: &Db) -> Result<()> {
        let began = Instant::now();
        while !db.finds_connection() {
            if began.elapsed() > BUSY_LIMIT {
                return Err(Error::new(Code::PoolTimeout, "all connections were busy"));
            }
            self.pause(BUSY_STEP).await?;
        }
        Ok(())
    }
}
