-- One text for SQLite and PostgreSQL: times are BIGINT microseconds since 1970, booleans BIGINT 0 or 1, JSON is TEXT,
-- ids are TEXT made by the program. A migration that was released is never edited; a new one follows it.

CREATE TABLE users (
    id                   TEXT   NOT NULL PRIMARY KEY,
    name                 TEXT   NOT NULL UNIQUE,
    email                TEXT,
    role                 TEXT   NOT NULL CHECK (role IN ('user', 'admin')),
    active               BIGINT NOT NULL CHECK (active IN (0, 1)),
    password_hash        TEXT   NOT NULL,
    must_change_password BIGINT NOT NULL CHECK (must_change_password IN (0, 1)),
    -- grows with each change after which access tokens given out before must not be taken any more
    generation           BIGINT NOT NULL,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL,
    last_login_at        BIGINT
);

CREATE TABLE api_tokens (
    id           TEXT   NOT NULL PRIMARY KEY,
    owner        TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT   NOT NULL,
    -- SHA-256 of the whole token, in hexadecimal digits
    hash         TEXT   NOT NULL UNIQUE,
    -- separated by spaces
    scopes       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT
);

CREATE INDEX api_tokens_by_owner ON api_tokens (owner, created_at, id);

CREATE TABLE signing_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    -- 256 random bits, in hexadecimal digits
    secret       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    -- absent: this key signs; else until when what it signed is taken
    verify_until BIGINT
);

CREATE TABLE audit (
    id         TEXT   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT,
    method     TEXT   NOT NULL,
    route      TEXT   NOT NULL,
    target     TEXT,
    outcome    BIGINT NOT NULL,
    request_id TEXT
);

CREATE INDEX audit_by_time ON audit (at, id);

CREATE TABLE saved_searches (
    id         TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    query      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (owner, name)
);

CREATE TABLE settings (
    name       TEXT   NOT NULL PRIMARY KEY,
    value      TEXT   NOT NULL,
    updated_at BIGINT NOT NULL
);
