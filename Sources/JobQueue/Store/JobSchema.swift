package import SQLite

/// The tables of the queue. Rows that cannot be true are refused by the schema itself.
package enum JobSchema {
    package static let upgrades = [
        SchemaUpgrade(
            name: "0001-jobs",
            sql: """
                CREATE TABLE job (
                    id TEXT PRIMARY KEY,
                    kind TEXT NOT NULL,
                    arguments TEXT NOT NULL CHECK (json_valid(arguments)),
                    state TEXT NOT NULL CHECK (state IN
                        ('queued','waiting','running','succeeded','failed','cancelled','needs_attention')),
                    undo_cause TEXT CHECK (undo_cause IS NULL OR json_valid(undo_cause)),
                    resources TEXT NOT NULL CHECK (json_valid(resources)),
                    locks TEXT NOT NULL CHECK (json_valid(locks)),
                    host TEXT,
                    priority INTEGER NOT NULL,
                    run_at INTEGER,
                    attempt INTEGER NOT NULL DEFAULT 0,
                    epoch INTEGER NOT NULL DEFAULT 0,
                    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
                    key_scope TEXT,
                    key TEXT,
                    key_digest TEXT,
                    requestor_kind TEXT NOT NULL,
                    requestor_name TEXT NOT NULL,
                    reason TEXT,
                    retry_of TEXT,
                    created_at INTEGER NOT NULL,
                    started_at INTEGER,
                    ended_at INTEGER,
                    result TEXT CHECK (result IS NULL OR json_valid(result)),
                    failure TEXT CHECK (failure IS NULL OR json_valid(failure)),
                    seq INTEGER NOT NULL DEFAULT 1,
                    detached INTEGER NOT NULL DEFAULT 1 CHECK (detached IN (0, 1)),
                    deaths INTEGER NOT NULL DEFAULT 0,
                    death_step TEXT,
                    CHECK ((state IN ('succeeded','failed','cancelled')) = (ended_at IS NOT NULL)),
                    CHECK ((key IS NULL) = (key_scope IS NULL) AND (key IS NULL) = (key_digest IS NULL))
                ) STRICT;
                CREATE UNIQUE INDEX job_by_key ON job (key_scope, key) WHERE key IS NOT NULL;
                CREATE INDEX job_unfinished ON job (id) WHERE ended_at IS NULL;
                CREATE INDEX job_by_end ON job (ended_at) WHERE ended_at IS NOT NULL;

                CREATE TABLE job_step (
                    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
                    ord INTEGER NOT NULL,
                    name TEXT NOT NULL,
                    class TEXT NOT NULL CHECK (class IN ('pure','ensure','probeable')),
                    phase TEXT NOT NULL CHECK (phase IN ('running','done','undone')),
                    epoch INTEGER NOT NULL,
                    failures INTEGER NOT NULL DEFAULT 0,
                    observed TEXT CHECK (observed IS NULL OR json_valid(observed)),
                    started_at INTEGER NOT NULL,
                    ended_at INTEGER,
                    PRIMARY KEY (job_id, ord)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE job_lock (
                    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
                    resource TEXT NOT NULL,
                    mode TEXT NOT NULL CHECK (mode IN ('shared','exclusive')),
                    epoch INTEGER NOT NULL,
                    PRIMARY KEY (resource, job_id)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX job_lock_by_job ON job_lock (job_id);

                CREATE TABLE job_log (
                    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
                    n INTEGER NOT NULL,
                    at INTEGER NOT NULL,
                    message TEXT NOT NULL,
                    PRIMARY KEY (job_id, n)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE reservation (
                    name TEXT PRIMARY KEY,
                    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX reservation_by_job ON reservation (job_id);
                """)
    ]

    /// All that the queue needs. A program with other tables puts those that came between into their places.
    package static let all = upgrades + laterUpgrades

    package static let laterUpgrades = [
        SchemaUpgrade(
            name: "job-secrets",
            sql: """
                ALTER TABLE job ADD COLUMN had_secrets INTEGER NOT NULL DEFAULT 0 CHECK (had_secrets IN (0, 1));

                CREATE TABLE job_secret (
                    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
                    name TEXT NOT NULL,
                    value BLOB NOT NULL,
                    PRIMARY KEY (job_id, name)
                ) STRICT, WITHOUT ROWID;
                """),
        SchemaUpgrade(
            name: "job-step-figures",
            sql: """
                ALTER TABLE job_step ADD COLUMN bytes_done INTEGER;
                ALTER TABLE job_step ADD COLUMN bytes_total INTEGER;
                ALTER TABLE job_step ADD COLUMN items_done INTEGER;
                ALTER TABLE job_step ADD COLUMN items_total INTEGER;
                """),
    ]
}
