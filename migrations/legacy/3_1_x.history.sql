-- The bookkeeping of the TypeScript adapter 3.1.x.

CREATE TABLE :"schema".auth_migrations (
    id         VARCHAR(255) NOT NULL,
    applied_at TIMESTAMP NOT NULL DEFAULT now(),
    CONSTRAINT auth_migrations_pkey PRIMARY KEY (id)
);

INSERT INTO :"schema".auth_migrations (id, applied_at) VALUES ('0001_initial_schema_v2', :"schema".auth_old_server_time(now()));
