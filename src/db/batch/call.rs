//! One call of a batch: who waits for it, for how long, and what is known of its statements.

use super::batched::{Batched, LockKey};
use crate::db::deadline::Allowance;
use crate::db::give_up::GiveUp;
use crate::db::pool::CallGuard;
use crate::error::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub type Respond<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// Everything about a call except its item.
pub struct Call<B: Batched> {
    pub guard: CallGuard,
    pub respond: Respond<B::Output>,
    /// Who may give the call up.
    pub caller: Option<Arc<GiveUp>>,
    /// The call's serial key. Later calls with the same key wait until this one has ended.
    pub serial_key: Option<String>,
    /// The lock that the call waits for. Other calls that need the same lock wait until this one has ended.
    pub holds: Option<LockKey>,
    /// Since when it has been waiting for a lock, between tries as well.
    pub stuck_since: Option<Instant>,
    /// Whether a statement with this item, whose answer was lost, may have taken effect.
    pub is_in_doubt: bool,
    /// How often its statements have been repeated.
    pub retries: u32,
    /// `None` while its statement runs.
    waiting_since: Option<Instant>,
    /// How long it had waited before that, in total.
    waited: Duration,
}

impl<B: Batched> Call<B> {
    pub fn new(guard: CallGuard, caller: Option<Arc<GiveUp>>, respond: Respond<B::Output>) -> Self {
        Self {
            guard,
            respond,
            caller,
            serial_key: None,
            holds: None,
            stuck_since: None,
            is_in_doubt: false,
            retries: 0,
            waiting_since: Some(Instant::now()),
            waited: Duration::ZERO,
        }
    }

    pub fn is_given_up(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.is_given_up())
    }

    /// How long the call may still wait for its turn and for connections.
    pub fn allowance(&self) -> Allowance {
        let mut allowance = Allowance::new(self.guard.pool.options.connection_timeout);
        allowance.spend(self.waited + self.waiting_since.map_or(Duration::ZERO, |since| since.elapsed()));
        allowance
    }

    /// Notes what its statement came to, in case the call has to be sent again.
    pub fn note(&mut self, is_in_doubt: bool, retries: u32, waited: Duration) {
        self.is_in_doubt = is_in_doubt;
        self.retries = retries;
        self.waited += waited;
    }

    /// Answers the call. If an earlier statement may have taken effect, an error says so.
    pub fn answer(self, result: Result<B::Output>) {
        (self.respond)(result.map_err(|mut error| {
            if self.is_in_doubt && !error.is_unwritable() {
                error.context.outcome = Some("unknown");
                error.retryable = false;
            }
            error
        }));
    }

    /// Whether it has waited for a lock as long as a statement may.
    pub fn has_waited_for_lock(&self) -> bool {
        self.stuck_since.zip(self.guard.pool.lock_limit()).is_some_and(|(since, limit)| since.elapsed() >= limit)
    }

    /// Whether it waits now, and has waited since then or longer.
    pub fn has_waited_since(&self, moment: Instant) -> bool {
        self.waiting_since.is_some_and(|joined_at| joined_at <= moment)
    }

    pub fn is_overdue(&self) -> bool {
        self.allowance().is_spent()
    }

    pub fn stop_waiting(&mut self) {
        self.waited += self.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    pub fn wait_again(&mut self) {
        self.waiting_since = Some(Instant::now());
        self.undone();
    }

    /// Its statement has changed nothing.
    pub fn undone(&self) {
        if let Some(caller) = &self.caller
            && !self.is_in_doubt
        {
            caller.undone();
        }
    }

    /// For a call whose statement is about to be sent: `false` if nobody waits for it any more.
    pub fn may_be_sent(&self) -> bool {
        self.caller.as_ref().is_none_or(|caller| caller.send(B::IS_WRITE))
    }
}

/// A call with its item, while it is not being served.
pub struct WaitingCall<B: Batched> {
    pub item: B::Item,
    pub call: Call<B>,
}
