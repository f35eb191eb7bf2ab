//! The migrations, in the order in which they are applied. A released migration never changes. Add a new one instead.

use crate::db::migrate::{Function, History, Legacy, Migration, Shape, TriggerRight, Upkeep};

macro_rules! migration {
    ($id:literal) => {
        migration!($id, replaced: &[], prepare: None)
    };
    ($id:literal, replaced: $replaced:expr, prepare: $prepare:expr) => {
        Migration {
            id: $id,
            up: include_str!(concat!("../../migrations/", $id, ".up.sql")),
            down: include_str!(concat!("../../migrations/", $id, ".down.sql")),
            replaced: $replaced,
            prepare: $prepare,
        }
    };
}

pub const MIGRATIONS: &[Migration] = &[
    migration!("0001_initial_schema", replaced: QUALIFIED, prepare: None),
    migration!("0002_password_hashes"),
    migration!("0003_functions_of_their_own_schema"),
    migration!("0004_saml_shapes"),
    migration!("0005_data_only_dumps"),
    migration!("0006_strict_updated_at"),
    migration!("0007_two_factor_steps"),
    migration!(
        "0008_lists_and_event_months",
        replaced: &[],
        prepare: Some(include_str!("../../migrations/0008_lists_and_event_months.prepare.sql"))
    ),
    migration!("0009_sweeps"),
    migration!("0010_rights_to_future_events"),
    migration!("0011_missing_event_parts"),
];

/// Replacements in the first migration, which was released before the rule that our SQL must not call functions or
/// operators that somebody else has put into the schema. Functions that take arguments are qualified. Rows are compared
/// by an operator of the server, and lists as text, because `pg_catalog` has no operators for exactly their types. The
/// migrator sets the search path. The resulting tables are the same.
const QUALIFIED: &[(&str, &str)] = &[
    (
        "DO $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', current_schema()), true);
END
$$;
",
        "",
    ),
    ("current_setting('server", "pg_catalog.current_setting('server"),
    ("jsonb_typeof(", "pg_catalog.jsonb_typeof("),
    ("jsonb_path_exists(", "pg_catalog.jsonb_path_exists("),
    ("jsonb_path_query_array(", "pg_catalog.jsonb_path_query_array("),
    ("jsonb_array_length(", "pg_catalog.jsonb_array_length("),
    ("isfinite(", "pg_catalog.isfinite("),
    ("num_nonnulls(", "pg_catalog.num_nonnulls("),
    ("num_nulls(", "pg_catalog.num_nulls("),
    (" (lower(", " (pg_catalog.lower("),
    ("OLD.* IS DISTINCT FROM NEW.*", "OLD.* OPERATOR(pg_catalog.<>) NEW.*"),
    ("OLD.scopes,", "OLD.scopes::text,"),
    ("NEW.scopes,", "NEW.scopes::text,"),
];

/// Months of events are made ahead when there are fewer than three, and parts that somebody has detached are made anew: some
/// part ends where no other begins, or none is without a beginning. A detachment that was interrupted counts as done. Bounds
/// are compared as text, because nothing may fail here.
pub const UPKEEP: Upkeep = Upkeep {
    is_due: "EXISTS (
                 SELECT FROM pg_catalog.pg_class AS c
                   JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                  WHERE n.nspname OPERATOR(pg_catalog.=) own.name
                    AND c.relname OPERATOR(pg_catalog.=) 'auth_events'::pg_catalog.name
                    AND c.relkind OPERATOR(pg_catalog.=) 'p'::pg_catalog.\"char\"
                    AND EXISTS (
                            WITH parts AS (
                                SELECT pg_catalog.substring(p.bounds, 'FROM [(]''?([^'')]+)'::pg_catalog.text) AS begins
                                     , pg_catalog.substring(p.bounds, ' TO [(]''?([^'')]+)'::pg_catalog.text) AS ends
                                  FROM pg_catalog.pg_inherits AS i
                                  JOIN pg_catalog.pg_class AS part ON part.oid OPERATOR(pg_catalog.=) i.inhrelid
                                 CROSS JOIN LATERAL pg_catalog.pg_get_expr(part.relpartbound, 0::pg_catalog.oid) AS p (bounds)
                                 WHERE i.inhparent OPERATOR(pg_catalog.=) c.oid
                                   AND COALESCE(
                                           pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'inhdetachpending'::pg_catalog.text
                                         , 'false'
                                       ) OPERATOR(pg_catalog.=) 'false'::pg_catalog.text
                            )
                            (
                                SELECT 'MINVALUE'::pg_catalog.text
                                 UNION ALL
                                SELECT ends FROM parts WHERE ends OPERATOR(pg_catalog.<>) 'MAXVALUE'::pg_catalog.text
                                EXCEPT
                                SELECT begins FROM parts
                            )
                             UNION ALL
                            SELECT begins
                              FROM parts
                             WHERE ends OPERATOR(pg_catalog.=) 'MAXVALUE'::pg_catalog.text
                               AND pg_catalog.\"left\"(begins, 7) COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.<=) pg_catalog.to_char(
                                       pg_catalog.timezone('UTC'::pg_catalog.text, pg_catalog.now()) OPERATOR(pg_catalog.+) '3 months'::pg_catalog.interval
                                     , 'YYYY-MM'::pg_catalog.text
                                   )
                        )
             )",
    run: "SELECT auth_make_event_months('auth_events'::pg_catalog.regclass, 6)",
};

