//! The search path of our connections: the server's own schema, then the one schema of our tables.
//!
//! A role, a database or the caller's options may put further schemas into the path, or the server's own behind others.
//! Then a table could be found where ours are not, and a function of somebody else's could take the place of the
//! server's. So the statement with which a connection begins also narrows such a path to the first schema in it. A
//! pooler's server process may have temporary tables of another client, so behind one the path is always narrowed:
//! `pg_temp` is searched first unless it is named.

/// Columns for a statement: `search_path`, which the first one sets, and `has_tables`, whether that schema has our
/// bookkeeping. Of a connection also `is_guarded`, whether row security applies to the role in that schema. What
/// follows `FROM` is [`own_schema`].
macro_rules! narrow_search_path {
    (of a connection) => {
        concat!(
            narrow_search_path!(
                "own.name IS NOT NULL
                 AND pg_catalog.current_schemas(false) OPERATOR(pg_catalog.<>) ARRAY[own.name]
                 AND pg_catalog.current_schemas(false)
                     OPERATOR(pg_catalog.<>) ARRAY['pg_catalog'::pg_catalog.name, own.name]",
                "false"
            ),
            ", EXISTS (
                 SELECT FROM pg_catalog.pg_class AS c
                   JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                  WHERE n.nspname OPERATOR(pg_catalog.=) own.name
                    AND c.relrowsecurity
                    AND pg_catalog.row_security_active(c.oid)
             ) AS is_guarded"
        )
    };
    (of a transaction) => {
        narrow_search_path!("own.name IS NOT NULL", "true")
    };
    ($condition:literal, $is_local:literal) => {
        concat!(
            "CASE
                 WHEN ",
            $condition,
            "
                 THEN pg_catalog.set_config('search_path', pg_catalog.format('%I, pg_temp', own.name), ",
            $is_local,
            ")
             END AS search_path
           , EXISTS (
                 SELECT FROM pg_catalog.pg_class AS c
                   JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                   JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
                  WHERE n.nspname OPERATOR(pg_catalog.=) own.name
                    AND c.relname OPERATOR(pg_catalog.=) 'auth_migrations'::pg_catalog.name
                    AND a.attname OPERATOR(pg_catalog.=) 'checksum'::pg_catalog.name
                    AND NOT a.attisdropped
             ) AS has_tables"
        )
    };
}
pub(in crate::db) use narrow_search_path;

/// The row `own`, whose `name` is the first schema of the path; NULL when there is none that the role may use.
macro_rules! own_schema {
    () => {
        "(SELECT (
             SELECT path.name
               FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS path (name)
              WHERE NOT pg_catalog.starts_with(path.name::pg_catalog.text, 'pg_')
              LIMIT 1
         )) AS own (name)"
    };
}
pub(in crate::db) use own_schema;
