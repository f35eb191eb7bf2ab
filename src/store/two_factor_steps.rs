//! The time steps (RFC 6238) that have been used at two-factor devices. Each can be used once.

use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::LargeNatural;
use sqlx::query;

/// Uses a step, unless it or a later one has been used at the device. Exactly one of several concurrent callers succeeds.
///
/// The device is locked first, so that a device that is being deleted counts as missing once that has been committed.
pub async fn use_step(db: &mut Db, device_id: &str, LargeNatural(step): LargeNatural) -> Result<()> {
    let has_won: Option<(bool,)> = db
        .optional(Repeat::Never, || {
            query(
                "WITH device AS MATERIALIZED (
                    SELECT id FROM twofa_devices WHERE id = $1 FOR KEY SHARE
                 ), won AS (
                    INSERT INTO twofa_steps AS used (device_id, step)
                    SELECT id, $2 FROM device
                        ON CONFLICT (device_id) DO UPDATE SET step = EXCLUDED.step WHERE used.step < EXCLUDED.step
                 RETURNING device_id
                 )
                 SELECT EXISTS (SELECT FROM won) AS has_won FROM device",
            )
            .bind(device_id)
            .bind(step)
        })
        .await?;
    match has_won {
        Some((true,)) => Ok(()),
        Some((false,)) => {
            Err(Error::new(Code::AlreadyUsed, "the step or a later one has been used already at the two-factor device"))
        }
        None => Err(Error::not_found("two-factor device")),
    }
}
