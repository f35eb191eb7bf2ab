-- Undoes what the up file made.

DROP TABLE auth_sweeps;

DO $$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer >= 160000 THEN
        CREATE INDEX sessions_expires_at_idx ON sessions USING brin (expires_at) WITH (autosummarize = on);
    END IF;
END
$$;
