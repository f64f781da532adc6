-- Rules and what becomes of their alerts. What is written as JSON is read by the program alone; columns beside it are for
-- looking things up.

CREATE TABLE rules (
    id         TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    is_active  BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    -- the rule without secrets, and the channel's configuration with them
    body       TEXT   NOT NULL,
    config     TEXT   NOT NULL
);

CREATE INDEX rules_by_time ON rules (created_at, id);

CREATE TABLE silences (
    id         TEXT   NOT NULL PRIMARY KEY,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    starts_at  BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL,
    body       TEXT   NOT NULL
);

CREATE INDEX silences_by_time ON silences (created_at, id);
CREATE INDEX silences_by_end ON silences (ends_at);

CREATE TABLE alerts (
    id          TEXT   NOT NULL PRIMARY KEY,
    rule_id     TEXT   NOT NULL,
    rule        TEXT   NOT NULL,
    -- the state of the job that spoke of it last
    job         TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    -- when its status changed last, by the wall clock
    changed_at  BIGINT NOT NULL,
    body        TEXT   NOT NULL
);

CREATE INDEX alerts_by_since ON alerts (since, id);
CREATE INDEX alerts_by_rule ON alerts (rule_id, status);
CREATE INDEX alerts_by_status ON alerts (status, changed_at);

CREATE TABLE alert_transitions (
    id          TEXT   NOT NULL PRIMARY KEY,
    alert_id    TEXT   NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    sequence    BIGINT NOT NULL,
    from_status TEXT,
    to_status   TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    cause       TEXT   NOT NULL,
    who         TEXT,
    comment     TEXT,
    UNIQUE (alert_id, sequence)
);

-- Up to which epoch a job's changes are in the tables above.
CREATE TABLE alerting_progress (
    job   TEXT   NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL
);

-- Whom notices go to: a channel and its configuration, by a hash of both.
CREATE TABLE receivers (
    id      TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    config  TEXT NOT NULL
);

-- Alerts that are told of together, and what their receiver knows.
CREATE TABLE notice_groups (
    id       TEXT   NOT NULL PRIMARY KEY,
    receiver TEXT   NOT NULL REFERENCES receivers (id),
    wake_at  BIGINT NOT NULL,
    body     TEXT   NOT NULL
);

CREATE INDEX notice_groups_by_wake ON notice_groups (wake_at);

-- What is still to be sent, each receiver's in the order of their creation.
CREATE TABLE notices (
    id          TEXT   NOT NULL PRIMARY KEY,
    receiver    TEXT   NOT NULL REFERENCES receivers (id),
    notice_group TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    body        TEXT   NOT NULL
);

CREATE INDEX notices_by_receiver ON notices (receiver, created_at, id);
CREATE INDEX notices_by_group ON notices (notice_group);

-- What was given up.
CREATE TABLE dead_letters (
    id          TEXT   NOT NULL PRIMARY KEY,
    receiver    TEXT   NOT NULL REFERENCES receivers (id),
    notice_group TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    died_at     BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    reason      TEXT   NOT NULL,
    body        TEXT   NOT NULL
);

CREATE INDEX dead_letters_by_time ON dead_letters (died_at, id);
