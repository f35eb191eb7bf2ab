-- Hashes of passwords, in a table of their own: whoever reads users does not come across them. The migrator gives it the
-- owner and the rights of users.
CREATE TABLE password_hashes (
    user_id TEXT COLLATE "C" NOT NULL,
    hash    TEXT NOT NULL,
    CONSTRAINT password_hashes_pkey PRIMARY KEY (user_id),
    CONSTRAINT password_hashes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
