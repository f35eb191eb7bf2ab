//! The kinds of rows that `sweep` deletes, and the statements that find them.
//!
//! No table has an index for this. An index on the expiry of sessions would cost every renewal of a session more than all
//! sweeps together, and the other tables are small. So a sweep walks through each table once, a few pages at a time.

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

/// The statements for one kind. `$1` is the time of `olderThan`, or NULL; they look at the pages from `$2` on, below `$3`.
pub struct SweepStatements {
    /// Deletes up to `$4` rows. Returns how many, the number of all pages, and whether the server can read a range of them.
    pub delete: OfPages,
    /// The same without deleting anything.
    pub count: OfPages,
}

/// A statement that looks at some pages of a table.
pub struct OfPages {
    pub by_range: &'static str,
    /// For every server. It names each place of a row in these pages: before PostgreSQL 14 a range reads the whole table.
    pub by_place: &'static str,
}

macro_rules! pages_of {
    ($table:literal) => {
        concat!(
            "pg_catalog.pg_relation_size('",
            $table,
            "') / pg_catalog.current_setting('block_size')::int8 AS pages
             , pg_catalog.current_setting('server_version_num')::int4 >= 140000 AS has_ranges"
        )
    };
}

/// The rows of these pages.
macro_rules! in_range {
    () => {
        "ctid >= pg_catalog.concat('(', $2::int8, ',0)')::tid AND ctid < pg_catalog.concat('(', $3::int8, ',0)')::tid"
    };
}

/// The same: a row takes up 28 bytes of its page at least, and a place that is empty costs next to nothing. The text of a
/// point is that of a place, and is made three times as fast as by `concat`.
macro_rules! in_places {
    () => {
        "ctid = ANY(ARRAY(
             SELECT pg_catalog.point(page, line)::text::tid
               FROM pg_catalog.generate_series($2::int8, $3::int8 - 1) AS page
              CROSS JOIN pg_catalog.generate_series(1, pg_catalog.current_setting('block_size')::int4 / 28) AS line
         ))"
    };
}

/// A row that another transaction has locked is passed over. One that a transaction has changed in the meantime is looked
/// at again when it is locked, so that a session that was renewed just now stays. The condition is wrapped, so that no index
/// can be chosen for it that leads to the whole table.
macro_rules! delete {
    ($table:literal, $condition:literal, $in_pages:expr) => {
        concat!(
            "WITH gone AS (
                DELETE FROM ",
            $table,
            " WHERE ctid = ANY(ARRAY(SELECT ctid FROM ",
            $table,
            " WHERE ",
            $in_pages,
            " AND (",
            $condition,
            ") IS TRUE LIMIT $4 FOR UPDATE SKIP LOCKED)) AND (",
            $condition,
            ") IS TRUE RETURNING id)
             SELECT (SELECT count(*) FROM gone) AS swept, ",
            pages_of!($table)
        )
    };
}

macro_rules! count {
    ($table:literal, $condition:literal, $in_pages:expr) => {
        concat!(
            "SELECT LEAST($4::int8, (SELECT count(*) FROM ",
            $table,
            " WHERE ",
            $in_pages,
            " AND (",
            $condition,
            ") IS TRUE)) AS swept, ",
            pages_of!($table)
        )
    };
}

macro_rules! sweep_statements {
    ($table:literal, $condition:literal) => {
        SweepStatements {
            delete: OfPages {
                by_range: delete!($table, $condition, in_range!()),
                by_place: delete!($table, $condition, in_places!()),
            },
            count: OfPages {
                by_range: count!($table, $condition, in_range!()),
                by_place: count!($table, $condition, in_places!()),
            },
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
