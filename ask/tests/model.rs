//! A model over real HTTP: what it is told, what is taken from it, and that every way to fail ends in the local answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread::JoinHandle,
    time::Duration,
};

use highwater_ask::{
    Incident, InsightScene, Model, ModelConfig, PatternNews, Scene, ServiceFigures, Volume, insights, parse,
};
use highwater_engine::{Level, Name, hours};
use highwater_operators::Severity;
use serde_json::{Value as Json, json};

const KEY: &str = "hunter2-hunter2";

/// What a server does with one request.
type Reply = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// Serves one request, and gives its head, in lower case, and its body.
fn serve(reply: Reply) -> (ModelConfig, JoinHandle<(String, Json)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(&format!("http://{}/v1/", listener.local_addr().unwrap()));
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0);
        }
        let length =
            head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reply(reader.get_mut());
        (head.to_lowercase(), serde_json::from_slice(&body).unwrap())
    });
    (config, server)
}

fn config(base_url: &str) -> ModelConfig {
    ModelConfig {
        base_url: base_url.to_owned(),
        model: "a-model".to_owned(),
        api_key_env: Some("THE_KEY".to_owned()),
        timeout: Duration::from_secs(20),
        send_logs: false,
    }
}

fn http(status: &str, body: &str) -> Reply {
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    // whoever has read enough may be gone
    Box::new(move |stream| drop(stream.write_all(answer.as_bytes())))
}

/// What a model says, as a server sends it.
fn says(content: &str) -> Reply {
    http("200 OK", &json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] }).to_string())
}

fn model(config: ModelConfig) -> Model {
    Model::with_key(config, Some(KEY.to_owned()))
}

fn scene() -> Scene {
    let services = ["payment-service", "cart-service"].map(Name::from).to_vec();
    Scene { services, now: "2025-10-23T14:32:15Z".parse().unwrap(), moments: Vec::new() }
}

const QUESTION: &str = "payment errors of jo@example.com";

#[test]
fn its_filters_are_taken_and_its_query_is_not() {
    let said = json!({
        "filters": {
            "severity": ["ERROR", "ERROR"],
            "source": ["payment-service", "made-up-service"],
            "text": "declined \"no funds\" ) OR (",
            "time_range": { "from": "2025-10-23T13:00:00Z", "to": null },
            "latency": { "min_ms": 250.0, "max_ms": -1.0 },
            "fields": { "order_id": "4711", "a b": "x", "host": "" },
            "exclude": { "text": ["retry", "..."], "source": ["cart-service"] },
            "query": "level:DEBUG",
        },
        "explanation": " Errors of payments. ",
    });
    let (config, server) = serve(says(&format!("```json\n{said}\n```")));
    let answer = model(config).search(QUESTION, &scene());
    assert_eq!(answer.explanation, "Errors of payments.");
    let filters = &answer.filters;
    assert_eq!((&filters.severity, &filters.source), (&vec![Level::Error], &vec!["payment-service".to_owned()]));
    assert_eq!(filters.time_range.unwrap().from.unwrap().to_string(), "2025-10-23T13:00:00.000Z");
    assert_eq!(
        filters.query,
        r#"level:ERROR service:"payment-service" order_id:"4711" latency_ms:>250 declined "no funds" NOT service:"cart-service" NOT retry"#
    );

    let (head, body) = server.join().unwrap();
    assert!(head.starts_with("post /v1/chat/completions "), "{head}");
    assert!(head.contains(&format!("authorization: bearer {KEY}\r\n")), "{head}");
    assert_eq!((&body["model"], &body["response_format"]["type"]), (&json!("a-model"), &json!("json_schema")));
    let asked: Json = serde_json::from_str(body["messages"][1]["content"].as_str().unwrap()).unwrap();
    assert_eq!(asked["question"], "payment errors of [email]");
    assert_eq!((&asked["services"][1], &asked["now"]), (&json!("cart-service"), &json!("2025-10-23T14:32:15.000Z")));
}

