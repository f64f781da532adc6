//! Whoever has the database, or a backup of it, and not the key has no secret of a channel.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{path::Path, time::Instant};

use common::{
    Alert, PATIENCE, batch,
    http::{Answer, HttpReceiver},
    rule, settings,
};
use highwater_alerting::{Alerting, AlertingError, AlertingSettings, ChannelConfig, PageRequest, Receiver, Rule};
use highwater_engine::Sink;
use highwater_metadata::{Database, DatabaseUrl, Existing, KeySource, Vault, VaultError, on_each_kind};
use serde_json::{Value, json};
use tempfile::tempdir;

on_each_kind!(
    nothing_of_the_database_or_a_backup_shows_a_secret,
    without_its_key_nothing_begins_and_no_key_is_made,
    keys_rotate_and_alerts_stay_where_they_are,
    what_was_stored_in_clear_is_sealed_by_the_next_start,
    what_is_sealed_in_one_row_is_nothing_in_another,
    where_the_key_is_gone_secrets_are_forgotten_and_rules_stay,
);

const SECRET: &str = "hunter2";

fn key(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

fn given(keys: &[u8]) -> KeySource {
    let keys: Vec<String> = keys.iter().map(|number| key(*number)).collect();
    KeySource::Given(Vault::read(&keys.join("\n"), "a test").unwrap())
}

async fn open_with(database: &Database, keys: &[u8], settings: AlertingSettings) -> Result<Alerting, AlertingError> {
    let vault = database.vault(&given(keys)).await?;
    Alerting::open(database.clone(), vault, settings).await
}

fn config(url: &str) -> Value {
    json!({ "url": url, "secret": SECRET, "headers": { "Authorization": SECRET } })
}

/// All that the database holds, as a backup has it.
async fn dumped(database: &Database, folder: &Path) -> String {
    let file = folder.join("dumped");
    database.backup(&file).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    text
}

async fn deliver(alerting: &Alerting, rule_id: &str, status: &'static str) {
    let mut sink = alerting.sink(tokio::runtime::Handle::current());
    let rule_id = rule_id.to_owned();
    let delivered = tokio::task::spawn_blocking(move || {
        let done = sink.resume(&"job".into(), None).unwrap();
        let alert = Alert { rule_id: &rule_id, service: "cart", since: 1_000 };
        sink.deliver(&[batch(done.map_or(0, |done| done + 1), vec![alert.change(Some(status))])])
    });
    delivered.await.unwrap().unwrap();
}

async fn next_status(receiver: &HttpReceiver) -> Value {
    let requests = receiver.requests().clone();
    let request = tokio::task::spawn_blocking(move || requests.recv_timeout(PATIENCE).unwrap()).await.unwrap();
    request.json()["status"].clone()
}

async fn configs(database: &Database, table: &str) -> Vec<(String, String)> {
    let rows = match table {
        "rules" => "SELECT id, config FROM rules ORDER BY id",
        _ => "SELECT id, config FROM receivers ORDER BY id",
    };
    sqlx::query_as(rows).fetch_all(database.pool()).await.unwrap()
}

async fn nothing_of_the_database_or_a_backup_shows_a_secret(url: DatabaseUrl) {
    let (database, folder) = (Database::open(&url).await.unwrap(), tempdir().unwrap());
    let gone = HttpReceiver::start(vec![Answer::Status("404 Not Found"); 4]);
    let receiver = json!({
        "channel": "webhook", "config": config(&gone.url("/default")),
        "notification": { "group_wait": "0s", "group_interval": "1s" },
    });
    let receivers = vec![Receiver::read(&receiver).unwrap()];
    let alerting = open_with(&database, &[1], AlertingSettings { receivers, ..settings() }).await.unwrap();
    let draft = rule("webhook", config(&gone.url(&format!("/{SECRET}"))));
    let made = alerting.rules().create(draft.clone(), "kim").await.unwrap();
    alerting.rules().replace(&made.id, 1, draft).await.unwrap();
    deliver(&alerting, &made.id, "firing").await;
    deliver(&alerting, "built_in", "firing").await;
    let dispatcher = alerting.dispatch();
    let deadline = Instant::now() + PATIENCE;
    while alerting.queue().dead_letters(&PageRequest::default()).await.unwrap().items.len() < 2 {
        assert!(Instant::now() < deadline, "nothing was given up");
        tokio::task::yield_now().await;
    }
    dispatcher.stop().await;
    let dumped = dumped(&database, folder.path()).await;
    assert!(dumped.contains("sealed:1:") && dumped.contains("dead_letters"), "{dumped}");
    assert!(!dumped.contains(SECRET) && !dumped.contains(&key(1)), "{dumped}");
}

async fn without_its_key_nothing_begins_and_no_key_is_made(url: DatabaseUrl) {
    let (database, folder) = (Database::open(&url).await.unwrap(), tempdir().unwrap());
    let file = folder.path().join("state/metadata.key");
    let source = KeySource::File(file.clone());
    let vault = database.vault(&source).await.unwrap();
    let rules = Alerting::open(database.clone(), vault, settings()).await.unwrap().rules();
    let made = rules.create(rule("webhook", config("https://a.example/")), "kim").await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let before = configs(&database, "rules").await;
    let text_of_key = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let missing = database.vault(&source).await.unwrap_err();
    assert!(matches!(&missing, VaultError::Missing { .. }) && !file.exists(), "{missing}");
    let said = missing.to_string();
    assert!(said.contains("metadata.key") && said.contains("forget-secrets"), "{said}");
    let wrong = open_with(&database, &[9], settings()).await.err().unwrap();
    assert!(matches!(wrong, AlertingError::Vault(VaultError::Missing { .. })), "{wrong}");
    assert_eq!(configs(&database, "rules").await, before, "and nothing is changed");
    // a backup leads elsewhere, and the key with it
    let backup = folder.path().join("backup");
    database.backup(&backup).await.unwrap();
    database.restore(&backup, Existing::Replace).await.unwrap();
    std::fs::write(&file, text_of_key).unwrap();
    let vault = database.vault(&source).await.unwrap();
    let again = Alerting::open(database, vault, settings()).await.unwrap().rules().get(&made.id).await.unwrap();
    assert_eq!(again, made);
}

async fn keys_rotate_and_alerts_stay_where_they_are(url: DatabaseUrl) {
    let (database, receiver) = (Database::open(&url).await.unwrap(), HttpReceiver::start(Vec::new()));
    let alerting = open_with(&database, &[1], settings()).await.unwrap();
    let made = alerting.rules().create(rule("webhook", config(&receiver.url("/"))), "kim").await.unwrap();
    let dispatcher = alerting.dispatch();
    deliver(&alerting, &made.id, "firing").await;
    assert_eq!(next_status(&receiver).await, "firing");
    dispatcher.stop().await;
    let before = (configs(&database, "rules").await, configs(&database, "receivers").await);
    open_with(&database, &[2, 1], settings()).await.unwrap();
    let after = (configs(&database, "rules").await, configs(&database, "receivers").await);
    for (before, after) in before.0.iter().zip(&after.0).chain(before.1.iter().zip(&after.1)) {
        assert!(before.0 == after.0 && before.1 != after.1, "sealed anew, under the same id");
    }
    // the old key is no longer needed, and nobody hears of any of this
    let alerting = open_with(&database, &[2], settings()).await.unwrap();
    assert_eq!(alerting.rules().get(&made.id).await.unwrap(), made);
    let dispatcher = alerting.dispatch();
    deliver(&alerting, &made.id, "resolved").await;
    assert_eq!(next_status(&receiver).await, "resolved");
    assert!(receiver.so_far().is_empty());
    dispatcher.stop().await;
}

async fn what_was_stored_in_clear_is_sealed_by_the_next_start(url: DatabaseUrl) {
    let (database, folder) = (Database::open(&url).await.unwrap(), tempdir().unwrap());
    let alerting = open_with(&database, &[1], settings()).await.unwrap();
    let made = alerting.rules().create(rule("webhook", config("https://a.example/")), "kim").await.unwrap();
    // as an older version wrote it
    for (statement, id) in [
        ("UPDATE rules SET config = $1 WHERE id = $2", made.id.as_str()),
        ("INSERT INTO receivers (config, id, channel) VALUES ($1, $2, 'webhook')", "old"),
    ] {
        let clear = config("https://a.example/").to_string();
        sqlx::query(statement).bind(clear).bind(id).execute(database.pool()).await.unwrap();
    }
    assert!(dumped(&database, folder.path()).await.contains(SECRET));
    let alerting = open_with(&database, &[1], settings()).await.unwrap();
    assert!(!dumped(&database, folder.path()).await.contains(SECRET));
    assert_eq!(alerting.rules().all().await.unwrap(), [made]);
}

async fn what_is_sealed_in_one_row_is_nothing_in_another(url: DatabaseUrl) {
    let database = Database::open(&url).await.unwrap();
    let rules = open_with(&database, &[1], settings()).await.unwrap().rules();
    let mut made: Vec<Rule> = Vec::new();
    for path in ["one", "two"] {
        let draft = rule("webhook", config(&format!("https://a.example/{path}")));
        made.push(rules.create(draft, "kim").await.unwrap());
    }
    let swap = "UPDATE rules SET config = (SELECT config FROM rules WHERE id = $1) WHERE id = $2";
    sqlx::query(swap).bind(made[0].id.as_str()).bind(made[1].id.as_str()).execute(database.pool()).await.unwrap();
    let error = rules.get(&made[1].id).await.unwrap_err();
    assert!(matches!(&error, AlertingError::Vault(VaultError::Damaged { .. })), "{error}");
    assert!(!error.to_string().contains(SECRET));
}

async fn where_the_key_is_gone_secrets_are_forgotten_and_rules_stay(url: DatabaseUrl) {
    let (database, receiver) = (Database::open(&url).await.unwrap(), HttpReceiver::start(Vec::new()));
    let alerting = open_with(&database, &[1], settings()).await.unwrap();
    let made = alerting.rules().create(rule("webhook", config(&receiver.url("/"))), "kim").await.unwrap();
    deliver(&alerting, &made.id, "firing").await;
    assert!(open_with(&database, &[2], settings()).await.is_err());
    assert_eq!(database.forget_secrets().await.unwrap(), 3);
    let alerting = open_with(&database, &[2], common::settings_with_receivers(&[receiver.url("/")])).await.unwrap();
    let rule = alerting.rules().get(&made.id).await.unwrap();
    assert_eq!((rule.draft.name, rule.draft.notification_config), (made.draft.name, ChannelConfig::default()));
    // its channel can no longer be read, so that its alerts are told as if it had none
    let dispatcher = alerting.dispatch();
    assert_eq!(next_status(&receiver).await, "firing");
    dispatcher.stop().await;
}
