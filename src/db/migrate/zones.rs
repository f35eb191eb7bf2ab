//! The time zones of another program's times, which its columns do not store.

use super::execute::{execute, failure};
use super::history::TAKEN_OVER;
use crate::error::{Error, Result};
use sqlx::PgConnection;

/// The time zones of the two clocks whose times the database contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zones {
    /// That of the server, which writes the defaults of columns.
    pub server: String,
    /// That of the Node.js process, which sent its local time.
    pub client: String,
}

impl Default for Zones {
    fn default() -> Self {
        Self { server: "UTC".to_owned(), client: "UTC".to_owned() }
    }
}

/// Refuses names that the server does not know. POSIX time zones are refused as well, because `UTC+2` would be two hours
/// west of UTC.
pub async fn check_zones(connection: &mut PgConnection, zones: &Zones) -> Result<()> {
    let unknown: Option<String> = sqlx::query_scalar(
        "SELECT zone
           FROM unnest($1) AS zone
          WHERE NOT EXISTS (SELECT FROM pg_timezone_names known WHERE lower(known.name) = lower(zone))
          LIMIT 1",
    )
    .bind([zones.server.as_str(), zones.client.as_str()].as_slice())
    .persistent(false)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|error| failure(&error).error)?;
    if unknown.is_some() {
        return Err(Error::invalid_input("legacyTimeZone", "is not the name of a time zone that the server knows"));
    }
    for zone in [&zones.server, &zones.client] {
        confirm_zone(connection, zone).await?;
    }
    Ok(())
}

/// Whether `AT TIME ZONE` reads the name `$1` differently than the setting `timezone` does. Some names of zones are also
/// abbreviations (`CET`, `EET`, `MET`, `WET`). `AT TIME ZONE` takes the abbreviation, which has no summer time, and the
/// setting takes the zone.
const UNCONFIRMED: &str = "
    SELECT EXISTS (
        SELECT FROM generate_series(TIMESTAMP '2000-01-01', TIMESTAMP '2037-12-31', INTERVAL '1 day') AS shown
         WHERE (shown AT TIME ZONE $1) <> shown::timestamptz
    )";

async fn confirm_zone(connection: &mut PgConnection, zone: &str) -> Result<()> {
    sqlx::query("SELECT set_config('timezone', $1, true)")
        .bind(zone)
        .persistent(false)
        .execute(&mut *connection)
        .await
        .map_err(|error| failure(&error).error)?;
    let is_unconfirmed: bool = sqlx::query_scalar(UNCONFIRMED)
        .bind(zone)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| failure(&error).error)?;
    execute(connection, TAKEN_OVER, "SET LOCAL timezone TO DEFAULT").await?;
    if is_unconfirmed {
        return Err(Error::invalid_input(
            "legacyTimeZone",
            "is read by the server as an abbreviation without summer time: give the name of a place, such as Europe/Paris",
        ));
    }
    Ok(())
}
