-- The tables of @kitiumai/auth-postgres, for PostgreSQL 12 to 18, without extensions.
--
-- Runs in one transaction, with the target schema first in the search path; nothing here names a schema.
-- Ids are made by the caller, so they have no default. Columns that are looked up by value are
-- COLLATE "C": their order and their indexes do not depend on the system's locale. Times hold
-- milliseconds, as a JavaScript Date does. Constraints carry the names by which errors are told apart.

-- The functions below keep this search path ("SET search_path FROM CURRENT"). It must be the one schema
-- that the tables land in: "$user" would mean another schema to another role, and pg_temp, unless it is
-- named last, comes first.
DO $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', current_schema()), true);
END
$$;

-- Functions have a prefix, since the schema may be the application's own.

-- Runs at every update: no SET clause, which would cost more than the rest; everything is qualified or
-- a keyword instead. clock_timestamp(), because now() is when the transaction began: a writer that waited
-- for a lock would set the time back. The cast rounds exactly as the defaults of the columns do,
-- or an update right after an insert could be older than it.
CREATE FUNCTION auth_set_updated_at()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at := CAST(pg_catalog.clock_timestamp() AS TIMESTAMP(3) WITH TIME ZONE);
    RETURN NEW;
END
$$;


-- Users

CREATE TABLE users (
    id           TEXT COLLATE "C" NOT NULL,
    email        TEXT COLLATE "C",
    name         TEXT,
    picture      TEXT,
    plan         TEXT DEFAULT 'free',
    entitlements TEXT[] NOT NULL DEFAULT '{}',
    oauth        JSONB NOT NULL DEFAULT '{}',
    metadata     JSONB NOT NULL DEFAULT '{}',
    created_at   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    -- {"<provider>": {"sub": "…", "provider"?: "<provider>", …}}
    CONSTRAINT users_oauth_check CHECK (
        jsonb_typeof(oauth) = 'object'
        AND NOT jsonb_path_exists(oauth, '$.keyvalue() ? (
            !(@.value.type() == "object")
            || !(@.value.sub.type() == "string")
            || exists(@.value.provider)
               && !(@.value.provider.type() == "string" && @.value.provider == @.key)
        )')
    )
);

-- ASCII case only: Unicode folding differs between systems and invites look-alikes.
CREATE UNIQUE INDEX users_email_key ON users (lower(email COLLATE "C"));

CREATE TRIGGER users_set_updated_at
    BEFORE UPDATE ON users
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