macro_rules! legacy {
    ($name:literal) => {
        include_str!(concat!("../../migrations/legacy/", $name))
    };
}

/// The databases of the TypeScript adapter. Their tables are also created by the first migration, so that every
/// database has the same tables. If a later migration changes a column, the SQL here that copies the rows must follow.
pub static LEGACY: Legacy = Legacy {
    shapes: &[
        Shape {
            name: "3.0.x",
            catalogue: &[legacy!("3_0_x.catalogue.txt")],
            create: &[legacy!("3_0_x.tables.sql")],
            back_rules: "",
            history: None,
            has_update_triggers: false,
            functions: &[],
        },
        Shape {
            name: "3.1.x",
            catalogue: &[legacy!("3_0_x.catalogue.txt"), legacy!("3_1_x.catalogue.txt")],
            create: &[legacy!("3_0_x.tables.sql"), legacy!("3_1_x.tables.sql")],
            back_rules: legacy!("give_back_3_1_x.rules.sql"),
            history: Some(History { ids: &["0001_initial_schema_v2"], create: legacy!("3_1_x.history.sql") }),
            has_update_triggers: true,
            functions: &[Function {
                name: "set_updated_at",
                body: Some("begin new.updated_at = now() return new end"),
            }],
        },
    ],
    clocks: legacy!("clocks.sql"),
    rules: legacy!("take_over.rules.sql"),
    opening: &["sessions", "sso_sessions", "twofa_sessions", "email_verification_tokens"],
    rows: legacy!("take_over.rows.sql"),
    back_rules: legacy!("give_back.rules.sql"),
    back_rows: legacy!("give_back.rows.sql"),
    inherits_from: &[
        ("user_oauth_accounts", "users"),
        ("organization_members", "organizations"),
        ("tenant_saml_configs", "sso_providers"),
    ],
    later: &[
        ("password_hashes", legacy!("give_back_password_hashes.rules.sql")),
        // What sweeps did last is not missed.
        ("auth_sweeps", ""),
        // A step only matters until the codes around it have expired, which takes a minute or two.
        ("twofa_steps", ""),
    ],
    trigger_rights: &[
        needs("INSERT", "users", "SELECT", "user_oauth_accounts"),
        needs("INSERT", "users", "INSERT", "user_oauth_accounts"),
        needs("UPDATE", "users", "SELECT", "user_oauth_accounts"),
        needs("UPDATE", "users", "INSERT", "user_oauth_accounts"),
        needs("UPDATE", "users", "DELETE", "user_oauth_accounts"),
        needs("INSERT", "organizations", "SELECT", "organization_members"),
        needs("INSERT", "organizations", "INSERT", "organization_members"),
        needs("UPDATE", "organizations", "SELECT", "organization_members"),
        needs("UPDATE", "organizations", "INSERT", "organization_members"),
        needs("UPDATE", "organizations", "DELETE", "organization_members"),
        // Deleting a user removes it from the members of its organizations.
        needs("DELETE", "users", "SELECT", "organization_members"),
        needs("DELETE", "users", "INSERT", "organization_members"),
        needs("DELETE", "users", "DELETE", "organization_members"),
        needs("DELETE", "users", "SELECT (id)", "organizations"),
        needs("DELETE", "users", "SELECT (members)", "organizations"),
        needs("DELETE", "users", "UPDATE (members)", "organizations"),
    ],
};

const fn needs(had: &'static str, of: &'static str, right: &'static str, on: &'static str) -> TriggerRight {
    TriggerRight { having: (had, of), needs: (right, on) }
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_replaced_part_is_there() {
        for migration in MIGRATIONS {
            for (part, _) in migration.replaced {
                assert!(migration.up.contains(part), "{}: {part}", migration.id);
            }
        }
    }

    #[test]
    fn migrations_are_in_order() {
        assert!(MIGRATIONS.is_sorted_by_key(|migration| migration.id));
    }
}
