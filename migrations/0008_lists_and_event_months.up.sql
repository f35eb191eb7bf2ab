-- Lists in pages: each of these indexes has the order of a list, which is read from its end.

CREATE INDEX IF NOT EXISTS users_created_at_idx ON users (created_at, id);

-- What is looked up by value is COLLATE "C". No row changes by that.
ALTER TABLE users ALTER COLUMN plan TYPE TEXT COLLATE "C";

CREATE INDEX IF NOT EXISTS users_plan_created_at_idx ON users (plan, created_at, id);

CREATE INDEX IF NOT EXISTS organizations_created_at_idx ON organizations (created_at, id);

-- It serves the foreign key as well.
CREATE INDEX IF NOT EXISTS sessions_user_id_created_at_idx ON sessions (user_id, created_at, id);

DROP INDEX sessions_user_id_idx;
