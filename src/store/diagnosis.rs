//! Checks of the rows: how many have expired, how old the audit log is, and whether there are secrets that were not hashed.
//! Of large tables only a sample is read, so that no check takes long.

use crate::db::diagnose::{Check, Topic};
use crate::db::{Db, Repeat};
use crate::error::Result;
use sqlx::query;

const EXPIRED: Topic =
    Topic { id: "data.expired", title: "expired rows", expected: "fewer than 10 000 in a table, or than 20 % of it" };
const EVENTS: Topic = Topic { id: "data.events", title: "audit events", expected: "as old as your retention allows" };
const EVENT_IDS: Topic = Topic {
    id: "data.event-ids",
    title: "ids of audit events",
    expected: "the sequence is not behind the newest events, so that no id is given again",
};
const SWEEP: Topic = Topic { id: "data.sweep", title: "last sweep", expected: "within a week, where rows expire" };
const PASSWORDS: Topic =
    Topic { id: "secrets.passwords", title: "password hashes", expected: "hashes, and no passwords" };
const BACKUP_CODES: Topic =
    Topic { id: "secrets.backup-codes", title: "backup codes", expected: "hashed before they are stored" };
const TOKENS: Topic =
    Topic { id: "secrets.tokens", title: "hashes of e-mail tokens", expected: "another text than the code itself" };
const KEYS: Topic = Topic { id: "secrets.api-keys", title: "hashes of API keys", expected: "hashes, and no keys" };
const AT_REST: Topic = Topic {
    id: "secrets.at-rest",
    title: "secrets that are needed in clear",
    expected: "on an encrypted disk and in encrypted backups, since they are stored as they were given",
};

/// A table, or about 2 000 of its pages.
macro_rules! sample {
    ($table:literal) => {
        concat!(
            $table,
            " TABLESAMPLE SYSTEM ((
                  SELECT LEAST(100.0::float8, 200000.0::float8 / GREATEST(relpages, 1)::float8)
                    FROM pg_catalog.pg_class
                   WHERE oid = '",
            $table,
            "'::pg_catalog.regclass::pg_catalog.oid
              ))"
        )
    };
}

/// How many rows of a sample have expired, of how many, and how many rows the table has.
macro_rules! expired {
    ($table:literal) => {
        concat!(
            "SELECT count(*) FILTER (WHERE expires_at <= now())
                  , count(*)
                  , (SELECT reltuples::float8 FROM pg_catalog.pg_class WHERE oid = '",
            $table,
            "'::pg_catalog.regclass::pg_catalog.oid)
               FROM ",
            sample!($table)
        )
    };
}

const EXPIRING: [(&str, &str); 5] = [
    ("sessions", expired!("sessions")),
    ("email_verification_tokens", expired!("email_verification_tokens")),
    ("sso_sessions", expired!("sso_sessions")),
    ("twofa_sessions", expired!("twofa_sessions")),
    ("api_keys", expired!("api_keys")),
];

const LEAST_EXPIRED: f64 = 10_000.0;

pub async fn check_data(db: &mut Db) -> Vec<Check> {
    let mut checks = vec![
        expired(db).await.unwrap_or_else(|error| EXPIRED.unknown(&error)),
        last_sweep(db).await.unwrap_or_else(|error| SWEEP.unknown(&error)),
        events(db).await.unwrap_or_else(|error| EVENTS.unknown(&error)),
        event_ids(db).await.unwrap_or_else(|error| EVENT_IDS.unknown(&error)),
    ];
    for (topic, sql, what, repair) in SECRETS {
        checks.push(match count(db, sql).await {
            Ok(0) => topic.ok("none in clear"),
            Ok(found) => topic.error(format!("{found} rows look like {what}"), *repair),
            Err(error) => topic.unknown(&error),
        });
    }
    checks.push(match count(db, NEEDED_IN_CLEAR).await {
        Ok(0) => AT_REST.ok("none are stored"),
        Ok(found) => AT_REST.notice(format!("{found}: secrets of SSO clients, signing keys and TOTP devices")),
        Err(error) => AT_REST.unknown(&error),
    });
    checks
}

async fn expired(db: &mut Db) -> Result<Check> {
    let mut amiss = Vec::new();
    let mut all = Vec::new();
    for (table, sql) in EXPIRING {
        db.begin_batch();
        let row: Option<(i64, i64, f64)> = db.optional(Repeat::Read, || query(sql)).await?;
        let (expired, sampled, rows) = row.unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (expired, sampled) = (expired as f64, sampled as f64);
        if expired == 0.0 {
            continue;
        }
        let share = expired / sampled;
        let number = (share * rows.max(sampled)).round();
        let line = format!("{table} about {number} ({:.0} %)", share * 100.0);
        if number >= LEAST_EXPIRED && share >= 0.2 {
            amiss.push(line.clone());
        }
        all.push(line);
    }
    Ok(if !amiss.is_empty() {
        EXPIRED.warning(amiss.join(", "), "delete them, and go on deleting them periodically: auth-postgres sweep")
    } else if all.is_empty() {
        EXPIRED.ok("none")
    } else {
        EXPIRED.ok(all.join(", "))
    })
}

/// What is kept about the sweep that began last, of those that have ended.
const LAST_SWEEP: &str = "
    SELECT pg_catalog.to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
         , duration_ms
         , (SELECT pg_catalog.sum(deleted.value::numeric)::int8 FROM pg_catalog.jsonb_each_text(s.deleted) AS deleted)
         , started_at < now() - interval '7 days'
      FROM auth_sweeps AS s
     WHERE started_at IS NOT NULL
       AND duration_ms IS NOT NULL
     ORDER BY started_at DESC
     LIMIT 1";

async fn last_sweep(db: &mut Db) -> Result<Check> {
    db.begin_batch();
    let row: Option<(String, i64, Option<i64>, bool)> = db.optional(Repeat::Read, || query(LAST_SWEEP)).await?;
    let Some((at, took, deleted, is_long_ago)) = row else {
        return Ok(SWEEP.notice("never: call sweep() periodically, or set sweepIntervalMs"));
    };
    let text = format!("{at} UTC, in {took} ms, {} rows", deleted.unwrap_or(0));
    Ok(if is_long_ago { SWEEP.notice(text) } else { SWEEP.ok(text) })
}

/// By the key of the table, which begins with the time. Of a partitioned table the partitions know how many rows there are.
const OLDEST: &str = "
    SELECT pg_catalog.to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), (
               SELECT pg_catalog.sum(GREATEST(c.reltuples, 0))::float8
                 FROM pg_catalog.pg_class AS c
                WHERE c.oid = 'auth_events'::pg_catalog.regclass::pg_catalog.oid
                   OR c.oid IN (
                          SELECT h.inhrelid
                            FROM pg_catalog.pg_inherits AS h
                           WHERE h.inhparent = 'auth_events'::pg_catalog.regclass::pg_catalog.oid
                      )
           )
      FROM auth_events
     ORDER BY timestamp, id
     LIMIT 1";

