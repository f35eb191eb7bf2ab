//! The kinds of rows that `sweep` deletes, and the statements that find them.
//!
//! No table has an index for this. An index on the expiry of sessions would cost every renewal of a session more than all
//! sweeps together, and the other tables are small. So a sweep walks through each table once: by ranges of pages, or before
//! PostgreSQL 14, where such a range reads the whole table, by id.

use crate::input::closed_set;

closed_set! {
    /// A kind of rows that `sweep` deletes.
    SweepKind {
        EmailVerificationTokens = "emailVerificationTokens",
        TwoFactorSessions = "twoFactorSessions",
        SsoSessions = "ssoSessions",
        ApiKeys = "apiKeys",
        BackupCodes = "backupCodes",
        Sessions = "sessions",
        Events = "events",
    }
}

impl SweepKind {
    /// In the order in which a sweep takes them, which begins with any of them.
    pub const ALL: [Self; 7] = [
        Self::EmailVerificationTokens,
        Self::TwoFactorSessions,
        Self::SsoSessions,
        Self::ApiKeys,
        Self::BackupCodes,
        Self::Sessions,
        Self::Events,
    ];

    /// `None` for events, of which whole months are dropped.
    pub fn statements(self) -> Option<&'static SweepStatements> {
        let statements = match self {
            Self::EmailVerificationTokens => &EMAIL_VERIFICATION_TOKENS,
            Self::TwoFactorSessions => &TWO_FACTOR_SESSIONS,
            Self::SsoSessions => &SSO_SESSIONS,
            Self::ApiKeys => &API_KEYS,
            Self::BackupCodes => &BACKUP_CODES,
            Self::Sessions => &SESSIONS,
            Self::Events => return None,
        };
        Some(statements)
    }
}

/// The statements for one kind. `$1` is the time of `olderThan`, or NULL.
pub struct SweepStatements {
    /// Deletes up to `$4` rows in the pages from `$2` on, below `$3`. Returns how many, and the number of all pages.
    pub delete_in_pages: &'static str,
    /// Deletes up to `$3` rows among the next `$4` by id after `$2`. Returns how many, the last id of those `$4`, and whether
    /// that is `$5` or a later one.
    pub delete_after_id: &'static str,
    /// The same without deleting anything.
    pub count_in_pages: &'static str,
    pub count_after_id: &'static str,
    /// An id from the page that lies at that share of the table. No row if the page has none.
    pub some_id: &'static str,
}

/// The pages of a table.
macro_rules! pages_of {
    ($table:literal) => {
        concat!("pg_catalog.pg_relation_size('", $table, "') / pg_catalog.current_setting('block_size')::int8 AS pages")
    };
}

/// The condition is wrapped, so that no index can be chosen for it that leads to the whole table.
macro_rules! in_pages {
    ($condition:literal) => {
        concat!(
            "ctid >= pg_catalog.concat('(', $2::int8, ',0)')::tid
             AND ctid < pg_catalog.concat('(', $3::int8, ',0)')::tid
             AND (",
            $condition,
            ") IS TRUE"
        )
    };
}

/// Where a step by id has led.
macro_rules! end_of_step {
    () => {
        "(SELECT pg_catalog.max(id) FROM step) AS last
       , COALESCE((SELECT pg_catalog.max(id) >= $5::text FROM step), false) AS is_past"
    };
}

/// A row that another transaction has locked is passed over. One that a transaction has changed in the meantime is looked
/// at again when it is locked, so that a session that was renewed just now stays.
macro_rules! sweep_statements {
    ($table:literal, $condition:literal) => {
        SweepStatements {
            delete_in_pages: concat!(
                "WITH gone AS (
                    DELETE FROM ",
                $table,
                " WHERE ctid = ANY(ARRAY(SELECT ctid FROM ",
                $table,
                " WHERE ",
                in_pages!($condition),
                " LIMIT $4 FOR UPDATE SKIP LOCKED)) AND (",
                $condition,
                ") IS TRUE RETURNING id)
                 SELECT (SELECT count(*) FROM gone) AS swept, ",
                pages_of!($table)
            ),
            delete_after_id: concat!(
                "WITH step AS MATERIALIZED (
                    SELECT id, (",
                $condition,
                ") IS TRUE AS is_over FROM ",
                $table,
                " WHERE id > $2 ORDER BY id LIMIT $4
                 ), gone AS (
                    DELETE FROM ",
                $table,
                " WHERE id = ANY(ARRAY(SELECT id FROM ",
                $table,
                " WHERE id = ANY(ARRAY(SELECT id FROM step WHERE is_over)) AND (",
                $condition,
                ") LIMIT $3 FOR UPDATE SKIP LOCKED)) RETURNING id)
                 SELECT (SELECT count(*) FROM gone) AS swept, ",
                end_of_step!()
            ),
            count_in_pages: concat!(
                "SELECT LEAST($4::int8, (SELECT count(*) FROM ",
                $table,
                " WHERE ",
                in_pages!($condition),
                ")) AS swept, ",
                pages_of!($table)
            ),
            count_after_id: concat!(
                "WITH step AS MATERIALIZED (
                    SELECT id, (",
                $condition,
                ") IS TRUE AS is_over FROM ",
                $table,
                " WHERE id > $2 ORDER BY id LIMIT $4
                 )
                 SELECT LEAST($3::int8, (SELECT count(*) FROM step WHERE is_over)) AS swept, ",
                end_of_step!()
            ),
            some_id: concat!(
                "WITH place AS MATERIALIZED (SELECT pg_catalog.floor($1::float8 * pages)::int8 AS page FROM (SELECT ",
                pages_of!($table),
                ") AS size)
                 SELECT id FROM ",
                $table,
                " WHERE ctid = ANY(ARRAY(
                            SELECT pg_catalog.concat('(', page, ',', line, ')')::tid
                              FROM place CROSS JOIN pg_catalog.generate_series(1, 100) AS line
                        ))
                  LIMIT 1"
            ),
        }
    };
}

static SESSIONS: SweepStatements = sweep_statements!("sessions", "expires_at <= LEAST(now(), $1::timestamptz)");

/// A token that has been used is kept for a day, so that who uses it again is told so.
static EMAIL_VERIFICATION_TOKENS: SweepStatements = sweep_statements!(
    "email_verification_tokens",
    "expires_at <= LEAST(now(), $1::timestamptz)
     OR used_at <= LEAST(now(), COALESCE($1::timestamptz, now() - INTERVAL '1 day'))"
);

static TWO_FACTOR_SESSIONS: SweepStatements =
    sweep_statements!("twofa_sessions", "expires_at <= LEAST(now(), $1::timestamptz)");

static SSO_SESSIONS: SweepStatements = sweep_statements!("sso_sessions", "expires_at <= LEAST(now(), $1::timestamptz)");

/// Expired keys are listed, so that their owners can see why they do not work.
static API_KEYS: SweepStatements =
    sweep_statements!("api_keys", "expires_at <= LEAST(now(), COALESCE($1::timestamptz, now() - INTERVAL '30 days'))");

/// Used codes are listed as well.
static BACKUP_CODES: SweepStatements = sweep_statements!(
    "twofa_backup_codes",
    "used AND COALESCE(used_at, created_at) <= LEAST(now(), COALESCE($1::timestamptz, now() - INTERVAL '30 days'))"
);
