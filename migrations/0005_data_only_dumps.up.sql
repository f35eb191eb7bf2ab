-- A dump of the data alone (pg_dump --data-only) can be restored into a migrated database by its owner, and long lists
-- of members take no longer to write than their rows do.

-- Such a dump has each table after those that its foreign keys refer to. organizations names users in JSON alone, so it
-- came first, and the trigger found none of its members. This column says what comes before; it is always NULL.
ALTER TABLE organizations
    ADD COLUMN dump_after_user_id TEXT COLLATE "C"
    CONSTRAINT organizations_dump_after_user_id_check CHECK (dump_after_user_id IS NULL)
    CONSTRAINT organizations_dump_after_user_id_fkey REFERENCES users (id) ON DELETE SET NULL;

CREATE INDEX organizations_dump_after_user_id_idx
    ON organizations (dump_after_user_id)
    WHERE dump_after_user_id IS NOT NULL;

-- A dump also has the rows that triggers make of users and organizations. By the time that these are restored, the
-- triggers have made them again. Nobody else writes these tables, so rows that do not come from a trigger are left out.
CREATE FUNCTION auth_leave_to_triggers()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN NULL;
END
$$;

CREATE TRIGGER user_oauth_accounts_leave_to_triggers
    BEFORE INSERT ON user_oauth_accounts
    FOR EACH ROW
    WHEN (pg_catalog.pg_trigger_depth() = 0)
    EXECUTE FUNCTION auth_leave_to_triggers();

CREATE TRIGGER organization_members_leave_to_triggers
    BEFORE INSERT ON organization_members
    FOR EACH ROW
    WHEN (pg_catalog.pg_trigger_depth() = 0)
    EXECUTE FUNCTION auth_leave_to_triggers();

-- And it has the rows of the bookkeeping, of which a migrated database has its own. The same migration in another form
-- still breaks the primary key.
CREATE FUNCTION auth_keep_migration()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_there BOOLEAN;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.auth_migrations m WHERE m.id = $1 AND m.checksum = $2)'
      , TG_TABLE_SCHEMA
    ) INTO is_there USING NEW.id, NEW.checksum;

    IF is_there THEN
        RETURN NULL;
    END IF;

    RETURN NEW;
END
$$;

-- Where these files are run by hand, there is no bookkeeping yet.
DO $$
BEGIN
    IF pg_catalog.to_regclass('auth_migrations') IS NOT NULL THEN
        DROP TRIGGER IF EXISTS auth_migrations_keep_migration ON auth_migrations;

        CREATE TRIGGER auth_migrations_keep_migration
            BEFORE INSERT ON auth_migrations
            FOR EACH ROW
            EXECUTE FUNCTION auth_keep_migration();
    END IF;
END
$$;

-- The server expects a hundred members, however many there are. With these statements that does no harm: what has left
-- is looked up in a hash table, and what is new is sorted once, by bytes.
CREATE OR REPLACE FUNCTION auth_sync_organization_members()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'DELETE FROM %I.organization_members m
              WHERE m.org_id = $1
                AND m.user_id NOT IN (SELECT e ->> ''userId'' FROM jsonb_array_elements($2) e)'
          , TG_TABLE_SCHEMA
        ) USING NEW.id, NEW.members;
    END IF;

    -- A second mention is inserted too, for the primary key to refuse.
    EXECUTE format(
        'INSERT INTO %1$I.organization_members (org_id, user_id)
         SELECT $1, e.user_id
           FROM (
                    SELECT e.user_id, row_number() OVER (PARTITION BY e.user_id) AS mention
                      FROM (SELECT (value ->> ''userId'') COLLATE "C" AS user_id FROM jsonb_array_elements($2)) e
                ) e
           LEFT JOIN %1$I.organization_members m ON m.org_id = $1 AND m.user_id = e.user_id
          WHERE e.mention > 1
             OR m.user_id IS NULL
          ORDER BY e.user_id'
      , TG_TABLE_SCHEMA
    ) USING NEW.id, NEW.members;

    RETURN NULL;
END
$$;
