//! Checks for what goes wrong in a database over time: dead rows, old statistics, invalid indexes, sequences near their end,
//! and collations of another version.

use super::ask::{ask, literal, literals};
use super::check::{Check, Topic, listed};
use crate::db::migrate::Schema;
use crate::error::Result;
use sqlx::{PgConnection, Row as _};

const ENCODING: Topic = Topic { id: "database.encoding", title: "encoding", expected: "UTF8" };
const COLLATIONS: Topic = Topic {
    id: "database.collation",
    title: "collation versions",
    expected: "those with which the indexes were built",
};
const INDEXES: Topic = Topic { id: "tables.indexes", title: "indexes", expected: "every index is valid" };
const DEAD: Topic =
    Topic { id: "tables.dead-rows", title: "dead rows", expected: "fewer than 20 % of a table, or than 10 000" };
const BLOAT: Topic = Topic {
    id: "tables.bloat",
    title: "bloat",
    expected: "tables are at most twice as large as their rows need (an estimate from statistics)",
};
const STATISTICS: Topic =
    Topic { id: "tables.statistics", title: "statistics", expected: "made since most rows were written" };
const SEQUENCES: Topic = Topic { id: "tables.sequences", title: "sequences", expected: "less than 80 % used" };

pub async fn check_database(connection: &mut PgConnection, version: i32, checks: &mut Vec<Check>) {
    let encoding = lines(connection, "SELECT current_setting('server_encoding') AS line".to_owned()).await;
    checks.push(match encoding {
        Ok(names) if names == ["UTF8"] => ENCODING.ok("UTF8"),
        Ok(names) => ENCODING.error(
            listed(&names),
            "copy the data into a database that is made with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        ),
        Err(error) => ENCODING.unknown(&error),
    });
    checks.push(match lines(connection, collations(version)).await {
        Ok(changed) if changed.is_empty() => COLLATIONS.ok("the same"),
        Ok(changed) => COLLATIONS.warning(
            listed(&changed),
            "REINDEX DATABASE CONCURRENTLY, and then ALTER DATABASE … REFRESH COLLATION VERSION (or ALTER COLLATION … REFRESH VERSION)",
        ),
        Err(error) => COLLATIONS.unknown(&error),
    });
}

/// A database has a version of its default collation from PostgreSQL 15 on.
fn collations(version: i32) -> String {
    let of_database = "
        SELECT format('the database: %s, and %s now', d.datcollversion, pg_database_collation_actual_version(d.oid)) AS line
          FROM pg_database d
         WHERE d.datname = current_database()
           AND d.datcollversion <> pg_database_collation_actual_version(d.oid)
         UNION ALL";
    format!(
        "{}
        SELECT format('%s: %s, and %s now', c.collname, c.collversion, pg_collation_actual_version(c.oid))
          FROM pg_collation c
         WHERE c.collversion <> pg_collation_actual_version(c.oid)
           AND EXISTS (SELECT FROM pg_attribute a WHERE a.attcollation = c.oid)",
        if version >= 150_000 { of_database } else { "" }
    )
}

pub async fn check_tables(connection: &mut PgConnection, schema: &Schema, tables: &[&str], checks: &mut Vec<Check>) {
    let quoted = schema.quoted();
    for (topic, sql, repair) in questions() {
        let found =
            lines(connection, sql.replace(":schema", &literal(&schema.name)).replace(":tables", &literals(tables)))
                .await;
        checks.push(match found {
            Ok(names) if names.is_empty() => topic.ok("as expected"),
            Ok(names) => {
                let of = |line: &String| {
                    repair.replace("{}", &format!("{quoted}.{}", line.split(':').next().unwrap_or_default()))
                };
                topic.warning(listed(&names), names.iter().map(of).collect::<Vec<_>>().join("; "))
            }
            Err(error) => topic.unknown(&error),
        });
    }
}

/// Each asks for lines that begin with the name of a table, an index or a sequence.
fn questions() -> [(Topic, String, &'static str); 5] {
    [
        (INDEXES, format!("{TABLES}{INVALID}"), "REINDEX INDEX CONCURRENTLY {}"),
        (DEAD, format!("{TABLES}{DEAD_ROWS}"), "VACUUM {}"),
        (BLOAT, format!("{TABLES}{TOO_LARGE}"), "VACUUM FULL {} while nobody uses it, or pg_repack"),
        (STATISTICS, format!("{TABLES}{STALE}"), "ANALYZE {}"),
        (
            SEQUENCES,
            format!("{TABLES}{ENDING}"),
            "ALTER SEQUENCE {} AS bigint NO MAXVALUE, and the same type for its column",
        ),
    ]
}

/// The tables with their partitions.
const TABLES: &str = "
    WITH RECURSIVE tables AS (
        SELECT c.oid, c.relname::text AS name, c.relkind, c.reltuples, c.relpages, c.reloptions
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = :schema
           AND c.relname IN (:tables)
         UNION ALL
        SELECT c.oid, c.relname::text, c.relkind, c.reltuples, c.relpages, c.reloptions
          FROM tables t
          JOIN pg_inherits h ON h.inhparent = t.oid
          JOIN pg_class c ON c.oid = h.inhrelid
    )";

const INVALID: &str = "
    SELECT c.relname::text AS line
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
      JOIN pg_class c ON c.oid = i.indexrelid
     WHERE NOT (i.indisvalid AND i.indisready)
     ORDER BY 1";

const DEAD_ROWS: &str = "
    SELECT format('%s: %s of %s', t.name, s.n_dead_tup, s.n_live_tup + s.n_dead_tup) AS line
      FROM tables t
      JOIN pg_stat_all_tables s ON s.relid = t.oid
     WHERE s.n_dead_tup > 10000
       AND s.n_dead_tup > 0.2 * (s.n_live_tup + s.n_dead_tup)
     ORDER BY 1";

/// A row takes 28 bytes beside its values. Values that are stored elsewhere are not in these pages.
const TOO_LARGE: &str = "
    SELECT format('%s: %s where about %s would do', t.name, pg_size_pretty(size.actual), pg_size_pretty(size.needed)) AS line
      FROM tables t
     CROSS JOIN LATERAL (
               SELECT sum(least(s.avg_width, 2000) * (1 - s.null_frac))
                 FROM pg_stats s
                 JOIN pg_class c ON c.oid = t.oid AND c.relname = s.tablename
                 JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname
           ) AS row (width)
     CROSS JOIN LATERAL (
               SELECT t.relpages::bigint * current_setting('block_size')::bigint
                    , ((28 + row.width) * t.reltuples * 100
                      / COALESCE(substring(array_to_string(t.reloptions, ',') FROM 'fillfactor=([0-9]+)')::int, 100))::bigint
           ) AS size (actual, needed)
     WHERE t.relkind = 'r'
       AND t.reltuples >= 0
       AND size.actual > 10 * 1024 * 1024
       AND size.actual > 2 * size.needed
     ORDER BY 1";

const STALE: &str = "
    SELECT format(
               '%s: %s rows changed since %s'
             , t.name
             , s.n_mod_since_analyze
             , COALESCE(greatest(s.last_analyze, s.last_autoanalyze)::date::text, 'ever')
           ) AS line
      FROM tables t
      JOIN pg_stat_all_tables s ON s.relid = t.oid
     WHERE s.n_mod_since_analyze > 10000
       AND s.n_mod_since_analyze > 0.5 * greatest(t.reltuples, 0)
     ORDER BY 1";

const ENDING: &str = "
    SELECT format('%s: %s of %s', c.relname, pg_sequence_last_value(c.oid), q.seqmax) AS line
      FROM tables t
      JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.deptype IN ('a', 'i')
      JOIN pg_sequence q ON q.seqrelid = p.objid AND p.classid = 'pg_class'::regclass
      JOIN pg_class c ON c.oid = q.seqrelid
     WHERE has_sequence_privilege(c.oid, 'USAGE, SELECT')
       AND pg_sequence_last_value(c.oid) > 0.8 * q.seqmax
     ORDER BY 1";

async fn lines(connection: &mut PgConnection, sql: String) -> Result<Vec<String>> {
    Ok(ask(connection, sql).await?.iter().filter_map(|row| row.try_get("line").ok()).collect())
}
