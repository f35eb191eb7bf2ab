-- The trigger functions act in the schema of their table, wherever that is by now.
--
-- Until here they had the name of the schema in which they were created: after a rename, or beside a restored copy, they
-- wrote to the tables of another one. They find the schema when they run, and so they build their statements then.
-- Their search path holds the server's own functions and operators alone: whoever may create objects in the schema
-- must not be able to add one that fits better than the server's.

-- Most updates of a user change no link. They are told apart by comparing the rows before with those after, and only
-- the others build a statement.
CREATE OR REPLACE FUNCTION auth_sync_oauth_accounts()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT FROM changed_users u WHERE u.oauth <> '{}') THEN
            RETURN NULL;
        END IF;
    ELSE
        IF NOT EXISTS (
            SELECT FROM changed_users u
             WHERE NOT EXISTS (SELECT FROM former_users f WHERE f.id = u.id AND f.oauth = u.oauth)
        ) THEN
            RETURN NULL;
        END IF;

        EXECUTE format(
            'DELETE FROM %I.user_oauth_accounts a
              USING changed_users u
              WHERE a.user_id = u.id
                AND (u.oauth -> a.provider ->> ''sub'') IS DISTINCT FROM a.sub'
          , TG_TABLE_SCHEMA
        );
    END IF;

    EXECUTE format(
        'INSERT INTO %1$I.user_oauth_accounts (provider, sub, user_id)
         SELECT link.key, link.value ->> ''sub'', u.id
           FROM changed_users u
          CROSS JOIN jsonb_each(u.oauth) link
          WHERE NOT EXISTS (
                    SELECT FROM %1$I.user_oauth_accounts a
                     WHERE a.user_id = u.id
                       AND a.provider = link.key
                )
          ORDER BY link.key COLLATE "C", link.value ->> ''sub'' COLLATE "C"'
      , TG_TABLE_SCHEMA
    );

    RETURN NULL;
END
$$;

DROP TRIGGER users_sync_oauth_on_update ON users;

CREATE TRIGGER users_sync_oauth_on_update
    AFTER UPDATE ON users
    REFERENCING OLD TABLE AS former_users NEW TABLE AS changed_users
    FOR EACH STATEMENT
    EXECUTE FUNCTION auth_sync_oauth_accounts();

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

-- What is locked, in which order and why, is said in 0001. A user who is in no organization costs one look-up.
CREATE OR REPLACE FUNCTION auth_leave_organizations()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_member BOOLEAN;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %I.organization_members m WHERE m.user_id = $1)', TG_TABLE_SCHEMA)
       INTO is_member
      USING OLD.id;

    IF NOT is_member THEN
        RETURN OLD;
    END IF;

    EXECUTE format(
        'SELECT FROM %1$I.organizations o
          WHERE o.id IN (SELECT m.org_id FROM %1$I.organization_members m WHERE m.user_id = $1)
          ORDER BY o.id
            FOR NO KEY UPDATE'
      , TG_TABLE_SCHEMA
    ) USING OLD.id;

    EXECUTE format(
        'UPDATE %1$I.organizations o
            SET members = (
                    SELECT COALESCE(jsonb_agg(e.value ORDER BY e.ordinality), ''[]'')
                      FROM jsonb_array_elements(o.members) WITH ORDINALITY e
                     WHERE e.value ->> ''userId'' <> $1
                )
          WHERE o.id IN (SELECT m.org_id FROM %1$I.organization_members m WHERE m.user_id = $1)'
      , TG_TABLE_SCHEMA
    ) USING OLD.id;

    RETURN OLD;
END
$$;

-- In a database that was migrated before this rule, these triggers may have found operators of somebody else's for
-- rows and for lists, for which the server has none of exactly their types.
DROP TRIGGER users_set_updated_at ON users;

CREATE TRIGGER users_set_updated_at
    BEFORE UPDATE ON users
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER organizations_set_updated_at ON organizations;

CREATE TRIGGER organizations_set_updated_at
    BEFORE UPDATE ON organizations
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER sessions_set_updated_at ON sessions;

CREATE TRIGGER sessions_set_updated_at
    BEFORE UPDATE ON sessions
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER roles_set_updated_at ON roles;

CREATE TRIGGER roles_set_updated_at
    BEFORE UPDATE ON roles
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER sso_providers_set_updated_at ON sso_providers;

CREATE TRIGGER sso_providers_set_updated_at
    BEFORE UPDATE ON sso_providers
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER tenant_saml_configs_set_updated_at ON tenant_saml_configs;

CREATE TRIGGER tenant_saml_configs_set_updated_at
    BEFORE UPDATE ON tenant_saml_configs
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER twofa_devices_set_updated_at ON twofa_devices;

CREATE TRIGGER twofa_devices_set_updated_at
    BEFORE UPDATE ON twofa_devices
    FOR EACH ROW
    WHEN (OLD.* OPERATOR(pg_catalog.<>) NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

DROP TRIGGER api_keys_set_updated_at ON api_keys;

CREATE TRIGGER api_keys_set_updated_at
    BEFORE UPDATE ON api_keys
    FOR EACH ROW
    WHEN (
        (
            OLD.id, OLD.principal_user_id, OLD.principal_org_id, OLD.hash, OLD.prefix, OLD.last_four,
            OLD.scopes::text, OLD.metadata, OLD.expires_at, OLD.created_at, OLD.updated_at
        ) IS DISTINCT FROM (
            NEW.id, NEW.principal_user_id, NEW.principal_org_id, NEW.hash, NEW.prefix, NEW.last_four,
            NEW.scopes::text, NEW.metadata, NEW.expires_at, NEW.created_at, NEW.updated_at
        )
    )
    EXECUTE FUNCTION auth_set_updated_at();
