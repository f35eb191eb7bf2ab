//! The catalogue of a database as lines of text, so that what is there can be compared with what is expected.

use super::execute::failure;
use super::schema::Schema;
use crate::error::Result;
use sqlx::PgConnection;

/// Describes the tables named in `$1`, in the schema `$2`. This includes what would be dropped together with them, such as
/// views, policies and publications, and all options of a table, a column or an index. Columns of the catalogue that older
/// servers lack are read through JSON. The name of the schema is left out, and so is whether a constraint is validated.
const CATALOGUE: &str = "
    WITH schema AS (
        SELECT oid, quote_ident(nspname) || '.' AS prefix
          FROM pg_namespace
         WHERE nspname = $2
    ), tables AS (
        SELECT c.oid, c.relname, c.relnamespace, c.relkind, to_jsonb(c) AS marks
          FROM pg_class c
          JOIN schema ON schema.oid = c.relnamespace
         WHERE c.relname = ANY($1)
           AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ), lines AS (
        SELECT format(
                   '%s.%s %s%s%s%s%s'
                 , t.relname
                 , a.attname
                 , format_type(a.atttypid, a.atttypmod)
                 , CASE WHEN a.attnotnull THEN ' not null' END
                 , ' default ' || pg_get_expr(d.adbin, d.adrelid)
                 , CASE WHEN a.attidentity <> '' OR a.attgenerated <> '' THEN ' generated' END
                 , CASE WHEN a.attcollation <> y.typcollation THEN ' collated' END
               ) AS line
          FROM tables t
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
          JOIN pg_type y ON y.oid = a.atttypid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         UNION ALL
        SELECT format('%s.%s: %s', t.relname, a.attname, mark.what)
          FROM tables t
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
          JOIN pg_type y ON y.oid = a.atttypid
         CROSS JOIN LATERAL (
                   SELECT 'statistics target ' || (to_jsonb(a) ->> 'attstattarget')
                    WHERE COALESCE((to_jsonb(a) ->> 'attstattarget')::integer, -1) <> -1
                    UNION ALL
                   SELECT 'options ' || array_to_string(a.attoptions, ', ')
                    WHERE a.attoptions IS NOT NULL
                    UNION ALL
                   SELECT 'storage ' || a.attstorage::text
                    WHERE a.attstorage <> y.typstorage
                    UNION ALL
                   SELECT 'compression ' || (to_jsonb(a) ->> 'attcompression')
                    WHERE COALESCE(to_jsonb(a) ->> 'attcompression', '') <> ''
               ) AS mark (what)
         UNION ALL
        SELECT format('%s: constraint %s %s', t.relname, o.conname, regexp_replace(pg_get_constraintdef(o.oid), ' NOT VALID$', ''))
          FROM tables t
          JOIN pg_constraint o ON o.conrelid = t.oid AND o.contype <> 'n'
         UNION ALL
        SELECT format('%s: index %s', t.relname, c.relname)
          FROM tables t
          JOIN pg_index i ON i.indrelid = t.oid
          JOIN pg_class c ON c.oid = i.indexrelid
         WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = t.oid)
         UNION ALL
        SELECT format('%s: the index %s has %s', t.relname, c.relname, mark.what)
          FROM tables t
          JOIN pg_index i ON i.indrelid = t.oid
          JOIN pg_class c ON c.oid = i.indexrelid
         CROSS JOIN LATERAL (
                   SELECT 'the cluster mark'
                    WHERE i.indisclustered
                    UNION ALL
                   SELECT 'storage options ' || array_to_string(c.reloptions, ', ')
                    WHERE c.reloptions IS NOT NULL
                    UNION ALL
                   SELECT 'a tablespace'
                    WHERE c.reltablespace <> 0
               ) AS mark (what)
         UNION ALL
        SELECT format(
                   '%s: trigger %s calls %s%s%s'
                 , t.relname
                 , g.tgname
                 , CASE WHEN f.pronamespace <> t.relnamespace THEN f.pronamespace::regnamespace::text || '.' END
                 , f.proname
                 , CASE g.tgenabled WHEN 'O' THEN '' ELSE ', enabled: ' || g.tgenabled::text END
               )
          FROM tables t
          JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
          JOIN pg_proc f ON f.oid = g.tgfoid
         UNION ALL
        SELECT format('%s: %s', t.relname, mark.what)
          FROM tables t
         CROSS JOIN LATERAL (
                   SELECT 'no ordinary table'
                    WHERE t.relkind <> 'r'
                    UNION ALL
                   SELECT 'row level security'
                    WHERE (t.marks ->> 'relrowsecurity')::boolean
                    UNION ALL
                   SELECT 'forced row level security'
                    WHERE (t.marks ->> 'relforcerowsecurity')::boolean
                    UNION ALL
                   SELECT 'replica identity ' || (t.marks ->> 'relreplident')
                    WHERE t.marks ->> 'relreplident' <> 'd'
                    UNION ALL
                   SELECT 'persistence ' || (t.marks ->> 'relpersistence')
                    WHERE t.marks ->> 'relpersistence' <> 'p'
                    UNION ALL
                   SELECT 'storage options ' || (t.marks ->> 'reloptions')
                    WHERE t.marks ->> 'reloptions' IS NOT NULL
                    UNION ALL
                   SELECT 'storage options of its TOAST table ' || array_to_string(toast.reloptions, ', ')
                     FROM pg_class toast
                    WHERE toast.oid = (t.marks ->> 'reltoastrelid')::oid
                      AND toast.reloptions IS NOT NULL
                    UNION ALL
                   SELECT 'a tablespace'
                    WHERE t.marks ->> 'reltablespace' <> '0'
                    UNION ALL
                   SELECT 'a security label'
                    WHERE EXISTS (
                              SELECT FROM pg_seclabel l WHERE l.classoid = 'pg_class'::regclass AND l.objoid = t.oid
                          )
                    UNION ALL
                   SELECT 'inheritance'
                    WHERE EXISTS (SELECT FROM pg_inherits h WHERE t.oid IN (h.inhparent, h.inhrelid))
               ) AS mark (what)
         UNION ALL
        SELECT format('%s: used by %s', t.relname, pg_describe_object(p.classid, p.objid, 0))
          FROM tables t
          JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid
         WHERE p.classid IN (
                   'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_publication_rel'::regclass
                 , 'pg_statistic_ext'::regclass, 'pg_proc'::regclass
               )
         GROUP BY t.relname, p.classid, p.objid
         UNION ALL
        -- What was detached from a table still takes its ids from there.
        SELECT format('%s: used by %s', t.relname, pg_describe_object(u.classid, u.objid, 0))
          FROM tables t
          JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.deptype = 'a'
          JOIN pg_depend u ON u.refclassid = p.classid AND u.refobjid = p.objid AND u.classid = 'pg_attrdef'::regclass
          JOIN pg_attrdef d ON d.oid = u.objid
         WHERE p.classid = 'pg_class'::regclass
           AND d.adrelid <> t.oid
           AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = t.oid AND h.inhrelid = d.adrelid)
         UNION ALL
        SELECT format('%s: owns the sequence %s', t.relname, s.relname)
          FROM tables t
          JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid AND p.deptype = 'a'
          JOIN pg_class s ON s.oid = p.objid AND p.classid = 'pg_class'::regclass AND s.relkind = 'S'
         WHERE NOT EXISTS (
                   SELECT FROM pg_attrdef d
                     JOIN pg_depend u ON u.classid = 'pg_attrdef'::regclass AND u.objid = d.oid
                    WHERE d.adrelid = t.oid
                      AND u.refclassid = 'pg_class'::regclass
                      AND u.refobjid = s.oid
               )
    )
    SELECT replace(line, schema.prefix, '') FROM lines CROSS JOIN schema";

/// The lines that describe these tables.
pub async fn catalogue(connection: &mut PgConnection, schema: &Schema, tables: &[&str]) -> Result<Vec<String>> {
    sqlx::query_scalar(CATALOGUE)
        .bind(tables)
        .bind(&schema.name)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(|error| failure(&error).error)
}

/// The table that a line is about.
pub fn table_of(line: &str) -> &str {
    line.split(['.', ':']).next().unwrap_or(line)
}

/// Describes functions by their bodies, because some migrations change nothing else.
const BODIES: &str = "
    SELECT format('%s: function %s', f.proname, md5(f.prosrc))
      FROM pg_proc f
      JOIN pg_namespace n ON n.oid = f.pronamespace
     WHERE f.proname = ANY($1)
       AND n.nspname = $2";

/// The lines that describe these functions.
pub async fn bodies(connection: &mut PgConnection, schema: &Schema, functions: &[&str]) -> Result<Vec<String>> {
    sqlx::query_scalar(BODIES)
        .bind(functions)
        .bind(&schema.name)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(|error| failure(&error).error)
}