#[test]
fn whatever_fails_the_local_answer_stands_and_says_why() {
    let local = parse(QUESTION, &scene());
    let huge = format!("{{\"choices\": [], \"padding\": \"{}\"}}", "x".repeat(1 << 20));
    let silent: Reply = Box::new(|stream| drop(stream.read(&mut [0])));
    let hangs_up: Reply = Box::new(|_| ());
    let half: Reply = Box::new(|stream| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{").unwrap());
    let no_http: Reply = Box::new(|stream| stream.write_all(b"\x00\x01 hello\r\n\r\n").unwrap());
    for (reply, why) in [
        (http("401 Unauthorized", r#"{"error": {"message": "no"}}"#), "it answered with status 401"),
        (http("429 Too Many Requests\r\nRetry-After: 9", "{}"), "it answered with status 429"),
        (http("500 Oops", "<html>"), "it answered with status 500"),
        (http("302 Found\r\nLocation: http://127.0.0.1:1/", ""), "it answered with status 302"),
        (http("200 OK", "<html>"), "its answer cannot be used: it is no chat completion"),
        (http("200 OK", r#"{"choices": []}"#), "its answer cannot be used: it says nothing"),
        (says("I am afraid I cannot do that."), "its answer cannot be used: it is no JSON"),
        (
            says(r#"{"filters": {"severity": ["LOUD"]}}"#),
            "its answer cannot be used: it does not have the form that was asked for",
        ),
        (says("[]"), "its answer cannot be used: it does not have the form that was asked for"),
        (http("200 OK", &huge), "its answer is too long"),
        (hangs_up, "it cannot be reached"),
        (half, "it cannot be reached"),
        (no_http, "it cannot be reached"),
        (silent, "it did not answer in time"),
    ] {
        let (mut config, server) = serve(reply);
        if why.ends_with("in time") {
            config.timeout = Duration::from_millis(50);
        }
        let answer = model(config).search(QUESTION, &scene());
        assert_eq!(answer.filters, local.filters, "{why}");
        assert_eq!(answer.explanation, format!("{} The model was not used: {why}.", local.explanation));
        server.join().unwrap();
    }
}

#[test]
fn without_a_server_or_a_key() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = config(&format!("http://{free}"));
    let explanation = |model: Model| model.search(QUESTION, &scene()).explanation;
    assert!(explanation(model(nowhere.clone())).ends_with("it cannot be reached."));
    for key in ["", " ", "two\nlines"] {
        let model = Model::with_key(nowhere.clone(), Some(key.to_owned()));
        assert!(explanation(model).ends_with("the environment variable THE_KEY has no API key."), "{key:?}");
    }
    let (mut open, server) = serve(says(r#"{"filters": {}, "explanation": "Everything."}"#));
    open.api_key_env = None;
    assert_eq!(explanation(Model::new(open)), "Everything.");
    assert!(!server.join().unwrap().0.contains("authorization"));
}

#[test]
fn the_key_is_never_shown_and_a_wrong_address_is_told() {
    let right = config("https://models.example/v1");
    assert!(!format!("{:?}", model(right.clone())).contains(KEY));
    assert_eq!(right.check().as_deref(), Ok("models.example"));
    for (url, why) in [
        ("models.example", "https://"),
        ("ftp://models.example", "https://"),
        ("https://jo:secret@models.example", "password"),
        ("https://models.example/v1?key=secret", "parameters"),
        ("", "cannot be read"),
    ] {
        let error = config(url).check().unwrap_err();
        assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
    }
    assert!(ModelConfig { model: " ".to_owned(), ..right }.check().is_err());
}

fn figures() -> InsightScene {
    let incident = |what: &str| Incident { severity: Severity::High, what: what.to_owned() };
    let payment = ServiceFigures {
        name: "payment-service".to_owned(),
        now: Volume { logs: 1_000, errors: 400, p95_ms: Some(900.0) },
        before: None,
        anomalies: vec![incident("errors spiked")],
        alerts: vec![incident("high_error_rate")],
        patterns: vec![PatternNews {
            template: "token=abcdef of jo@example.com expired".to_owned(),
            count: 9,
            before: 0,
        }],
    };
    InsightScene { period: hours(1), services: vec![payment] }
}

#[test]
fn insights_are_worded_by_it_and_text_of_logs_is_sent_only_where_that_is_configured() {
    for send_logs in [false, true] {
        let (mut config, server) = serve(says(r#"{"summary": "Payments burn."}"#));
        config.send_logs = send_logs;
        let found = model(config).insights(&figures());
        assert_eq!(found.summary, "Payments burn.");
        assert_eq!(found.services, insights(&figures()).services, "figures are our own");
        let (_, body) = server.join().unwrap();
        let told = body["messages"][1]["content"].as_str().unwrap();
        assert!(told.contains("payment-service") && told.contains("\"errors\":400"), "{told}");
        assert_eq!(told.contains("expired") && told.contains("errors spiked"), send_logs, "{told}");
        assert!(!told.contains("abcdef") && !told.contains("jo@example.com"), "{told}");
    }
    let (config, server) = serve(says("{}"));
    let found = model(config).insights(&figures());
    let local = insights(&figures()).summary;
    assert_eq!(found.summary, format!("{local} The model was not used: its answer cannot be used: it has no summary."));
    server.join().unwrap();
}
