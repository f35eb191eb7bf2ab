//! Where the connection leads, as whom, how safely and how fast.

use super::ask::ask;
use super::check::{Check, Topic};
use crate::db::deadline::millis;
use crate::db::error::statement_failure;
use crate::db::health::check_version;
use crate::db::pool::Lease;
use crate::db::run::pooler::one_row;
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const LATENCY: Topic = Topic { id: "connection.latency", title: "latency", expected: "a round trip below 10 ms" };
const CLOCK: Topic = Topic { id: "connection.clock", title: "clock", expected: "within a second of this machine's" };
const ROLE: Topic = Topic { id: "connection.role", title: "role", expected: "a role of its own" };
const TLS: Topic =
    Topic { id: "connection.tls", title: "TLS", expected: "encrypted, unless the server is on the same machine" };
const POOLER: Topic =
    Topic { id: "connection.pooler", title: "pooler", expected: "the option `pooler` says what is on the way" };
const VERSION: Topic = Topic { id: "server.version", title: "server version", expected: "PostgreSQL 12 or later" };
const STANDBY: Topic = Topic { id: "server.primary", title: "server's state", expected: "a primary that takes writes" };

const ROUND_TRIPS: usize = 5;
const SLOW: Duration = Duration::from_millis(10);

/// How long a round trip takes, and how far the clocks are apart.
#[expect(clippy::disallowed_methods, reason = "the clock of this machine is what is compared with the server's")]
pub async fn timing(lease: &mut Lease) -> Result<Vec<Check>> {
    let mut best: Option<(Duration, f64)> = None;
    for _ in 0..ROUND_TRIPS {
        let (started, local) = (Instant::now(), SystemTime::now());
        let row = one_row(lease, "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8".to_owned()).await?;
        let took = started.elapsed();
        lease.settle(row.is_ok());
        let server: f64 = row
            .and_then(|row| row.try_get(0))
            .map_err(|error| statement_failure(&error, Duration::ZERO, None).error)?;
        let local = local.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() + took.as_secs_f64() / 2.0;
        if best.is_none_or(|(fastest, _)| took < fastest) {
            best = Some((took, server - local));
        }
    }
    let Some((took, skew)) = best else { return Ok(Vec::new()) };
    Ok(vec![
        if took > SLOW {
            LATENCY.warning(
                rounded(took),
                "run the application nearer to the database: each call takes at least one round trip",
            )
        } else {
            LATENCY.ok(rounded(took))
        },
        clock(skew, took),
    ])
}

fn clock(skew: f64, uncertainty: Duration) -> Check {
    let actual = format!("the server's is {:.3} s {}", skew.abs(), if skew < 0.0 { "behind" } else { "ahead" });
    if skew.abs() > 1.0 + uncertainty.as_secs_f64() {
        CLOCK.warning(
            actual,
            "synchronise both clocks (NTP): expiry is judged by the server's, and times that the application computes are this machine's",
        )
    } else {
        CLOCK.ok(actual)
    }
}

const FACTS: &str = "
    SELECT current_user::text AS role
         , current_database()::text AS database
         , host(inet_server_addr()) AS host
         , inet_server_port() AS port
         , inet_server_addr() IS NULL
           OR inet_server_addr() = inet_client_addr()
           OR inet_server_addr() <<= '127.0.0.0/8'
           OR inet_server_addr() = '::1' AS is_local
         , current_setting('server_version') AS version
         , current_setting('server_version_num')::int AS number
         , pg_is_in_recovery() AS is_standby
         , (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser
         , s.ssl AS is_encrypted
         , s.version || ', ' || s.cipher AS encryption
      FROM (SELECT pg_backend_pid() AS pid) AS own
      LEFT JOIN pg_stat_ssl s ON s.pid = own.pid";

/// Returns the number of the server's version.
pub async fn describe(connection: &mut PgConnection, is_pooled: bool, checks: &mut Vec<Check>) -> Result<i32> {
    let rows = ask(connection, FACTS).await?;
    let Some(row) = rows.first() else { return Ok(0) };
    read(row, is_pooled, checks).map_err(|error| statement_failure(&error, Duration::ZERO, None).error)
}

fn read(row: &PgRow, is_pooled: bool, checks: &mut Vec<Check>) -> sqlx::Result<i32> {
    let (role, database): (String, String) = (row.try_get("role")?, row.try_get("database")?);
    let (host, port): (Option<String>, Option<i32>) = (row.try_get("host")?, row.try_get("port")?);
    let address = match (host, port) {
        (Some(host), Some(port)) => format!("{host} port {port}"),
        _ => "a Unix socket".to_owned(),
    };
    let reached = format!("{role} in the database {database} at {address}");
    checks.push(match row.try_get("is_superuser")? {
        Some(true) => ROLE.notice(format!("{reached}; it is a superuser, which the application's role should not be")),
        _ => ROLE.ok(reached),
    });

    let is_local: Option<bool> = row.try_get("is_local")?;
    let encryption: Option<String> = row.try_get("encryption")?;
    checks.push(match row.try_get::<Option<bool>, _>("is_encrypted")? {
        _ if is_pooled => TLS.notice("not known: the server sees only its connection to the pooler"),
        Some(true) => TLS.ok(encryption.unwrap_or_else(|| "encrypted".to_owned())),
        _ if is_local == Some(true) => TLS.ok("not encrypted, on the same machine"),
        _ => TLS.error("not encrypted", "add sslmode=verify-full to the URL, and let pg_hba.conf demand hostssl"),
    });
    checks.push(POOLER.ok(if is_pooled { "transaction" } else { "none" }));

    let version: String = row.try_get("version")?;
    checks.push(match check_version(&version) {
        Ok(()) => VERSION.ok(version),
        Err(_) => VERSION.error(version, "upgrade the server"),
    });
    checks.push(if row.try_get("is_standby")? {
        STANDBY.error(
            "a standby, which takes no writes",
            "connect to the primary, or list all hosts with target_session_attrs=read-write",
        )
    } else {
        STANDBY.ok("a primary")
    });
    row.try_get("number")
}

fn rounded(duration: Duration) -> String {
    format!("{:.1} ms", millis(duration))
}

#[cfg(test)]
mod tests {
    use super::super::check::Gravity;
    use super::clock;
    use std::time::Duration;

    #[test]
    fn clocks_that_differ_by_more_than_a_second_and_a_round_trip_are_a_warning() {
        let gravity = |skew, round_trip| clock(skew, Duration::from_millis(round_trip)).gravity;
        assert_eq!(gravity(0.9, 0), Gravity::Ok);
        assert_eq!(gravity(-1.4, 500), Gravity::Ok);
        assert_eq!(gravity(1.1, 0), Gravity::Warning);
        assert_eq!(gravity(-3600.0, 100), Gravity::Warning);
    }

    #[test]
    fn the_direction_of_the_difference_is_named() {
        assert!(clock(-2.0, Duration::ZERO).actual.contains("behind"));
        assert!(clock(2.0, Duration::ZERO).actual.contains("ahead"));
    }
}
