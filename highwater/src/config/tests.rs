use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use highwater_engine::{days, hours, minutes};

use super::*;

fn repository(file: &str) -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

fn read_text(text: &str) -> anyhow::Result<Config> {
    read_with(text, &[])
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    read(Some(Path::new("h.toml")), text, variables, &Common::default())
}

fn wrong(text: &str) -> String {
    read_text(text).unwrap_err().to_string()
}

const SOURCE: &str = "[[source]]\ntype = \"http\"\n";

/// The example with every commented setting (`#key = value`, `#[section]`) put in force.
fn uncommented(text: &str) -> String {
    text.lines()
        .map(|line| {
            let setting =
                line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
            format!("{}\n", setting.unwrap_or(line))
        })
        .collect()
}

#[test]
fn the_example_is_right_as_it_stands_and_with_everything_in_force() {
    let (path, text) = repository("highwater.example.toml");
    for text in [text.clone(), uncommented(&text)] {
        if let Err(error) = read(Some(&path), &text, [], &Common::default()) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_example_says_what_the_defaults_are() {
    // settings that are not commented out are as they would be without them
    let (path, text) = repository("highwater.example.toml");
    let example = read(Some(&path), &text, [], &Common::default()).unwrap();
    let default = Config::default();
    assert_eq!(format!("{:?}", example.settings), format!("{:?}", default.settings));
    assert_eq!(example.queries, default.queries);
    assert_eq!(example.listen, default.listen);
    assert_eq!(example.http, default.http);
    assert_eq!(format!("{:?}", example.logging), format!("{:?}", default.logging));
}

#[test]
fn the_example_mentions_every_key() {
    let (_, text) = repository("highwater.example.toml");
    let problems = Problems::default();
    read_into(&uncommented(&text), [], &Common::default(), &problems);
    let mut keys = problems.keys();
    let variants = ["type = \"none\"", "type = \"kafka\"", "type = \"jsonl\"\npath = \"x\""];
    for letters in variants {
        let problems = Problems::default();
        read_into(&format!("{SOURCE}[dead_letters]\n{letters}"), [], &Common::default(), &problems);
        keys.extend(problems.keys());
    }
    let mentioned = mentioned(&text);
    let missing: Vec<_> = keys
        .iter()
        // all three metrics are told the same things: one stands for them
        .filter(|key| {
            !["error_rate", "latency"].iter().any(|twin| key.starts_with(&format!("queries.detectors.{twin}")))
        })
        .filter(|key| !mentioned.contains(*key))
        .collect();
    assert!(missing.is_empty(), "highwater.example.toml does not mention {missing:?}");
}

/// Sections and keys that stand in the text, commented out or not.
fn mentioned(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut found = BTreeSet::new();
    for line in uncommented(text).lines() {
        let line = line.trim_start_matches("# or: ");
        let line = line.trim();
        if line.starts_with('[') {
            section = line.split(']').next().unwrap_or("").trim_matches('[').to_owned();
            let mut path = String::new();
            for part in section.split('.') {
                path = if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
                found.insert(path.clone());
            }
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            found.insert(format!("{section}.{}", key.trim()));
        }
    }
    found
}

#[test]
fn the_configuration_for_kafka_is_right() {
    let (path, text) = repository("docker/highwater.toml");
    let config = read(Some(&path), &text, [], &Common::default()).unwrap();
    assert!(matches!(&config.sources[..], [Source::Kafka(kafka)] if kafka.topic == "logs"));
    let views: Vec<_> = config.sinks.iter().map(|sink| sink.view.as_str()).collect();
    assert_eq!(views, ["anomalies", "alerts"]);
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest() {
    let text = format!(
        "{SOURCE}[time]\nlatenes = \"2s\"\n[tim]\n[[sink]]\ntype = \"kafka\"\nview = \"alerts\"\nbroker = \"a:1\"\n"
    );
    assert_eq!(
        wrong(&text),
        "the configuration is wrong in 4 places\n\
         h.toml:4: time.latenes: unknown key; did you mean \"lateness\"?\n\
         h.toml:5: tim: unknown key; did you mean \"time\"?\n\
         h.toml:6: sink[0]: needs the key \"brokers\", here or in [kafka]\n\
         h.toml:9: sink[0].broker: unknown key; did you mean \"brokers\"?"
    );
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    let text =
        format!("{SOURCE}[time]\ntick = 5\n[limits]\nworkers = 0\n[logs]\nformat = \"jsn\"\n[logging]\nlevel = 3\n");
    let message = wrong(&text);
    for expected in [
        "h.toml:4: time.tick: 5 is not a duration from 1ms to 1m, written like \"100ms\"",
        "h.toml:6: limits.workers: 0 is not a whole number from 1 to 256",
        "h.toml:8: logs.format: \"jsn\" is not one of auto, json, envelope, logfmt, plain, syslog (did you mean \"json\"?)",
        "h.toml:10: logging.level: 3 is not a level",
    ] {
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
    }
}

#[test]
fn rollups_are_kept_for_as_long_as_configured() {
    let read =
        read_text(&format!("{SOURCE}[queries.rollups]\nminutes_kept_hours = 72\nhours_kept_days = 90\n")).unwrap();
    assert_eq!(read.queries.rollups.kept(hours(1)), [minutes(90), hours(72), days(90)]);
    // no shorter than what they are made of
    assert_eq!(read.queries.rollups.kept(days(80)), [days(80) + minutes(30), days(80) + minutes(30), days(90)]);
    let message = wrong(&format!("{SOURCE}[queries.rollups]\nminutes_kept_hours = 0\nhours_kept_days = 100_000\n"));
    for expected in [
        "queries.rollups.minutes_kept_hours: 0 is not a whole number from 1 to 87840",
        "queries.rollups.hours_kept_days: 100000 is not a whole number from 1 to 3660",
    ] {
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
    }
}

#[test]
fn a_model_is_asked_where_one_is_configured() {
    assert_eq!(read_text(SOURCE).unwrap().model, None);
    let ai = "[ai]\nbase_url = \"http://127.0.0.1:11434/v1\"\nmodel = \"m\"\n";
    let model = read_text(&format!("{SOURCE}{ai}send_logs = true\n")).unwrap().model.unwrap();
    assert_eq!((model.model.as_str(), model.api_key_env, model.send_logs), ("m", None, true));
    for (text, expected) in [
        ("[ai]\nmodel = \"m\"\n".to_owned(), "h.toml:3: ai: needs the key \"base_url\""),
        ("[ai]\nbase_url = \"ftp://x\"\nmodel = \"m\"\n".to_owned(), "h.toml:3: ai: base_url begins neither"),
        ("[ai]\nbase_url = \"http://x\"\n".to_owned(), "h.toml:3: ai: model names none"),
        (format!("{ai}api_key_env = \"a secret itself\"\n"), "h.toml:6: ai.api_key_env: "),
        (format!("{ai}timeout = \"5m\"\n"), "is not a duration from 100ms to 25s"),
        (format!("{ai}key = \"x\"\n"), "ai.key: unknown key"),
        (
            "[queries.service_graph]\nshare = 1.5\n".to_owned(),
            "queries.service_graph.share: 1.5 is not a number from 0 to 1",
        ),
    ] {
        let message = wrong(&format!("{SOURCE}{text}"));
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
    }
}

#[test]
fn who_may_ask_how_often_and_over_what() {
    let text = "[http]\norigins = [\"https://dash.example.org\", \"http://localhost:3000\"]\n\
                trusted_proxies = [\"10.0.0.0/8\", \"192.0.2.7\"]\n[http.limits]\nsearch_per_minute = 0\n\
                [http.tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";
    let http = read_text(&format!("{SOURCE}{text}")).unwrap().http;
    assert_eq!(http.origins, ["https://dash.example.org", "http://localhost:3000"]);
    assert_eq!(http.proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "192.0.2.7/32"]);
    assert_eq!((http.rates.search_per_minute, http.rates.lookup_per_minute), (0, 200));
    assert_eq!(http.tls.unwrap().key, PathBuf::from("a.key"));
    for (text, expected) in [
        ("[http.limits]\nper_minut = 1\n", "http.limits.per_minut: unknown key; did you mean \"per_minute\"?"),
        ("[http.limits]\nclients = 0\n", "http.limits.clients: 0 is not a whole number from 1"),
        ("[http]\ntrusted_proxies = [\"proxy\"]\n", "http.trusted_proxies: a list is not a list of addresses"),
        ("[http]\norigins = [\"*\"]\n", "http.origins: a list is not a list of origins"),
        ("[http]\norigins = [\"https://a/\"]\n", "http.origins: a list is not a list of origins"),
        ("[http.tls]\ncertificate = \"a.pem\"\n", "http.tls: needs the key \"key\""),
        ("[http.tls]\nkey = \"a.key\"\n", "http.tls: needs the key \"certificate\""),
    ] {
        let message = wrong(&format!("{SOURCE}{text}"));
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
    }
}

#[test]
fn what_is_no_toml_is_named_with_its_line() {
    assert!(wrong("[time]\ntick = \n").contains("h.toml:2: "));
    assert!(wrong("[time\n").contains("h.toml:1: "));
    assert!(wrong("").contains("h.toml: source: nothing to read"));
    assert!(wrong("[source]\ntype = \"http\"").contains("begin each with [[source]]"));
    assert!(wrong("time = 3").contains("h.toml:1: time: 3 is not a table"));
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "[[source]]\ntype = \"kafka\"\ntopic = \"a\"\n[time]\ntick = \"1s\"";
    let config = read_with(
        text,
        &[
            ("HIGHWATER_TIME__TICK", "50ms"),
            ("HIGHWATER_KAFKA__BROKERS", "kafka:19092"),
            ("HIGHWATER_KAFKA__PROPERTIES__SECURITY_PROTOCOL", "SSL"),
            ("HIGHWATER_SOURCE__0__TOPIC", "42"),
            ("HIGHWATER_SOURCE__1__TYPE", "http"),
            ("HIGHWATER_QUERIES__THRESHOLDS__ERROR_RATE_PERCENT", "7.5"),
            ("HIGHWATER_KAFKA_DIR", "ignored"),
        ],
    )
    .unwrap();
    assert_eq!(config.settings.tick, Duration::from_millis(50));
    let [Source::Kafka(kafka), Source::Http { .. }] = &config.sources[..] else { panic!("{:?}", config.sources) };
    assert_eq!(kafka.topic, "42");
    assert_eq!(kafka.kafka.brokers, "kafka:19092");
    assert_eq!(kafka.kafka.properties["security.protocol"], "SSL");
    assert_eq!(config.queries.thresholds.error_rate_percent, 7.5);
}

#[test]
fn a_wrong_variable_is_named() {
    let message = read_with(SOURCE, &[("HIGHWATER_TIME__TIK", "50ms"), ("HIGHWATER_LIMITS__WORKERS", "many")])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("environment variable HIGHWATER_TIME__TIK: time.tik: unknown key; did you mean \"tick\"?")
    );
    assert!(
        message.contains("environment variable HIGHWATER_LIMITS__WORKERS: limits.workers: \"many\" is not a whole")
    );
}

#[test]
fn flags_override_the_environment() {
    let common = Common { workers: Some("3".to_owned()), listen: Some("127.0.0.1:0".to_owned()), ..Common::default() };
    let variables = [("HIGHWATER_LIMITS__WORKERS".to_owned(), "2".to_owned())];
    let config = read(None, SOURCE, variables, &common).unwrap();
    assert_eq!(config.settings.workers, 3);
    assert_eq!(config.listen.map(|address| address.port()), Some(0));
}

#[test]
fn properties_may_be_written_with_or_without_quotes() {
    let text = "[[source]]\ntype = \"kafka\"\ntopic = \"a\"\nbrokers = \"b:1\"\n[source.properties]\n\
                security.protocol = \"SSL\"\n\"fetch.min.bytes\" = 1\n";
    let config = read_text(text).unwrap();
    let [Source::Kafka(kafka)] = &config.sources[..] else { panic!() };
    assert_eq!(kafka.kafka.properties["security.protocol"], "SSL");
    assert_eq!(kafka.kafka.properties["fetch.min.bytes"], "1");
}

#[test]
fn receivers_of_alerts_are_read_from_the_file_and_the_environment() {
    let text = "[[alerts.receiver]]\nchannel = \"email\"\nconfig = { host = \"mail\", from = \"a@b.example\", to = [\"x@b.example\"] }\n\
                notification = { group_by = [\"...\"], repeat_interval = \"1h\" }\n";
    let config = read_with(
        &format!("{SOURCE}{text}"),
        &[
            ("HIGHWATER_ALERTS__RECEIVER__0__CONFIG__PORT", "2525"),
            ("HIGHWATER_ALERTS__RECEIVER__0__CONFIG__TO", "kim@b.example, sam@b.example"),
            ("HIGHWATER_ALERTS__RECEIVER__0__CONFIG__USERNAME", "highwater"),
            ("HIGHWATER_ALERTS__RECEIVER__0__CONFIG__PASSWORD", "12345678"),
            ("HIGHWATER_ALERTS__RECEIVER__1__CHANNEL", "webhook"),
            ("HIGHWATER_ALERTS__RECEIVER__1__CONFIG__URL", "https://a.example/hunter2"),
            ("HIGHWATER_ALERTS__RECEIVER__1__CONFIG__HEADERS__X_API_KEY", "hunter2"),
            ("HIGHWATER_ALERTS__RECEIVER__1__NOTIFICATION__SEND_RESOLVED", "false"),
        ],
    )
    .unwrap();
    let [email, webhook] = &config.alerts.settings.receivers[..] else { panic!("{:?}", config.alerts) };
    assert_eq!(email.config.masked()["to"], serde_json::json!(["kim@b.example", "sam@b.example"]));
    assert_eq!(email.config.masked()["port"], 2525);
    assert_eq!(
        (email.notification.group_by.join(","), email.notification.repeat_interval),
        ("...".to_owned(), hours(1))
    );
    assert_eq!(webhook.config.masked()["headers"]["x-api-key"], "<secret>");
    assert!(!webhook.notification.send_resolved);
    assert!(!format!("{config:?}").contains("hunter2") && !format!("{config:?}").contains("12345678"));
    assert_eq!(read_text(SOURCE).unwrap().alerts.settings.receivers, []);
}

#[test]
fn what_is_wrong_with_a_secret_does_not_show_it() {
    for (text, expected) in [
        (
            "[[alerts.receiver]]\nchannel = \"slak\"\n",
            "h.toml:4: alerts.receiver[0].channel: \"slak\" is not one of console",
        ),
        (
            "[[alerts.receiver]]\nconfig = { url = \"hunter2\" }\n",
            "h.toml:3: alerts.receiver[0]: needs the key \"channel\"",
        ),
        (
            "[[alerts.receiver]]\nchannel = \"slack\"\nconfig = \"hunter2\"\n",
            "alerts.receiver[0].config: is not a table",
        ),
        (
            "[[alerts.receiver]]\nchannel = \"slack\"\nconfig = { url = \"hunter2\" }\n",
            "alerts.receiver[0]: config.url: ",
        ),
        ("[[alerts.receiver]]\nchannel = \"slack\"\nurl = \"x\"\n", "alerts.receiver[0].url: unknown key"),
        ("[metadata]\nkey = \"hunter2\"\n", "h.toml:4: metadata.key: is not a key of 64 hexadecimal digits"),
        ("[metadata]\nurl = \"postgres://kim:hunter2@db/\"\n", "h.toml:4: metadata.url: is not an address"),
    ] {
        let message = wrong(&format!("{SOURCE}{text}"));
        assert!(message.contains(expected), "{expected}\nnot in\n{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn keys_lie_in_the_folder_of_the_state_unless_they_are_given() {
    let place = |text: &str| read_text(&format!("{SOURCE}{text}")).unwrap().keys().map(|keys| keys.shown());
    assert_eq!(place("[state]\npath = \"a\"\n").as_deref(), Some("a/metadata.key"));
    assert_eq!(place("[metadata]\nkey_file = \"b.key\"\n").as_deref(), Some("b.key"));
    let nowhere = "[state]\npath = \"none\"\n";
    assert_eq!(place(nowhere).as_deref(), Some("the memory of this process"));
    assert_eq!(place(&format!("{nowhere}[metadata]\nurl = \"sqlite:c/d.db\"\n")).as_deref(), Some("c/metadata.key"));
    assert_eq!(place(&format!("{nowhere}[metadata]\nurl = \"postgres://db/x\"\n")), None);
    let given = format!("[metadata]\nkey = \"{}\"\n", "0f".repeat(32));
    assert_eq!(place(&given).as_deref(), Some("[metadata] key"));
    assert!(wrong(&format!("{SOURCE}{given}key_file = \"b.key\"\n")).contains("one of them is enough"));
}
