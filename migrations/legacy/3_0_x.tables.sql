-- The tables of the TypeScript adapter 3.0.x, for a rollback to them.

CREATE TABLE users (
    id           VARCHAR(255) NOT NULL,
    email        VARCHAR(255),
    name         VARCHAR(255),
    picture      VARCHAR(1024),
    plan         VARCHAR(50) DEFAULT 'free',
    entitlements TEXT[] NOT NULL DEFAULT '{}',
    oauth        JSONB DEFAULT '{}',
    metadata     JSONB DEFAULT '{}',
    created_at   TIMESTAMP DEFAULT now(),
    updated_at   TIMESTAMP DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email)
);

CREATE INDEX idx_users_email ON users (email);

CREATE TABLE organizations (
    id         VARCHAR(255) NOT NULL,
    name       VARCHAR(255) NOT NULL,
    plan       VARCHAR(50) NOT NULL,
    seats      INTEGER NOT NULL DEFAULT 1,
    members    JSONB NOT NULL DEFAULT '[]',
    metadata   JSONB DEFAULT '{}',
    created_at TIMESTAMP DEFAULT now(),
    updated_at TIMESTAMP DEFAULT now(),
    CONSTRAINT organizations_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_organizations_plan ON organizations (plan);

CREATE TABLE api_keys (
    id           VARCHAR(255) NOT NULL,
    principal_id VARCHAR(255) NOT NULL,
    hash         VARCHAR(255) NOT NULL,
    prefix       VARCHAR(50) NOT NULL,
    last_four    VARCHAR(4) NOT NULL,
    scopes       TEXT[] NOT NULL DEFAULT '{}',
    metadata     JSONB DEFAULT '{}',
    expires_at   TIMESTAMP,
    created_at   TIMESTAMP DEFAULT now(),
    updated_at   TIMESTAMP DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_hash_key UNIQUE (hash)
);

CREATE INDEX idx_api_keys_hash ON api_keys (hash);
CREATE INDEX idx_api_keys_principal_id ON api_keys (principal_id);

CREATE TABLE sessions (
    id           VARCHAR(255) NOT NULL,
    user_id      VARCHAR(255) NOT NULL,
    org_id       VARCHAR(255),
    plan         VARCHAR(50),
    entitlements TEXT[] NOT NULL DEFAULT '{}',
    expires_at   TIMESTAMP NOT NULL,
    metadata     JSONB DEFAULT '{}',
    created_at   TIMESTAMP DEFAULT now(),
    updated_at   TIMESTAMP DEFAULT now(),
    CONSTRAINT sessions_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_sessions_expires_at ON sessions (expires_at);
CREATE INDEX idx_sessions_user_id ON sessions (user_id);

CREATE TABLE email_verification_tokens (
    id         VARCHAR(255) NOT NULL,
    email      VARCHAR(255) NOT NULL,
    code       VARCHAR(255) NOT NULL,
    code_hash  VARCHAR(255) NOT NULL,
    type       VARCHAR(50) NOT NULL,
    user_id    VARCHAR(255),
    metadata   JSONB DEFAULT '{}',
    expires_at TIMESTAMP NOT NULL,
    used_at    TIMESTAMP,
    created_at TIMESTAMP DEFAULT now(),
    CONSTRAINT email_verification_tokens_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_email_verification_tokens_email ON email_verification_tokens (email);
CREATE INDEX idx_email_verification_tokens_expires_at ON email_verification_tokens (expires_at);
CREATE INDEX idx_email_verification_tokens_type ON email_verification_tokens (type);

CREATE TABLE email_verification_token_attempts (
    token_id VARCHAR(255) NOT NULL,
    attempts INTEGER DEFAULT 0,
    CONSTRAINT email_verification_token_attempts_pkey PRIMARY KEY (token_id),
    CONSTRAINT email_verification_token_attempts_token_id_fkey FOREIGN KEY (token_id) REFERENCES email_verification_tokens(id) ON DELETE CASCADE
);

CREATE TABLE auth_events (
    id           SERIAL,
    type         VARCHAR(100) NOT NULL,
    principal_id VARCHAR(255) NOT NULL,
    org_id       VARCHAR(255),
    data         JSONB NOT NULL DEFAULT '{}',
    timestamp    TIMESTAMP DEFAULT now(),
    CONSTRAINT auth_events_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_auth_events_principal_id ON auth_events (principal_id);
CREATE INDEX idx_auth_events_timestamp ON auth_events (timestamp);
CREATE INDEX idx_auth_events_type ON auth_events (type);

CREATE TABLE roles (
    id          VARCHAR(255) NOT NULL,
    org_id      VARCHAR(255) NOT NULL,
    name        VARCHAR(255) NOT NULL,
    description TEXT,
    is_system   BOOLEAN DEFAULT false,
    permissions JSONB NOT NULL DEFAULT '[]',
    metadata    JSONB DEFAULT '{}',
    created_at  TIMESTAMP DEFAULT now(),
    updated_at  TIMESTAMP DEFAULT now(),
    CONSTRAINT roles_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_roles_org_id ON roles (org_id);

CREATE TABLE user_roles (
    id          VARCHAR(255) NOT NULL,
    user_id     VARCHAR(255) NOT NULL,
    role_id     VARCHAR(255) NOT NULL,
    org_id      VARCHAR(255) NOT NULL,
    assigned_at TIMESTAMP DEFAULT now(),
    CONSTRAINT user_roles_pkey PRIMARY KEY (id),
    CONSTRAINT user_roles_role_id_fkey FOREIGN KEY (role_id) REFERENCES roles(id) ON DELETE CASCADE
);

CREATE INDEX idx_user_roles_org_id ON user_roles (org_id);
CREATE INDEX idx_user_roles_role_id ON user_roles (role_id);
CREATE INDEX idx_user_roles_user_id ON user_roles (user_id);

CREATE TABLE sso_providers (
    id                         VARCHAR(255) NOT NULL,
    type                       VARCHAR(50) NOT NULL,
    name                       VARCHAR(255) NOT NULL,
    org_id                     VARCHAR(255),
    metadata_url               TEXT,
    client_id                  VARCHAR(255),
    client_secret              TEXT,
    token_endpoint_auth_method VARCHAR(50),
    idp_entity_id              TEXT,
    idp_sso_url                TEXT,
    idp_slo_url                TEXT,
    idp_certificate            TEXT,
    sp_entity_id               TEXT,
    sp_acs_url                 TEXT,
    sp_slo_url                 TEXT,
    signing_cert               TEXT,
    signing_key                TEXT,
    encryption_enabled         BOOLEAN DEFAULT false,
    force_authn                BOOLEAN DEFAULT false,
    scopes                     TEXT[] DEFAULT '{}',
    redirect_uris              TEXT[] DEFAULT '{}',
    claim_mapping              JSONB DEFAULT '{}',
    attribute_mapping          JSONB DEFAULT '{}',
    metadata                   JSONB DEFAULT '{}',
    created_at                 TIMESTAMP DEFAULT now(),
    updated_at                 TIMESTAMP DEFAULT now(),
    CONSTRAINT sso_providers_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_sso_providers_org_id ON sso_providers (org_id);

CREATE TABLE sso_links (
    id               VARCHAR(255) NOT NULL,
    user_id          VARCHAR(255) NOT NULL,
    provider_id      VARCHAR(255) NOT NULL,
    provider_type    VARCHAR(50) NOT NULL,
    provider_subject VARCHAR(255) NOT NULL,
    provider_email   VARCHAR(255),
    auto_provisioned BOOLEAN DEFAULT false,
    metadata         JSONB DEFAULT '{}',
    linked_at        TIMESTAMP DEFAULT now(),
    last_auth_at     TIMESTAMP,
    CONSTRAINT sso_links_pkey PRIMARY KEY (id),
    CONSTRAINT sso_links_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES sso_providers(id) ON DELETE CASCADE
);

CREATE INDEX idx_sso_links_provider_id ON sso_links (provider_id);
CREATE INDEX idx_sso_links_user_id ON sso_links (user_id);

CREATE TABLE sso_sessions (
    id               VARCHAR(255) NOT NULL,
    user_id          VARCHAR(255) NOT NULL,
    provider_id      VARCHAR(255) NOT NULL,
    provider_type    VARCHAR(50) NOT NULL,
    provider_subject VARCHAR(255) NOT NULL,
    session_token    TEXT,
    expires_at       TIMESTAMP NOT NULL,
    linked_at        TIMESTAMP DEFAULT now(),
    last_auth_at     TIMESTAMP,
    CONSTRAINT sso_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sso_sessions_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES sso_providers(id) ON DELETE CASCADE
);

CREATE INDEX idx_sso_sessions_user_id ON sso_sessions (user_id);

CREATE TABLE twofa_devices (
    id           VARCHAR(255) NOT NULL,
    user_id      VARCHAR(255) NOT NULL,
    method       VARCHAR(50) NOT NULL,
    name         VARCHAR(255),
    verified     BOOLEAN DEFAULT false,
    phone_number VARCHAR(50),
    secret       TEXT,
    last_used_at TIMESTAMP,
    metadata     JSONB DEFAULT '{}',
    created_at   TIMESTAMP DEFAULT now(),
    updated_at   TIMESTAMP DEFAULT now(),
    CONSTRAINT twofa_devices_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_twofa_devices_user_id ON twofa_devices (user_id);

CREATE TABLE twofa_backup_codes (
    id         VARCHAR(255) NOT NULL,
    user_id    VARCHAR(255) NOT NULL,
    code       VARCHAR(255) NOT NULL,
    used       BOOLEAN DEFAULT false,
    used_at    TIMESTAMP,
    created_at TIMESTAMP DEFAULT now(),
    CONSTRAINT twofa_backup_codes_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_twofa_backup_codes_user_id ON twofa_backup_codes (user_id);

CREATE TABLE twofa_sessions (
    id                VARCHAR(255) NOT NULL,
    user_id           VARCHAR(255) NOT NULL,
    session_id        VARCHAR(255) NOT NULL,
    device_id         VARCHAR(255) NOT NULL,
    method            VARCHAR(50) NOT NULL,
    verification_code VARCHAR(10),
    attempt_count     INTEGER DEFAULT 0,
    max_attempts      INTEGER DEFAULT 5,
    expires_at        TIMESTAMP NOT NULL,
    completed_at      TIMESTAMP,
    created_at        TIMESTAMP DEFAULT now(),
    CONSTRAINT twofa_sessions_pkey PRIMARY KEY (id)
);

CREATE INDEX idx_twofa_sessions_session_id ON twofa_sessions (session_id);
CREATE INDEX idx_twofa_sessions_user_id ON twofa_sessions (user_id);