async fn events(db: &mut Db) -> Result<Check> {
    db.begin_batch();
    let row: Option<(String, f64)> = db.optional(Repeat::Read, || query(OLDEST)).await?;
    Ok(match row {
        None => EVENTS.ok("none"),
        Some((oldest, rows)) if rows > 0.0 => EVENTS.ok(format!("about {rows:.0}, the oldest of {oldest} UTC")),
        Some((oldest, _)) => EVENTS.ok(format!("the oldest of {oldest} UTC")),
    })
}

/// A replica that is promoted has a sequence that is behind: logical replication leaves sequences out. The default of the column
/// names the sequence, which is read after the rows.
const NEWEST_IDS: &str = "
    WITH newest AS MATERIALIZED (
        SELECT pg_catalog.max(id) AS id
          FROM (SELECT id FROM auth_events ORDER BY timestamp DESC, id DESC LIMIT 1000) AS event
    ), sequence AS (
        SELECT pg_catalog.pg_get_serial_sequence(place.name, 'id') AS name, place.name AS of_table
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         CROSS JOIN LATERAL pg_catalog.format('%I.%I', n.nspname, c.relname) AS place (name)
         WHERE c.oid = 'auth_events'::pg_catalog.regclass::pg_catalog.oid
    )
    SELECT newest.id
         , CASE
               WHEN newest.id IS NOT NULL AND pg_catalog.has_sequence_privilege(sequence.name, 'USAGE, SELECT')
               THEN COALESCE(pg_catalog.pg_sequence_last_value(sequence.name::pg_catalog.regclass), 0)
           END
         , pg_catalog.format('SELECT pg_catalog.setval(%L, (SELECT pg_catalog.max(id) FROM %s))', sequence.name, sequence.of_table)
      FROM newest
     CROSS JOIN sequence
     WHERE sequence.name IS NOT NULL";

async fn event_ids(db: &mut Db) -> Result<Check> {
    db.begin_batch();
    let row: Option<(Option<i64>, Option<i64>, String)> = db.optional(Repeat::Read, || query(NEWEST_IDS)).await?;
    Ok(match row {
        Some((Some(newest), Some(last), repair)) if newest > last => {
            EVENT_IDS.warning(format!("the last id was {last}, and there is an event with {newest}"), repair)
        }
        _ => EVENT_IDS.ok("it is not"),
    })
}

/// A statement that counts rows, what these look like, and what to do.
type SecretCheck = (Topic, &'static str, &'static str, &'static str);

const SECRETS: &[SecretCheck] = &[
    (
        PASSWORDS,
        concat!(
            "SELECT count(*) FROM ",
            sample!("password_hashes"),
            " WHERE NOT pg_catalog.starts_with(hash, '$') AND pg_catalog.length(hash) < 32"
        ),
        "passwords in clear",
        "hash passwords with Argon2id, scrypt or bcrypt before setPasswordHash, and have these users set new ones",
    ),
    (
        BACKUP_CODES,
        concat!("SELECT count(*) FROM ", sample!("twofa_backup_codes"), " WHERE pg_catalog.length(code) < 20"),
        "codes in clear",
        "give createBackupCodes hashes, and replace these sets",
    ),
    (
        TOKENS,
        concat!("SELECT count(*) FROM ", sample!("email_verification_tokens"), " WHERE code_hash = code"),
        "codes in clear",
        "give createEmailVerificationToken a hash as `codeHash`",
    ),
    (
        KEYS,
        concat!("SELECT count(*) FROM ", sample!("api_keys"), " WHERE pg_catalog.length(hash) < 32"),
        "keys in clear",
        "store the SHA-256 hash of a key, as createApiKeyWithSecret does",
    ),
];

const NEEDED_IN_CLEAR: &str = "
    SELECT (SELECT count(*) FROM sso_providers WHERE client_secret IS NOT NULL OR signing_key IS NOT NULL)
         + (
               SELECT count(*)
                 FROM (SELECT FROM twofa_devices WHERE secret IS NOT NULL LIMIT 1000000) AS device
           )";

async fn count(db: &mut Db, sql: &'static str) -> Result<i64> {
    db.begin_batch();
    let row: Option<(i64,)> = db.optional(Repeat::Read, || query(sql)).await?;
    Ok(row.map_or(0, |(count,)| count))
}
