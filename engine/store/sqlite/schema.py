"""The tables, as a list of migrations: the n-th brings a store from version n to n + 1. A released one never changes.

Instants are microseconds since 1970 in UTC. ``part`` is the partition; it leads the keys so that the same rows can be spread
over partitions by a larger database.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        part INTEGER NOT NULL,
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        time INTEGER NOT NULL,
        received INTEGER NOT NULL,
        data TEXT NOT NULL,
        outcome TEXT,
        subjects TEXT,
        state INTEGER NOT NULL DEFAULT 0,
        contact TEXT,
        note TEXT,
        trace TEXT
    ) STRICT;
    CREATE UNIQUE INDEX event_once ON event (source, id);
    CREATE INDEX event_waiting ON event (seq) WHERE state = 0;
    CREATE INDEX event_set_aside ON event (seq) WHERE state IN (2, 3);

    CREATE TABLE object (
        part INTEGER NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        data TEXT NOT NULL,
        times TEXT NOT NULL,
        links TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE alias (
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (kind, value)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE invitation (
        id TEXT PRIMARY KEY,
        part INTEGER NOT NULL,
        contact TEXT NOT NULL,
        survey TEXT NOT NULL,
        cadence TEXT NOT NULL,
        deployment INTEGER NOT NULL,
        event INTEGER NOT NULL,
        subjects TEXT NOT NULL,
        state TEXT NOT NULL,
        due INTEGER NOT NULL,
        lifetime REAL,
        expires INTEGER,
        channel TEXT,
        language TEXT,
        sent INTEGER,
        reason TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX invitation_contact ON invitation (contact, survey);
    CREATE TABLE token (digest BLOB PRIMARY KEY, invitation TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE answer (
        id TEXT PRIMARY KEY,
        part INTEGER NOT NULL,
        invitation TEXT UNIQUE,
        contact TEXT,
        survey TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        subjects TEXT NOT NULL,
        answers TEXT NOT NULL,
        score REAL,
        category TEXT,
        channel TEXT,
        language TEXT,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX answer_survey ON answer (survey, category, score);

    CREATE TABLE timer (
        id INTEGER PRIMARY KEY,
        part INTEGER NOT NULL,
        due INTEGER NOT NULL,
        kind TEXT NOT NULL,
        ref TEXT NOT NULL
    ) STRICT;
    CREATE INDEX timer_due ON timer (due);

    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        part INTEGER NOT NULL,
        key TEXT NOT NULL,
        action TEXT NOT NULL,
        connection TEXT NOT NULL,
        origin TEXT NOT NULL,
        deployment INTEGER NOT NULL,
        event INTEGER,
        contact TEXT,
        invitation TEXT,
        answer TEXT,
        subjects TEXT NOT NULL,
        payload TEXT NOT NULL,
        respondent INTEGER NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL,
        deadline INTEGER,
        reason TEXT,
        external_id TEXT,
        url TEXT
    ) STRICT;
    CREATE UNIQUE INDEX outbox_once ON outbox (key);
    CREATE INDEX outbox_due ON outbox (connection, due) WHERE state = 'pending';
    CREATE INDEX outbox_sending ON outbox (deadline) WHERE state = 'sending';
    CREATE INDEX outbox_trouble ON outbox (state) WHERE state IN ('unknown', 'dead', 'dropped');

    CREATE TABLE definition (
        fingerprint TEXT PRIMARY KEY,
        address TEXT NOT NULL,
        language INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE deployment (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        who TEXT NOT NULL,
        git_commit TEXT,
        fingerprint TEXT NOT NULL,
        language INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE deployment_item (
        deployment INTEGER NOT NULL,
        address TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        PRIMARY KEY (deployment, address)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE ask (
        part INTEGER NOT NULL,
        grp TEXT NOT NULL,
        invitation TEXT NOT NULL,
        message INTEGER NOT NULL,
        at INTEGER NOT NULL,
        survey TEXT NOT NULL,
        channel TEXT NOT NULL,
        PRIMARY KEY (grp, invitation, message)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ask_at ON ask (grp, at);
    CREATE INDEX ask_invitation ON ask (invitation, message);
    CREATE INDEX outbox_rivals ON outbox (contact, due) WHERE state = 'pending' AND action = 'invite';

    ALTER TABLE event ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN run TEXT;
    CREATE INDEX outbox_run ON outbox (run) WHERE run IS NOT NULL;
    CREATE INDEX outbox_reply ON outbox (connection, external_id) WHERE run IS NOT NULL AND external_id IS NOT NULL;

    CREATE TABLE run (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        part INTEGER NOT NULL,
        automation TEXT NOT NULL,
        subject TEXT,
        state TEXT NOT NULL,
        until INTEGER,
        began INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        body TEXT NOT NULL,
        log TEXT NOT NULL,
        note TEXT
    ) STRICT;
    CREATE INDEX run_due ON run (until) WHERE until IS NOT NULL;
    CREATE INDEX run_live ON run (subject, automation) WHERE subject IS NOT NULL AND state IN ('queued', 'ready', 'waiting');
    CREATE INDEX run_failed ON run (seq) WHERE state = 'failed';
    CREATE TABLE listener (
        part INTEGER NOT NULL,
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        run TEXT NOT NULL,
        PRIMARY KEY (type, subject, run)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE told (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        what TEXT NOT NULL,
        position TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE TABLE early_reply (
        connection TEXT NOT NULL,
        external_id TEXT NOT NULL,
        id INTEGER PRIMARY KEY,
        verb TEXT NOT NULL,
        status TEXT
    ) STRICT;
    CREATE INDEX early_reply_to ON early_reply (connection, external_id);
    """,
    """
    CREATE TABLE pause (
        what TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        who TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sends (
        minute INTEGER PRIMARY KEY,
        many INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE unread (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        door TEXT NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;

    -- With all other columns in the key, SQLite 3.40 takes a first one for NULL where it checks a store's integrity.
    ALTER TABLE listener RENAME TO listener_of_format_2;
    CREATE TABLE listener (
        type TEXT NOT NULL,
        subject TEXT NOT NULL,
        run TEXT NOT NULL,
        part INTEGER NOT NULL,
        PRIMARY KEY (type, subject, run)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO listener (type, subject, run, part) SELECT type, subject, run, part FROM listener_of_format_2;
    DROP TABLE listener_of_format_2;

    ALTER TABLE event ADD COLUMN behind INTEGER;
    CREATE INDEX event_behind ON event (behind) WHERE behind IS NOT NULL;
    CREATE TABLE blocked (
        name TEXT NOT NULL,
        behind INTEGER NOT NULL REFERENCES event (seq),
        PRIMARY KEY (name, behind)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX blocked_behind ON blocked (behind);

    ALTER TABLE outbox ADD COLUMN tried INTEGER; -- when it was claimed first; of rows of format 2 nobody knows, so long ago
    UPDATE outbox SET tried = 0 WHERE attempt > 0;

    CREATE TABLE noted (
        what TEXT NOT NULL,
        why TEXT NOT NULL,
        many INTEGER NOT NULL,
        latest INTEGER NOT NULL,
        PRIMARY KEY (what, why)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE INDEX alias_of ON alias (key);

    ALTER TABLE early_reply ADD COLUMN at INTEGER NOT NULL DEFAULT 0; -- of format 3 nobody knows, so long ago

    -- The paused address that a row was found to wait for. It is out of the way of the others until that goes on.
    ALTER TABLE outbox ADD COLUMN held TEXT;
    DROP INDEX outbox_due;
    CREATE INDEX outbox_due ON outbox (connection, due) WHERE state = 'pending' AND held IS NULL;
    CREATE INDEX outbox_held ON outbox (connection, held) WHERE held IS NOT NULL;
    CREATE INDEX outbox_fetch ON outbox (connection, due) WHERE state = 'pending' AND action = 'fetch';

    CREATE TABLE suppression (
        digest BLOB NOT NULL,
        channel TEXT NOT NULL,
        until INTEGER,
        reason TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (digest, channel)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX suppression_until ON suppression (until) WHERE until IS NOT NULL;
    """,
)
VERSION = len(MIGRATIONS)
