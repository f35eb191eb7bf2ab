-- Undoes what the up file made; the function is that of 0003.

DROP TRIGGER IF EXISTS auth_migrations_keep_migration ON auth_migrations;

DROP FUNCTION auth_keep_migration();

DROP TRIGGER organization_members_leave_to_triggers ON organization_members;

DROP TRIGGER user_oauth_accounts_leave_to_triggers ON user_oauth_accounts;

DROP FUNCTION auth_leave_to_triggers();

ALTER TABLE organizations DROP COLUMN dump_after_user_id;

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
                AND NOT EXISTS (SELECT FROM jsonb_array_elements($2) e WHERE e ->> ''userId'' = m.user_id)'
          , TG_TABLE_SCHEMA
        ) USING NEW.id, NEW.members;
    END IF;

    -- A second mention is inserted too, for the primary key to refuse.
    EXECUTE format(
        'INSERT INTO %1$I.organization_members (org_id, user_id)
         SELECT $1, e.user_id
           FROM (
                    SELECT value ->> ''userId'' AS user_id,
                           row_number() OVER (PARTITION BY value ->> ''userId'') AS mention
                      FROM jsonb_array_elements($2)
                ) e
          WHERE e.mention > 1
             OR NOT EXISTS (
                    SELECT FROM %1$I.organization_members m
                     WHERE m.org_id = $1
                       AND m.user_id = e.user_id
                )
          ORDER BY e.user_id COLLATE "C"'
      , TG_TABLE_SCHEMA
    ) USING NEW.id, NEW.members;

    RETURN NULL;
END
$$;
