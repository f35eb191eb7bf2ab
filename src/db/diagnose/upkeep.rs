//! Checks for what goes wrong in a database over time: dead rows, old statistics, invalid indexes, sequences near their end,
//! partitions that are gone, and collations of another version.

use super::ask::{ask, ask_what_is_amiss, literal, literals};
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
const PARTITIONS: Topic =
    Topic { id: "tables.partitions", title: "partitions", expected: "one for every time, so that no row is refused" };
const DEAD: Topic =
    Topic { id: "tables.dead-rows", title: "dead rows", expected: "fewer than 20 % of a table, or than 10 000" };
const VACUUM: Topic =
    Topic { id: "tables.autovacuum", title: "autovacuum", expected: "on, for the server and for every table" };
const BLOAT: Topic = Topic {
    id: "tables.bloat",
    title: "bloat",
    expected: "tables are at most twice as large as their rows need (an estimate from statistics)",
};
const STATISTICS: Topic =
    Topic { id: "tables.statistics", title: "statistics", expected: "made since most rows were written" };
const SEQUENCES: Topic = Topic {
    id: "tables.sequences",
    title: "sequences",
    expected: "less than 80 % used, upwards, and none begins anew",
};
const OWNERS: Topic = Topic {
    id: "tables.owners",
    title: "owners",
    expected: "one role owns all tables, partitions and functions, so that it can make and drop months, and migrate",
};

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

pub async fn check_tables(
    connection: &mut PgConnection,
    schema: &Schema,
    tables: &[&str],
    functions: &[&str],
    checks: &mut Vec<Check>,
) {
    for (topic, report, sql, note) in questions() {
        let sql = format!("{TABLES}{sql}")
            .replace(":schema", &literal(&schema.name))
            .replace(":tables", &literals(tables))
            .replace(":functions", &literals(functions));
        checks.push(match ask_what_is_amiss(connection, sql).await {
            Ok(amiss) if amiss.is_empty() => topic.ok("as expected"),
            Ok(amiss) => {
                let (lines, repairs): (Vec<_>, Vec<_>) = amiss.into_iter().unzip();
                report(&topic, listed(&lines), format!("{}{note}", repairs.join("; ")))
            }
            Err(error) => topic.unknown(&error),
        });
    }
}

/// What makes a check of a topic, what was found, and its repair.
type Report = fn(&Topic, String, String) -> Check;

/// Each asks for lines that begin with the name of a table, an index or a sequence, and for the SQL that repairs it. What has
/// to be said about that SQL is a comment in it.
fn questions() -> [(Topic, Report, &'static str, &'static str); 8] {
    let (warning, error): (Report, Report) = (Topic::warning, Topic::error);
    [
        (INDEXES, warning, INVALID, ""),
        (PARTITIONS, error, GAPS, ""),
        (DEAD, warning, DEAD_ROWS, ""),
        (VACUUM, warning, NOT_VACUUMED, ""),
        (BLOAT, warning, TOO_LARGE, "; -- while nobody uses it, or use pg_repack"),
        (STATISTICS, warning, STALE, ""),
        (SEQUENCES, warning, ENDING, ""),
        (OWNERS, warning, OWNED_BY_OTHERS, "; -- as a superuser, or a member of both roles"),
    ]
}

/// The tables with their partitions. `place` is the name with its schema, for SQL.
const TABLES: &str = "
    WITH RECURSIVE tables AS (
        SELECT c.oid, n.nspname, c.relname::text AS name, c.relkind, c.reltuples, c.relpages, c.reloptions, 0 AS depth
             , format('%I.%I', n.nspname, c.relname) AS place
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = :schema
           AND c.relname IN (:tables)
         UNION ALL
        SELECT c.oid, n.nspname, c.relname::text, c.relkind, c.reltuples, c.relpages, c.reloptions, t.depth + 1
             , format('%I.%I', n.nspname, c.relname)
          FROM tables t
          JOIN pg_inherits h ON h.inhparent = t.oid
          JOIN pg_class c ON c.oid = h.inhrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
    )";

