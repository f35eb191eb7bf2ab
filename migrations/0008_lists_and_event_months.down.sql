CREATE INDEX sessions_user_id_idx ON sessions (user_id);

DROP INDEX sessions_user_id_created_at_idx;

DROP INDEX organizations_created_at_idx;

DROP INDEX users_plan_created_at_idx;

ALTER TABLE users ALTER COLUMN plan TYPE TEXT COLLATE pg_catalog."default";

DROP INDEX users_created_at_idx;
