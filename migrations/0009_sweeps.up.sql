-- What sweeps of expired rows did last, and which process sweeps in the background. There are at most two rows: one of the
-- calls of sweep(), and one of the sweeps in the background.
CREATE TABLE auth_sweeps (
    name          TEXT COLLATE "C" NOT NULL,
    started_at    TIMESTAMPTZ(3),
    duration_ms   BIGINT,
    -- How many rows of each kind.
    deleted       JSONB NOT NULL DEFAULT '{}',
    -- A process that ends in the middle of a sweep leaves its claim behind, so a claim ends by itself.
    claimed_by    TEXT,
    claimed_until TIMESTAMPTZ(3),
    CONSTRAINT auth_sweeps_pkey PRIMARY KEY (name),
    CONSTRAINT auth_sweeps_name_check CHECK (name IN ('call', 'background'))
);

-- Sweeps read sessions by ranges of pages. Nothing uses this index any more, which exists from PostgreSQL 16 on.
DROP INDEX IF EXISTS sessions_expires_at_idx;