/// An index of a partitioned table is valid when all partitions have it. It cannot be built again but as a whole, and those of
/// the partitions with it.
const INVALID: &str = "
    SELECT c.relname::text AS line
         , CASE
               WHEN c.relkind = 'i' THEN format('REINDEX INDEX CONCURRENTLY %I.%I', t.nspname, c.relname)
               WHEN o.oid IS NULL
               THEN format('DROP INDEX %I.%I; %s', t.nspname, c.relname, regexp_replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON '))
               ELSE format(
                        'ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s'
                      , t.place
                      , o.conname
                      , o.conname
                      , pg_get_constraintdef(o.oid)
                    )
           END AS repair
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
      JOIN pg_class c ON c.oid = i.indexrelid
      LEFT JOIN pg_constraint o ON o.conindid = c.oid AND o.conrelid = t.oid
     WHERE NOT (i.indisvalid AND i.indisready)
       AND NOT EXISTS (
               SELECT FROM pg_inherits h JOIN pg_index w ON w.indexrelid = h.inhparent WHERE h.inhrelid = c.oid AND NOT w.indisvalid
           )
     ORDER BY 1";

/// Times for which a table that is partitioned by time has no partition, so that it refuses rows. What is missing has the name
/// that the store gives such a partition: a table of that name with the same columns was detached, and is attached again. What
/// else has the name keeps it. A partition whose detaching was interrupted takes no rows either, and is detached first.
const GAPS: &str = "
    , partitions AS (
        SELECT t.oid AS whole
             , c.oid
             , COALESCE((to_jsonb(h) ->> 'inhdetachpending')::boolean, false) AS is_pending
             , COALESCE(substring(bound.text FROM 'FROM [(]''([^'']+)''[)]')::timestamptz, '-infinity') AS starts
             , COALESCE(substring(bound.text FROM ' TO [(]''([^'']+)''[)]')::timestamptz, 'infinity') AS ends
          FROM tables t
          JOIN pg_inherits h ON h.inhparent = t.oid
          JOIN pg_class c ON c.oid = h.inhrelid
         CROSS JOIN LATERAL pg_get_expr(c.relpartbound, 0::oid) AS bound (text)
         WHERE t.depth = 0
           AND t.relkind = 'p'
           AND starts_with(bound.text, 'FOR VALUES FROM')
    ), complete AS (
        -- A default partition has a place for every time.
        SELECT w.partrelid AS whole FROM pg_partitioned_table w WHERE w.partdefid <> 0
    ), edges AS (
        SELECT whole, lag(ends, 1, '-infinity') OVER (PARTITION BY whole ORDER BY starts) AS starts, starts AS ends
          FROM partitions
         WHERE NOT is_pending
         UNION ALL
        SELECT t.oid, COALESCE((SELECT max(p.ends) FROM partitions p WHERE p.whole = t.oid AND NOT p.is_pending), '-infinity'), 'infinity'
          FROM tables t
         WHERE t.depth = 0
           AND t.relkind = 'p'
    ), gaps AS (
        SELECT t.place AS whole
             , t.nspname
             , t.name
             , e.starts
             , e.ends
             , date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS present
          FROM edges e
          JOIN tables t ON t.oid = e.whole
         WHERE e.starts < e.ends
           AND e.whole NOT IN (SELECT c.whole FROM complete c)
    ), missing AS (
        SELECT whole, nspname, name || '_past' AS name, starts, CASE WHEN isfinite(ends) THEN ends ELSE present END AS ends
          FROM gaps
         WHERE NOT isfinite(starts)
         UNION ALL
        SELECT whole, nspname, name || '_future', CASE WHEN isfinite(starts) THEN starts ELSE present END, ends
          FROM gaps
         WHERE NOT isfinite(ends)
         UNION ALL
        SELECT whole, nspname, name || to_char(month, '_YYYY_MM'), month AT TIME ZONE 'UTC', least((month + interval '1 month') AT TIME ZONE 'UTC', ends)
          FROM gaps
         CROSS JOIN LATERAL generate_series(
                   CASE WHEN isfinite(starts) AND isfinite(ends) THEN starts AT TIME ZONE 'UTC' END
                 , ends AT TIME ZONE 'UTC' - interval '1 microsecond'
                 , interval '1 month'
               ) AS month
    ), bounds AS (
        SELECT m.whole
             , m.nspname
             , m.name
             , m.starts
             , EXISTS (
                   SELECT FROM pg_class c
                     JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relname = m.name
                      AND n.nspname = m.nspname
                      AND c.relkind = 'r'
                      AND NOT c.relispartition
                      AND NOT EXISTS (
                              SELECT a.attname, a.atttypid
                                FROM pg_attribute a
                               WHERE a.attrelid = m.whole::regclass
                                 AND a.attnum > 0
                                 AND NOT a.attisdropped
                              EXCEPT
                              SELECT a.attname, a.atttypid
                                FROM pg_attribute a
                               WHERE a.attrelid = c.oid
                                 AND NOT a.attisdropped
                          )
               ) AS is_detached
             , (
                   SELECT free.name
                     FROM generate_series(1, 100) AS number
                    CROSS JOIN LATERAL (
                              SELECT m.name || CASE number WHEN 1 THEN '' ELSE '_' || number END
                          ) AS free (name)
                    WHERE to_regclass(format('%I.%I', m.nspname, free.name)) IS NULL
                    ORDER BY number
                    LIMIT 1
               ) AS free_name
             , COALESCE(quote_literal(to_char(NULLIF(m.starts, '-infinity') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00')), 'MINVALUE') AS low
             , COALESCE(quote_literal(to_char(NULLIF(m.ends, 'infinity') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS+00')), 'MAXVALUE') AS high
          FROM missing m
    )
    SELECT line, repair
      FROM (
               SELECT '-infinity' AS starts
                    , format('%s: its detaching was interrupted', p.oid::regclass) AS line
                    , format('ALTER TABLE %s DETACH PARTITION %s FINALIZE', t.place, p.oid::regclass) AS repair
                 FROM partitions p
                 JOIN tables t ON t.oid = p.whole
                WHERE p.is_pending
                UNION ALL
               SELECT b.starts
                    , format('%s: no partition from %s to %s', b.name, b.low, b.high)
                    , format(
                          CASE
                              WHEN b.is_detached
                              THEN 'ALTER TABLE %1$s ATTACH PARTITION %2$I.%3$I FOR VALUES FROM (%4$s) TO (%5$s)'
                              ELSE 'CREATE TABLE %2$I.%3$I PARTITION OF %1$s FOR VALUES FROM (%4$s) TO (%5$s)'
                          END
                        , b.whole
                        , b.nspname
                        , CASE WHEN b.is_detached THEN b.name ELSE b.free_name END
                        , b.low
                        , b.high
                      )
                 FROM bounds b
           ) AS found
     ORDER BY starts, line DESC";

const DEAD_ROWS: &str = "
    SELECT format('%s: %s of %s', t.name, s.n_dead_tup, s.n_live_tup + s.n_dead_tup) AS line
         , format('VACUUM %s', t.place) AS repair
      FROM tables t
      JOIN pg_stat_all_tables s ON s.relid = t.oid
     WHERE s.n_dead_tup > 10000
       AND s.n_dead_tup > 0.2 * (s.n_live_tup + s.n_dead_tup)
     ORDER BY 1";

/// The server vacuums nothing without `track_counts`.
const NOT_VACUUMED: &str = "
    SELECT format('%s is off', s.name) AS line
         , CASE s.source
               WHEN 'database' THEN format('ALTER DATABASE %I RESET %s', current_database(), s.name)
               ELSE format('ALTER SYSTEM SET %s = on; SELECT pg_reload_conf()', s.name)
           END AS repair
      FROM pg_settings s
     WHERE s.name IN ('autovacuum', 'track_counts')
       AND s.setting = 'off'
     UNION ALL
    SELECT format('off for %s', t.name), format('ALTER TABLE %s RESET (autovacuum_enabled)', t.place)
      FROM tables t
     CROSS JOIN pg_options_to_table(t.reloptions) AS o
     WHERE o.option_name = 'autovacuum_enabled'
       AND NOT o.option_value::boolean
     ORDER BY 1";

/// A row takes 28 bytes beside its values. Values that are stored elsewhere are not in these pages.
const TOO_LARGE: &str = "
    SELECT format('%s: %s where about %s would do', t.name, pg_size_pretty(size.actual), pg_size_pretty(size.needed)) AS line
         , format('VACUUM FULL %s', t.place) AS repair
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
         , format('ANALYZE %s', t.place) AS repair
      FROM tables t
      JOIN pg_stat_all_tables s ON s.relid = t.oid
     WHERE s.n_mod_since_analyze > 10000
       AND s.n_mod_since_analyze > 0.5 * greatest(t.reltuples, 0)
     ORDER BY 1";

/// The server may test conditions in any order, and what is known of a sequence can be asked of a sequence alone.
const ENDING: &str = "
    , sequences AS MATERIALIZED (
        SELECT c.relname
             , format('%I.%I', n.nspname, c.relname) AS place
             , t.place AS of_table
             , a.attname
             , q.seqmax
             , q.seqincrement
             , q.seqcycle
             , CASE WHEN c.relkind = 'S' AND has_sequence_privilege(c.oid, 'USAGE, SELECT') THEN pg_sequence_last_value(c.oid) END AS last
          FROM tables t
          JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.deptype IN ('a', 'i')
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.refobjsubid
          JOIN pg_sequence q ON q.seqrelid = p.objid AND p.classid = 'pg_class'::regclass
          JOIN pg_class c ON c.oid = q.seqrelid
          JOIN pg_namespace n ON n.oid = c.relnamespace
    )
    SELECT format(
               '%s: %s of %s%s%s'
             , relname
             , COALESCE(last::text, 'none')
             , seqmax
             , CASE WHEN seqincrement < 0 THEN ', downwards' ELSE '' END
             , CASE WHEN seqcycle THEN ', and then anew' ELSE '' END
           ) AS line
         , CASE
               WHEN seqcycle OR seqincrement < 0
               THEN format('ALTER SEQUENCE %s AS bigint INCREMENT BY 1 NO MINVALUE NO MAXVALUE NO CYCLE RESTART', place)
                    || format('; SELECT setval(%L, COALESCE((SELECT max(%I) FROM %s), 1))', place, attname, of_table)
               WHEN seqmax < 9223372036854775807 THEN format('ALTER SEQUENCE %s AS bigint NO MAXVALUE', place)
               ELSE format('SELECT setval(%L, COALESCE((SELECT max(%I) FROM %s), 1))', place, attname, of_table)
           END AS repair
      FROM sequences
     WHERE last > 0.8 * seqmax
        OR seqcycle
        OR seqincrement < 0
     ORDER BY 1";

/// What another role owns: months cannot be dropped or moved, a function that acts for its owner refuses the table, and the
/// next migration fails.
const OWNED_BY_OTHERS: &str = "
    , owned AS (
        SELECT format('the table %s', t.name) AS what, c.relowner AS owner, format('ALTER TABLE %s OWNER TO ', t.place) AS change
          FROM tables t
          JOIN pg_class c ON c.oid = t.oid
         UNION ALL
        SELECT format('the function %s', f.proname), f.proowner, format('ALTER FUNCTION %s OWNER TO ', f.oid::regprocedure)
          FROM pg_proc f
          JOIN pg_namespace n ON n.oid = f.pronamespace
         WHERE n.nspname = :schema
           AND f.proname IN (:functions)
    ), usual AS (
        SELECT owner FROM owned GROUP BY owner ORDER BY count(*) DESC, owner LIMIT 1
    )
    SELECT format('%s belongs to %s', o.what, o.owner::regrole) AS line
         , o.change || u.owner::regrole AS repair
      FROM owned o
     CROSS JOIN usual u
     WHERE o.owner <> u.owner
     ORDER BY 1";

async fn lines(connection: &mut PgConnection, sql: String) -> Result<Vec<String>> {
    Ok(ask(connection, sql).await?.iter().filter_map(|row| row.try_get("line").ok()).collect())
}
