-- Accounts, their private rooms, and what is said there.

CREATE TABLE users (
    id            uuid        NOT NULL PRIMARY KEY,
    pseudo        text        NOT NULL,
    pseudo_key    text        NOT NULL UNIQUE, -- as it is compared
    email         text        NOT NULL,
    email_key     text        NOT NULL UNIQUE, -- as it is compared
    country       text        NOT NULL,        -- ISO 3166-1 alpha-2
    password_hash text        NOT NULL,        -- PHC string format
    created_at    timestamptz NOT NULL
);

CREATE TABLE rooms (
    id         uuid        NOT NULL PRIMARY KEY,
    user_a     uuid        NOT NULL REFERENCES users (id),
    user_b     uuid        NOT NULL REFERENCES users (id),
    country_a  text        NOT NULL,
    country_b  text        NOT NULL,
    name_a     text,                           -- what A calls the room
    name_b     text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,                    -- when it was closed, or was over
    is_erased  boolean     NOT NULL DEFAULT false, -- whether what was said there is gone
    CHECK (user_a <> user_b),
    CHECK (ended_at IS NOT NULL OR NOT is_erased)
);

CREATE INDEX rooms_of_a ON rooms (user_a, created_at) WHERE ended_at IS NULL;
CREATE INDEX rooms_of_b ON rooms (user_b, created_at) WHERE ended_at IS NULL;
CREATE INDEX rooms_to_end ON rooms (expires_at) WHERE ended_at IS NULL;
CREATE INDEX rooms_to_erase ON rooms (ended_at) WHERE ended_at IS NOT NULL AND NOT is_erased;
CREATE INDEX rooms_to_forget ON rooms (ended_at) WHERE is_erased;

CREATE TABLE messages (
    room    uuid        NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    id      uuid        NOT NULL UNIQUE,
    sender  uuid        NOT NULL REFERENCES users (id),
    content text        NOT NULL,
    cid     text,                              -- the sender's own name for it
    sent_at timestamptz NOT NULL,
    is_read boolean     NOT NULL DEFAULT false, -- by the partner
    PRIMARY KEY (room, id)
);

CREATE UNIQUE INDEX messages_by_cid ON messages (room, sender, cid) WHERE cid IS NOT NULL;
CREATE INDEX messages_unread ON messages (room, sender) WHERE NOT is_read;

CREATE TABLE reactions (
    message uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id),
    emoji   text NOT NULL,
    PRIMARY KEY (message, user_id)
);
