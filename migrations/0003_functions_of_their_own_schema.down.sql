-- The trigger functions as 0001 made them, which keep the schema in which this runs, and the trigger without the rows
-- before.

DROP TRIGGER users_sync_oauth_on_update ON users;

CREATE TRIGGER users_sync_oauth_on_update
    AFTER UPDATE ON users
    REFERENCING NEW TABLE AS changed_users
    FOR EACH STATEMENT
    EXECUTE FUNCTION auth_sync_oauth_accounts();

CREATE OR REPLACE FUNCTION auth_sync_oauth_accounts()
RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM user_oauth_accounts a
         USING changed_users u
         WHERE a.user_id = u.id
           AND (u.oauth -> a.provider ->> 'sub') IS DISTINCT FROM a.sub;
    END IF;

    INSERT INTO user_oauth_accounts (provider, sub, user_id)
    SELECT link.key, link.value ->> 'sub', u.id
      FROM changed_users u
     CROSS JOIN jsonb_each(u.oauth) link
     WHERE NOT EXISTS (
               SELECT 1
                 FROM user_oauth_accounts a
                WHERE a.user_id = u.id
                  AND a.provider = link.key
           )
     ORDER BY link.key COLLATE "C", link.value ->> 'sub' COLLATE "C";

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION auth_sync_organization_members()
RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    DELETE FROM organization_members m
     WHERE m.org_id = NEW.id
       AND NOT EXISTS (
               SELECT 1
                 FROM jsonb_array_elements(NEW.members) e
                WHERE e ->> 'userId' = m.user_id
           );

    -- A second mention is inserted too, for the primary key to refuse.
    INSERT INTO organization_members (org_id, user_id)
    SELECT NEW.id, e.user_id
      FROM (
               SELECT value ->> 'userId' AS user_id,
                      row_number() OVER (PARTITION BY value ->> 'userId') AS mention
                 FROM jsonb_array_elements(NEW.members)
           ) e
     WHERE e.mention > 1
        OR NOT EXISTS (
               SELECT 1
                 FROM organization_members m
                WHERE m.org_id = NEW.id
                  AND m.user_id = e.user_id
           )
     ORDER BY e.user_id COLLATE "C";

    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION auth_leave_organizations()
RETURNS trigger
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
BEGIN
    PERFORM 1
       FROM organizations o
      WHERE o.id IN (SELECT m.org_id FROM organization_members m WHERE m.user_id = OLD.id)
      ORDER BY o.id
        FOR NO KEY UPDATE;

    UPDATE organizations o
       SET members = (
               SELECT COALESCE(jsonb_agg(e.value ORDER BY e.ordinality), '[]')
                 FROM jsonb_array_elements(o.members) WITH ORDINALITY e
                WHERE e.value ->> 'userId' <> OLD.id
           )
     WHERE o.id IN (SELECT m.org_id FROM organization_members m WHERE m.user_id = OLD.id);

    RETURN OLD;
END
$$;
