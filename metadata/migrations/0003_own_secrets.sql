-- Random secrets of the program's own, sealed as the configurations of rules and receivers are since this version. What is
-- in clear there is sealed by the next start, which has the key.
CREATE TABLE own_secrets (
    id     TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL
);
