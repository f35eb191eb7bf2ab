//! Whether the server has room for all connections, and which time-outs it adds to ours.

use super::ask::ask;
use super::check::{Check, Topic, listed};
use crate::db::deadline::millis;
use crate::db::error::statement_failure;
use crate::db::pool::PoolOptions;
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use std::time::Duration;

const CONNECTIONS: Topic = Topic {
    id: "server.connections",
    title: "connections",
    expected: "`max` × processes fits into what the server, the database and the role allow",
};
const TIMEOUTS: Topic = Topic {
    id: "server.timeouts",
    title: "time-outs",
    expected: "no setting of the role or the database ends connections or statements sooner than ours do",
};
const WRITES: Topic = Topic {
    id: "server.writes",
    title: "writes",
    expected: "transactions may write (default_transaction_read_only is off)",
};
const TRIGGERS: Topic = Topic {
    id: "server.triggers",
    title: "triggers and foreign keys",
    expected: "in force (session_replication_role is origin)",
};
const DURABILITY: Topic = Topic {
    id: "server.durability",
    title: "durability",
    expected: "what was committed outlives a crash (fsync, full_page_writes and synchronous_commit are on)",
};
const LIMITS: &str = "
    SELECT current_setting('max_connections')::int AS most
         , current_setting('superuser_reserved_connections')::int
           + COALESCE(NULLIF(current_setting('reserved_connections', true), ''), '0')::int AS reserved
         , (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS of_role
         , (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS of_database
         , (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS used";

/// Settings that this connection has not made itself, in milliseconds where they are times.
const SETTINGS: &str = "
    SELECT name, setting
      FROM pg_settings
     WHERE name IN (
               'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', 'lock_timeout'
             , 'default_transaction_read_only', 'session_replication_role', 'fsync', 'full_page_writes', 'synchronous_commit'
           )";

/// What role and database set.
const OWN_SETTINGS: &str = "
    SELECT format('%s (%s)', setting, COALESCE('role ' || r.rolname, 'database ' || d.datname, 'everybody')) AS line
      FROM pg_db_role_setting s
     CROSS JOIN unnest(s.setconfig) AS setting
      LEFT JOIN pg_roles r ON r.oid = s.setrole
      LEFT JOIN pg_database d ON d.oid = s.setdatabase
     WHERE (s.setrole = 0 OR r.rolname = session_user)
       AND (s.setdatabase = 0 OR d.datname = current_database())
       AND setting LIKE '%timeout=%'
     ORDER BY 1";

pub async fn check(connection: &mut PgConnection, options: &PoolOptions, processes: u32, checks: &mut Vec<Check>) {
    checks.push(match connections(connection, options, processes).await {
        Ok(check) => check,
        Err(error) => CONNECTIONS.unknown(&error),
    });
    match settings(connection, options).await {
        Ok(found) => checks.extend(found),
        Err(error) => checks.push(TIMEOUTS.unknown(&error)),
    }
}

fn fail(error: sqlx::Error) -> crate::error::Error {
    statement_failure(&error, Duration::ZERO, None).error
}

async fn connections(connection: &mut PgConnection, options: &PoolOptions, processes: u32) -> Result<Check> {
    let rows = ask(connection, LIMITS).await?;
    let read = |row: &PgRow| -> sqlx::Result<(i64, i64, Option<i32>, i32, i32)> {
        let (most, reserved): (i32, i32) = (row.try_get("most")?, row.try_get("reserved")?);
        let (of_role, of_database) = (row.try_get("of_role")?, row.try_get("of_database")?);
        Ok((i64::from(most), i64::from(reserved), of_role, of_database, row.try_get("used")?))
    };
    let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(fail)?;
    let (most, reserved, of_role, of_database, used) = read(row).map_err(fail)?;
    let limits = [of_role.unwrap_or(-1), of_database].into_iter().filter(|limit| *limit >= 0).map(i64::from);
    let room = limits.chain([most - reserved]).min().unwrap_or(most);
    let max = i64::try_from(options.max).unwrap_or(i64::MAX);
    let wanted = max.saturating_mul(i64::from(processes));
    let actual = format!(
        "max {max} × {processes} {} = {wanted}; there is room for {room} (max_connections {most}, {reserved} of them reserved), and {used} are open now",
        if processes == 1 { "process" } else { "processes" }
    );
    Ok(if options.target.is_pooled() {
        CONNECTIONS.ok(format!("through a pooler, which has connections of its own; {actual}"))
    } else if wanted > room {
        CONNECTIONS.warning(
            actual,
            format!(
                "set `max` to {} or less, raise max_connections (or the limit of the role or database), or put a pooler in between",
                (room / i64::from(processes).max(1)).max(1)
            ),
        )
    } else {
        CONNECTIONS.ok(actual)
    })
}

async fn settings(connection: &mut PgConnection, options: &PoolOptions) -> Result<Vec<Check>> {
    let rows = ask(connection, SETTINGS).await?;
    let mut values = Vec::new();
    for row in &rows {
        let pair: (String, String) = (row.try_get(0).map_err(fail)?, row.try_get(1).map_err(fail)?);
        values.push(pair);
    }
    let text = |name: &str| values.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value.as_str());
    let time = |name: &str| text(name).parse::<u32>().ok().filter(|ms| *ms > 0).map(f64::from);
    let idle = options.idle_timeout.map_or(f64::INFINITY, millis);
    let statement = options.statement_timeout.map_or(f64::INFINITY, millis);

    let mut amiss = Vec::new();
    for (name, least, what) in [
        ("idle_session_timeout", idle, "the pool's idle connections (idleTimeoutMillis)"),
        ("transaction_timeout", statement, "statements (statementTimeoutMs)"),
        ("lock_timeout", 1_000.0, "calls that wait for a row"),
        ("idle_in_transaction_session_timeout", 1_000.0, "transactions of several statements"),
    ] {
        if let Some(ms) = time(name).filter(|ms| *ms < least) {
            amiss.push((name, format!("{name} = {ms} ms ends {what}")));
        }
    }
    let own: Vec<String> =
        ask(connection, OWN_SETTINGS).await?.iter().filter_map(|row| row.try_get("line").ok()).collect();
    let mut checks = vec![if amiss.is_empty() {
        TIMEOUTS.ok(if own.is_empty() { "none".to_owned() } else { listed(&own) })
    } else {
        let lines: Vec<String> = amiss.iter().map(|(_, line)| line.clone()).collect();
        let repair: Vec<String> = amiss.iter().map(|(name, _)| format!("ALTER ROLE … SET {name} = 0")).collect();
        TIMEOUTS.warning(lines.join("; "), repair.join("; "))
    }];
    checks.push(if text("default_transaction_read_only") == "on" {
        WRITES.error(
            "default_transaction_read_only is on",
            "ALTER ROLE … SET default_transaction_read_only = off, and the same for the database",
        )
    } else {
        WRITES.ok("allowed")
    });
    checks.push(match text("session_replication_role") {
        "replica" => TRIGGERS.error(
            "session_replication_role is replica, so that none of them acts and rows of deleted users stay",
            "ALTER ROLE … RESET session_replication_role, and the same for the database",
        ),
        _ => TRIGGERS.ok("in force"),
    });
    let unsafe_settings: Vec<String> = ["fsync", "full_page_writes", "synchronous_commit"]
        .into_iter()
        .filter(|name| text(name) == "off")
        .map(|name| format!("{name} is off"))
        .collect();
    checks.push(if unsafe_settings.is_empty() {
        DURABILITY.ok("it does")
    } else {
        DURABILITY.notice(format!("a crash may lose what was committed last, or more: {}", listed(&unsafe_settings)))
    });
    Ok(checks)
}
