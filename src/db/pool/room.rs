//! Whether the server, or the pooler before it, lets in further connections, as far as its last refusal tells.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A server that lets no further connection in is asked again after so long, if none of those that are open is free before.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Room(Mutex<Option<Refusal>>);

struct Refusal {
    /// When the server was asked last.
    asked_at: Instant,
    /// How many connections were open then.
    open: usize,
}

impl Room {
    /// The server has refused a further connection beside those that are open.
    pub fn refused(&self, open: usize) {
        *self.lock() = Some(Refusal { asked_at: Instant::now(), open });
    }

    /// The server has let in a connection that it was asked for at that moment. One that takes the place of another says
    /// nothing about further ones.
    pub fn let_in(&self, asked_at: Instant, open: usize) {
        let mut refusal = self.lock();
        if refusal.as_ref().is_some_and(|refusal| asked_at > refusal.asked_at && open > refusal.open) {
            *refusal = None;
        }
    }

    /// Whether its last word was a refusal.
    pub fn has_refused(&self) -> bool {
        self.lock().is_some()
    }

    /// Whether to ask for a connection beside those that are open. While the server refuses, one call in a second is told to:
    /// each refusal costs the server a process.
    pub fn may_ask(&self, open: usize) -> bool {
        let mut refusal = self.lock();
        let Some(last) = refusal.as_mut().filter(|refusal| open > 0 && open >= refusal.open) else { return true };
        let is_time = last.asked_at.elapsed() >= ASK_AGAIN;
        if is_time {
            last.asked_at = Instant::now();
        }
        is_time
    }

    fn lock(&self) -> MutexGuard<'_, Option<Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Room;
    use std::time::Instant;

    #[test]
    fn a_server_that_refuses_is_asked_where_there_is_a_reason() {
        let room = Room::default();
        assert!(room.may_ask(3));
        let before = Instant::now();
        room.refused(3);
        assert!(!room.may_ask(3) && !room.may_ask(4));
        // One was closed, or all were.
        assert!(room.may_ask(2) && room.may_ask(0));
        room.let_in(Instant::now(), 3);
        room.let_in(before, 4);
        assert!(!room.may_ask(4) && room.has_refused());
        room.let_in(Instant::now(), 4);
        assert!(room.may_ask(4) && !room.has_refused());
    }
}