-- users.oauth, a row for each link: a (provider, sub) pair belongs to one user at most, and is found by
-- an index. Written by the triggers only.
CREATE TABLE user_oauth_accounts (
    provider TEXT COLLATE "C" NOT NULL,
    sub      TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL,
    CONSTRAINT user_oauth_accounts_pkey PRIMARY KEY (provider, sub),
    CONSTRAINT user_oauth_accounts_user_id_provider_key UNIQUE (user_id, provider),
    CONSTRAINT user_oauth_accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- Once a statement, and all deletes before all inserts, so that one statement may move a link from one
-- user to another, or swap two, whichever row it meets first. Inserts are sorted: two statements that
-- want the same pairs meet at the first one instead of in a deadlock. Writers of one user are in a queue
-- already, by the lock of its row, and what this function reads is newer than that lock.
CREATE FUNCTION auth_sync_oauth_accounts()
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

CREATE TRIGGER users_sync_oauth_on_insert
    AFTER INSERT ON users
    REFERENCING NEW TABLE AS changed_users
    FOR EACH STATEMENT
    EXECUTE FUNCTION auth_sync_oauth_accounts();

CREATE TRIGGER users_sync_oauth_on_update
    AFTER UPDATE ON users
    REFERENCING NEW TABLE AS changed_users
    FOR EACH STATEMENT
    EXECUTE FUNCTION auth_sync_oauth_accounts();


-- Organizations

CREATE TABLE organizations (
    id         TEXT COLLATE "C" NOT NULL,
    name       TEXT NOT NULL,
    plan       TEXT NOT NULL,
    seats      INTEGER NOT NULL DEFAULT 1,
    members    JSONB NOT NULL DEFAULT '[]',
    metadata   JSONB NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT organizations_pkey PRIMARY KEY (id),
    -- [{"userId": "…", "role": "owner" | "admin" | "member", …}]: every element is one of the good ones.
    CONSTRAINT organizations_members_check CHECK (
        CASE
            WHEN jsonb_typeof(members) = 'array' THEN
                jsonb_array_length(members) = jsonb_array_length(jsonb_path_query_array(members, 'strict $[*] ? (
                    @.userId.type() == "string"
                    && (@.role == "owner" || @.role == "admin" || @.role == "member")
                )'))
            ELSE false
        END
    ),
    CONSTRAINT organizations_seats_check CHECK (
        CASE WHEN jsonb_typeof(members) = 'array' THEN jsonb_array_length(members) <= seats END
    )
);

CREATE TRIGGER organizations_set_updated_at
    BEFORE UPDATE ON organizations
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

-- organizations.members, a row for each: a member is a user, and is a member once. Written by the
-- triggers only.
CREATE TABLE organization_members (
    org_id  TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT organization_members_pkey PRIMARY KEY (org_id, user_id),
    CONSTRAINT organization_members_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT organization_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX organization_members_user_id_idx ON organization_members (user_id);

CREATE FUNCTION auth_sync_organization_members()
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

CREATE TRIGGER organizations_sync_members_on_insert
    AFTER INSERT ON organizations
    FOR EACH ROW
    WHEN (NEW.members <> '[]')
    EXECUTE FUNCTION auth_sync_organization_members();

CREATE TRIGGER organizations_sync_members_on_update
    AFTER UPDATE ON organizations
    FOR EACH ROW
    WHEN (OLD.members IS DISTINCT FROM NEW.members)
    EXECUTE FUNCTION auth_sync_organization_members();

-- A user that is deleted leaves its organizations. No member can come in between:
--   * The row of the user is locked before this trigger runs, and whoever makes the user a member takes a
--     key share lock of it (the foreign key). If the lock was there first, the delete waits, and then reads
--     the new member here; if the delete was first, the other waits and fails with 23503.
--   * Who writes an older list back, with the user still in it, either commits before we lock the
--     organization, and we take the user out of that list, or waits for us, finds the member's row
--     gone, and fails in the same way.
--   * Under REPEATABLE READ a member that we cannot see makes the foreign key's cascade fail with 40001.
-- Organizations are locked in order, so that two users of the same ones can be deleted at once. Adding a
-- member locks the organization first and the user after it: against a delete that can be a
-- deadlock (40P01), which one of the two survives.
CREATE FUNCTION auth_leave_organizations()
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

CREATE TRIGGER users_leave_organizations
    BEFORE DELETE ON users
    FOR EACH ROW
    EXECUTE FUNCTION auth_leave_organizations();


-- Sessions

CREATE TABLE sessions (
    id           TEXT COLLATE "C" NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    org_id       TEXT COLLATE "C",
    plan         TEXT,
    entitlements TEXT[] NOT NULL DEFAULT '{}',
    expires_at   TIMESTAMPTZ(3) NOT NULL,
    metadata     JSONB NOT NULL DEFAULT '{}',
    created_at   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE SET NULL,
    CONSTRAINT sessions_expires_at_check CHECK (isfinite(expires_at))
) WITH (fillfactor = 85);

CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE INDEX sessions_org_id_idx ON sessions (org_id) WHERE org_id IS NOT NULL;

-- A sliding expiry updates expires_at at every request. fillfactor leaves the room for that to be a HOT
-- update, and an index on the column would take HOT away, but for a BRIN index from PostgreSQL 16 on.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        CREATE INDEX sessions_expires_at_idx ON sessions USING brin (expires_at) WITH (autosummarize = on);
    END IF;
END
$$;

CREATE TRIGGER sessions_set_updated_at
    BEFORE UPDATE ON sessions
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();


-- API keys

-- The principal is a user or an organization, and goes with it.
CREATE TABLE api_keys (
    id                TEXT COLLATE "C" NOT NULL,
    principal_user_id TEXT COLLATE "C",
    principal_org_id  TEXT COLLATE "C",
    -- Never NULL, but declared so it would answer before the check below, and name the wrong rule.
    principal_id      TEXT COLLATE "C" GENERATED ALWAYS AS (COALESCE(principal_user_id, principal_org_id)) STORED,
    hash              TEXT COLLATE "C" NOT NULL,
    prefix            TEXT COLLATE "C" NOT NULL,
    last_four         TEXT COLLATE "C" NOT NULL,
    scopes            TEXT[] NOT NULL DEFAULT '{}',
    metadata          JSONB NOT NULL DEFAULT '{}',
    expires_at        TIMESTAMPTZ(3),
    created_at        TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at        TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_hash_key UNIQUE (hash),
    CONSTRAINT api_keys_principal_user_id_fkey FOREIGN KEY (principal_user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_principal_org_id_fkey FOREIGN KEY (principal_org_id) REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_principal_check CHECK (num_nonnulls(principal_user_id, principal_org_id) = 1),
    CONSTRAINT api_keys_expires_at_check CHECK (isfinite(expires_at))
);

CREATE INDEX api_keys_principal_user_id_idx ON api_keys (principal_user_id) WHERE principal_user_id IS NOT NULL;

CREATE INDEX api_keys_principal_org_id_idx ON api_keys (principal_org_id) WHERE principal_org_id IS NOT NULL;

CREATE INDEX api_keys_prefix_last_four_idx ON api_keys (prefix, last_four);

-- Column by column: NEW.* has a generated column, which a BEFORE trigger cannot see.
CREATE TRIGGER api_keys_set_updated_at
    BEFORE UPDATE ON api_keys
    FOR EACH ROW
    WHEN (
        (
            OLD.id, OLD.principal_user_id, OLD.principal_org_id, OLD.hash, OLD.prefix, OLD.last_four,
            OLD.scopes, OLD.metadata, OLD.expires_at, OLD.created_at, OLD.updated_at
        ) IS DISTINCT FROM (
            NEW.id, NEW.principal_user_id, NEW.principal_org_id, NEW.hash, NEW.prefix, NEW.last_four,
            NEW.scopes, NEW.metadata, NEW.expires_at, NEW.created_at, NEW.updated_at
        )
    )
    EXECUTE FUNCTION auth_set_updated_at();


-- E-mail verification tokens

CREATE TABLE email_verification_tokens (
    id         TEXT COLLATE "C" NOT NULL,
    email      TEXT COLLATE "C" NOT NULL,
    code       TEXT NOT NULL,
    code_hash  TEXT COLLATE "C" NOT NULL,
    type       TEXT NOT NULL,
    user_id    TEXT COLLATE "C",
    metadata   JSONB NOT NULL DEFAULT '{}',
    expires_at TIMESTAMPTZ(3) NOT NULL,
    used_at    TIMESTAMPTZ(3),
    created_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT email_verification_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT email_verification_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT email_verification_tokens_type_check CHECK (
        type IN ('verify_email', 'reset_password', 'change_email', 'login_link')
    ),
    CONSTRAINT email_verification_tokens_expires_at_check CHECK (isfinite(expires_at))
);

CREATE INDEX email_verification_tokens_email_idx
    ON email_verification_tokens (lower(email COLLATE "C"), created_at DESC, id DESC);

CREATE INDEX email_verification_tokens_expires_at_idx ON email_verification_tokens (expires_at);

CREATE INDEX email_verification_tokens_user_id_idx ON email_verification_tokens (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE email_verification_token_attempts (
    token_id TEXT COLLATE "C" NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT email_verification_token_attempts_pkey PRIMARY KEY (token_id),
    CONSTRAINT email_verification_token_attempts_token_id_fkey
        FOREIGN KEY (token_id) REFERENCES email_verification_tokens (id) ON DELETE CASCADE
);


-- Events

-- They outlive their principal: no foreign keys. Nothing reads them by key: no indexes to maintain.
CREATE TABLE auth_events (
    id           BIGINT GENERATED BY DEFAULT AS IDENTITY,
    type         TEXT NOT NULL,
    principal_id TEXT COLLATE "C" NOT NULL,
    org_id       TEXT COLLATE "C",
    data         JSONB NOT NULL DEFAULT '{}',
    timestamp    TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT auth_events_pkey PRIMARY KEY (id)
);


-- Roles

CREATE TABLE roles (
    id          TEXT COLLATE "C" NOT NULL,
    org_id      TEXT COLLATE "C" NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    is_system   BOOLEAN NOT NULL DEFAULT false,
    permissions JSONB NOT NULL DEFAULT '[]',
    metadata    JSONB NOT NULL DEFAULT '{}',
    created_at  TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at  TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT roles_pkey PRIMARY KEY (id),
    -- What user_roles refers to.
    CONSTRAINT roles_id_org_id_key UNIQUE (id, org_id),
    CONSTRAINT roles_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE
);

CREATE INDEX roles_org_id_idx ON roles (org_id, created_at DESC, id DESC);

CREATE TRIGGER roles_set_updated_at
    BEFORE UPDATE ON roles
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

-- The foreign key to the role has the organization in it: only a role of that organization can be assigned.
CREATE TABLE user_roles (
    id          TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C" NOT NULL,
    role_id     TEXT COLLATE "C" NOT NULL,
    org_id      TEXT COLLATE "C" NOT NULL,
    assigned_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT user_roles_pkey PRIMARY KEY (id),
    -- Not the organization as well: a role has one, and three ids of the longest kind do not fit into an index entry.
    CONSTRAINT user_roles_user_id_role_id_key UNIQUE (user_id, role_id),
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT user_roles_role_id_fkey FOREIGN KEY (role_id, org_id) REFERENCES roles (id, org_id) ON DELETE CASCADE,
    CONSTRAINT user_roles_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE
);

CREATE INDEX user_roles_role_id_idx ON user_roles (role_id);

CREATE INDEX user_roles_org_id_idx ON user_roles (org_id);


-- Single sign-on

-- The variants of a union: a column without a value reads back as a field that is absent, so optional
-- ones have no default. Fields without a column are in extra.
CREATE TABLE sso_providers (
    id                          TEXT COLLATE "C" NOT NULL,
    type                        TEXT NOT NULL,
    name                        TEXT NOT NULL,
    org_id                      TEXT COLLATE "C",
    metadata_url                TEXT,
    client_id                   TEXT,
    client_secret               TEXT,
    redirect_uris               TEXT[],
    scopes                      TEXT[],
    response_type               TEXT,
    token_endpoint_auth_method  TEXT,
    claim_mapping               JSONB,
    idp_entity_id               TEXT,
    idp_sso_url                 TEXT,
    idp_slo_url                 TEXT,
    idp_certificate             TEXT,
    sp_entity_id                TEXT,
    sp_acs_url                  TEXT,
    sp_slo_url                  TEXT,
    signing_cert                TEXT,
    signing_key                 TEXT,
    encryption_enabled          BOOLEAN,
    force_authn                 BOOLEAN,
    allow_unencrypted_assertion BOOLEAN,
    attribute_mapping           JSONB,
    metadata                    JSONB NOT NULL DEFAULT '{}',
    extra                       JSONB NOT NULL DEFAULT '{}',
    created_at                  TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at                  TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT sso_providers_pkey PRIMARY KEY (id),
    -- Not SET NULL: without an organization a provider is everybody's.
    CONSTRAINT sso_providers_org_id_fkey FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE,
    CONSTRAINT sso_providers_type_check CHECK (type IN ('oidc', 'saml')),
    -- What each protocol cannot do without.
    CONSTRAINT sso_providers_protocol_check CHECK (
        CASE type
            WHEN 'oidc' THEN num_nulls(metadata_url, client_id, client_secret, redirect_uris) = 0
            WHEN 'saml' THEN num_nulls(idp_entity_id, idp_sso_url, sp_entity_id, sp_acs_url) = 0
        END
    )
);

-- Not partial: lists look for NULL as well.
CREATE INDEX sso_providers_org_id_idx ON sso_providers (org_id);

CREATE TRIGGER sso_providers_set_updated_at
    BEFORE UPDATE ON sso_providers
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

CREATE TABLE sso_links (
    id               TEXT COLLATE "C" NOT NULL,
    user_id          TEXT COLLATE "C" NOT NULL,
    provider_id      TEXT COLLATE "C" NOT NULL,
    provider_type    TEXT NOT NULL,
    provider_subject TEXT COLLATE "C" NOT NULL,
    provider_email   TEXT,
    auto_provisioned BOOLEAN NOT NULL DEFAULT false,
    metadata         JSONB NOT NULL DEFAULT '{}',
    linked_at        TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    last_auth_at     TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT sso_links_pkey PRIMARY KEY (id),
    CONSTRAINT sso_links_provider_id_provider_subject_key UNIQUE (provider_id, provider_subject),
    CONSTRAINT sso_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sso_links_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT sso_links_provider_type_check CHECK (provider_type IN ('saml', 'oidc', 'oauth'))
);

CREATE INDEX sso_links_user_id_idx ON sso_links (user_id, linked_at DESC, id DESC);

CREATE TABLE sso_sessions (
    id               TEXT COLLATE "C" NOT NULL,
    user_id          TEXT COLLATE "C" NOT NULL,
    provider_id      TEXT COLLATE "C" NOT NULL,
    provider_type    TEXT NOT NULL,
    provider_subject TEXT COLLATE "C" NOT NULL,
    session_token    TEXT,
    expires_at       TIMESTAMPTZ(3) NOT NULL,
    linked_at        TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    last_auth_at     TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT sso_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sso_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sso_sessions_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES sso_providers (id) ON DELETE CASCADE,
    CONSTRAINT sso_sessions_provider_type_check CHECK (provider_type IN ('saml', 'oidc', 'oauth')),
    CONSTRAINT sso_sessions_expires_at_check CHECK (isfinite(expires_at))
);

CREATE INDEX sso_sessions_user_id_idx ON sso_sessions (user_id);

CREATE INDEX sso_sessions_provider_id_idx ON sso_sessions (provider_id);

-- A tenant is the application's notion: no foreign key.
CREATE TABLE tenant_saml_configs (
    tenant_id  TEXT COLLATE "C" NOT NULL,
    config     JSONB NOT NULL,
    created_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT tenant_saml_configs_pkey PRIMARY KEY (tenant_id)
);

CREATE TRIGGER tenant_saml_configs_set_updated_at
    BEFORE UPDATE ON tenant_saml_configs
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();


-- Two-factor authentication

-- Fields of the variants that have no column are in extra.
CREATE TABLE twofa_devices (
    id           TEXT COLLATE "C" NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    method       TEXT NOT NULL,
    name         TEXT,
    verified     BOOLEAN NOT NULL DEFAULT false,
    phone_number TEXT,
    secret       TEXT,
    last_used_at TIMESTAMPTZ(3),
    metadata     JSONB NOT NULL DEFAULT '{}',
    extra        JSONB NOT NULL DEFAULT '{}',
    created_at   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT twofa_devices_pkey PRIMARY KEY (id),
    CONSTRAINT twofa_devices_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT twofa_devices_method_check CHECK (method IN ('totp', 'sms', 'backup-code'))
);

CREATE INDEX twofa_devices_user_id_idx ON twofa_devices (user_id, created_at DESC, id DESC);

CREATE TRIGGER twofa_devices_set_updated_at
    BEFORE UPDATE ON twofa_devices
    FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION auth_set_updated_at();

-- position is the order in which a set was given.
CREATE TABLE twofa_backup_codes (
    id         TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    code       TEXT NOT NULL,
    used       BOOLEAN NOT NULL DEFAULT false,
    used_at    TIMESTAMPTZ(3),
    position   INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    CONSTRAINT twofa_backup_codes_pkey PRIMARY KEY (id),
    CONSTRAINT twofa_backup_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX twofa_backup_codes_user_id_idx ON twofa_backup_codes (user_id);

-- session_id is a login that is not finished, not a row of sessions: no foreign key.
CREATE TABLE twofa_sessions (
    id                TEXT COLLATE "C" NOT NULL,
    user_id           TEXT COLLATE "C" NOT NULL,
    session_id        TEXT COLLATE "C" NOT NULL,
    device_id         TEXT COLLATE "C" NOT NULL,
    method            TEXT NOT NULL,
    verification_code TEXT,
    attempt_count     INTEGER NOT NULL DEFAULT 0,
    max_attempts      INTEGER NOT NULL DEFAULT 5,
    expires_at        TIMESTAMPTZ(3) NOT NULL,
    created_at        TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    completed_at      TIMESTAMPTZ(3),
    CONSTRAINT twofa_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT twofa_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT twofa_sessions_device_id_fkey FOREIGN KEY (device_id) REFERENCES twofa_devices (id) ON DELETE CASCADE,
    CONSTRAINT twofa_sessions_method_check CHECK (method IN ('totp', 'sms', 'backup-code')),
    CONSTRAINT twofa_sessions_expires_at_check CHECK (isfinite(expires_at))
);

CREATE INDEX twofa_sessions_user_id_idx ON twofa_sessions (user_id);

CREATE INDEX twofa_sessions_device_id_idx ON twofa_sessions (device_id);
