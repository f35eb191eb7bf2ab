//! Giving new tables the owners and grants of the tables that they replace, or that they belong to.

use super::execute::migration_failed;
use super::generated::execute_each;
use super::schema::Schema;
use crate::error::Result;
use sqlx::PgConnection;

/// A privilege that a role needs because of a trigger: whoever may write to one table needs it on the other table,
/// which the trigger writes to or reads.
pub struct TriggerRight {
    /// The right, and the table.
    pub having: (&'static str, &'static str),
    /// The right that is needed, and the table.
    pub needs: (&'static str, &'static str),
}

impl TriggerRight {
    fn text(&self) -> String {
        let (had, of) = self.having;
        let (needed, on) = self.needs;
        [had, of, needed, on].join("|")
    }
}

/// `$1` are pairs, `<new> <old>`, `$3` the [`TriggerRight`]s gained and `$4` those lost. The rights of the new table
/// become exactly those of the old one, whatever default privileges have given to it. Our bookkeeping is read by
/// whoever may use the tables, and written by the owner. Owners come last: the role that does this need not be one.
const INHERITANCE: &str = "
    WITH inherits_from AS (
        SELECT h.heir
             , h.old
             , n.oid AS new
             , n.relowner AS maker
             , n.relacl AS made
             , c.oid
             , c.relowner
             , c.relacl
             , CASE n.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
          FROM (
                   SELECT split_part(pair, ' ', 1), split_part(pair, ' ', 2) FROM unnest($1) AS pair
                    UNION
                   SELECT substr(s.relname::text, length('auth_old_') + 1), s.relname::text
                     FROM pg_class s
                    WHERE s.relkind = 'S'
                      AND starts_with(s.relname::text, 'auth_old_')
                      AND s.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
               ) AS h (heir, old)
          JOIN pg_class c ON c.relname = h.old
          JOIN pg_class n ON n.relname = h.heir
         WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
           AND n.relnamespace = c.relnamespace
    ), holders AS (
        SELECT DISTINCT h.old, a.grantee, a.privilege_type AS privilege
          FROM inherits_from h
         CROSS JOIN LATERAL (
                   SELECT t.grantee, t.privilege_type FROM aclexplode(h.relacl) t
                    UNION ALL
                   SELECT t.grantee, t.privilege_type
                     FROM pg_attribute c
                    CROSS JOIN aclexplode(c.attacl) t
                    WHERE c.attrelid = h.oid
                      AND c.attnum > 0
               ) a
    ), gained AS (
        SELECT h.grantee, split_part(r.text, '|', 3) AS privilege, split_part(r.text, '|', 4) AS heir
          FROM unnest($3) AS r (text)
          JOIN holders h ON h.privilege = split_part(r.text, '|', 1) AND h.old = 'auth_old_' || split_part(r.text, '|', 2)
    ), lost AS (
        SELECT h.grantee, split_part(r.text, '|', 3) AS privilege, split_part(r.text, '|', 4) AS heir
          FROM unnest($4) AS r (text)
          JOIN holders h ON h.privilege = split_part(r.text, '|', 1) AND h.old = 'auth_old_' || split_part(r.text, '|', 2)
    ), grants AS (
        SELECT h.heir, h.kind, h.relowner, a.grantee, a.privilege_type AS privilege, a.is_grantable
          FROM inherits_from h
         CROSS JOIN aclexplode(h.relacl) a
         UNION ALL
        SELECT h.heir, h.kind, h.relowner, a.grantee, format('%s (%I)', a.privilege_type, c.attname), a.is_grantable
          FROM inherits_from h
          JOIN pg_attribute c ON c.attrelid = h.oid AND c.attnum > 0
         CROSS JOIN aclexplode(c.attacl) a
         WHERE EXISTS (SELECT FROM pg_attribute n WHERE n.attrelid = h.new AND n.attname = c.attname)
           AND NOT EXISTS (
                   SELECT FROM lost l
                    WHERE l.grantee = a.grantee
                      AND l.heir = h.heir
                      AND l.privilege = format('%s (%I)', a.privilege_type, c.attname)
               )
         UNION ALL
        SELECT h.heir, h.kind, h.relowner, g.grantee, g.privilege, false
          FROM gained g
          JOIN inherits_from h ON h.heir = g.heir
         WHERE NOT EXISTS (
                   SELECT FROM aclexplode(h.relacl) t
                    WHERE t.grantee = g.grantee
                      AND t.privilege_type = split_part(g.privilege, ' ', 1)
               )
    ), permitted AS (
        SELECT heir, kind, relowner, grantee, privilege, is_grantable FROM grants WHERE heir <> 'auth_migrations'
         UNION
        SELECT heir, kind, relowner, grantee, 'SELECT', false
          FROM grants
         WHERE heir = 'auth_migrations'
           AND grantee <> relowner
    ), restricted AS (
        -- Those whose owner has given up rights of its own.
        SELECT DISTINCT h.heir, h.kind
          FROM inherits_from h
         WHERE h.relacl IS NOT NULL
           AND h.heir <> 'auth_migrations'
           AND EXISTS (
                   SELECT FROM aclexplode(acldefault(CASE h.kind WHEN 'SEQUENCE' THEN 's' ELSE 'r' END::\"char\", h.relowner)) d
                    WHERE NOT EXISTS (
                              SELECT FROM aclexplode(h.relacl) a
                               WHERE a.grantee = h.relowner
                                 AND a.privilege_type = d.privilege_type
                          )
               )
    ), statements AS (
        SELECT 1 AS step, format('REVOKE ALL ON %s %I.%I FROM %s', h.kind, $2, h.heir, role.name) AS statement
          FROM inherits_from h
         CROSS JOIN aclexplode(h.made) a
         CROSS JOIN LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) AS role (name)
         WHERE a.grantee <> h.maker
         UNION
        SELECT 2, format('REVOKE ALL ON %s %I.%I FROM %I', kind, $2, heir, current_user)
          FROM restricted
         UNION
        SELECT 3
             , format(
                   'GRANT %s ON %s %I.%I TO %s%s'
                 , p.privilege
                 , p.kind
                 , $2
                 , p.heir
                 , CASE p.grantee
                       WHEN 0 THEN 'PUBLIC'
                       WHEN p.relowner THEN quote_ident(current_user)
                       ELSE quote_ident(pg_get_userbyid(p.grantee))
                   END
                 , CASE WHEN p.is_grantable AND p.grantee <> p.relowner THEN ' WITH GRANT OPTION' END
               )
          FROM permitted p
         WHERE p.grantee <> p.relowner
            OR (p.heir, p.kind) IN (SELECT heir, kind FROM restricted)
         UNION
        SELECT 4, format('ALTER TABLE %I.%I OWNER TO %I', $2, heir, pg_get_userbyid(relowner))
          FROM inherits_from
         WHERE kind = 'TABLE'
           AND relowner <> maker
    )
    SELECT statement FROM statements ORDER BY step, statement";

/// Gives new tables the owners and grants of the old ones. `inherits_from` are pairs, `<new> <old>`.
pub async fn inherit(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    inherits_from: &[String],
    gained: &[TriggerRight],
    lost: &[TriggerRight],
) -> Result<()> {
    let texts = |rights: &[TriggerRight]| rights.iter().map(TriggerRight::text).collect::<Vec<_>>();
    let statements: Vec<String> = sqlx::query_scalar(INHERITANCE)
        .bind(inherits_from)
        .bind(&schema.name)
        .bind(texts(gained))
        .bind(texts(lost))
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| migration_failed(id, &error))?;
    execute_each(connection, id, &statements).await
}
