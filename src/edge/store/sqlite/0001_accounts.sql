-- Accounts, their private rooms, and what is said there.
-- Ids are UUIDs, times RFC 3339 in UTC with milliseconds; both sort as text.

CREATE TABLE users (
    id            TEXT NOT NULL PRIMARY KEY,
    pseudo        TEXT NOT NULL,
    pseudo_key    TEXT NOT NULL UNIQUE, -- as it is compared
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL UNIQUE, -- as it is compared
    country       TEXT NOT NULL,        -- ISO 3166-1 alpha-2
    password_hash TEXT NOT NULL,        -- PHC string format
    created_at    TEXT NOT NULL
) STRICT;

CREATE TABLE rooms (
    id         TEXT NOT NULL PRIMARY KEY,
    user_a     TEXT NOT NULL REFERENCES users (id),
    user_b     TEXT NOT NULL REFERENCES users (id),
    country_a  TEXT NOT NULL,
    country_b  TEXT NOT NULL,
    name_a     TEXT,                       -- what A calls the room
    name_b     TEXT,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    ended_at   TEXT,                       -- when it was closed, or was over
    is_erased  INTEGER NOT NULL DEFAULT 0, -- whether what was said there is gone
    CHECK (user_a <> user_b),
    CHECK (ended_at IS NOT NULL OR NOT is_erased)
) STRICT;

CREATE INDEX rooms_of_a ON rooms (user_a, created_at) WHERE ended_at IS NULL;
CREATE INDEX rooms_of_b ON rooms (user_b, created_at) WHERE ended_at IS NULL;
CREATE INDEX rooms_to_end ON rooms (expires_at) WHERE ended_at IS NULL;
CREATE INDEX rooms_to_erase ON rooms (ended_at) WHERE ended_at IS NOT NULL AND is_erased = 0;
CREATE INDEX rooms_to_forget ON rooms (ended_at) WHERE is_erased = 1;

-- What is said in a room lies together, in the order of sending.
CREATE TABLE messages (
    room    TEXT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    id      TEXT NOT NULL UNIQUE,
    sender  TEXT NOT NULL REFERENCES users (id),
    content TEXT NOT NULL,
    cid     TEXT,                       -- the sender's own name for it
    sent_at TEXT NOT NULL,
    is_read INTEGER NOT NULL DEFAULT 0, -- by the partner
    PRIMARY KEY (room, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX messages_by_cid ON messages (room, sender, cid) WHERE cid IS NOT NULL;
CREATE INDEX messages_unread ON messages (room, sender) WHERE is_read = 0;

CREATE TABLE reactions (
    message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user    TEXT NOT NULL REFERENCES users (id),
    emoji   TEXT NOT NULL,
    PRIMARY KEY (message, user)
) STRICT, WITHOUT ROWID;
