//! Who may do what, on the real binary, the wicked included.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{io::Read, io::Write, net::TcpStream, path::Path};

use serde_json::{Value, json};

use common::{Running, highwater, unchunked, write};

struct Server {
    job: Running,
    address: String,
    /// the first user's
    password: String,
}

fn start(folder: &Path, more: &str) -> Server {
    let text = format!(
        "[[source]]\ntype = \"http\"\n[state]\npath = {:?}\n[accounts]\nlogin = \"always\"\n{more}",
        folder.join("state")
    );
    let config = write(folder, "h.toml", &text);
    let mut command = highwater(&["run", "--config", &config, "--listen", "127.0.0.1:0"]);
    command.env_remove("HIGHWATER_STATE__PATH");
    let mut job = Running::start(command);
    let line = job.line("with the password ");
    let password = line.split("with the password ").nth(1).unwrap().trim().to_owned();
    let address = job.address();
    Server { job, address, password }
}

impl Server {
    fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, answer) = self.raw(&[("Authorization", &format!("Bearer {token}"))], method, path, body);
        (status, answer)
    }

    fn raw(&self, headers: &[(&str, &str)], method: &str, path: &str, body: &Value) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        for (name, value) in headers.iter().filter(|(_, value)| *value != "Bearer ") {
            head += &format!("{name}: {value}\r\n");
        }
        write!(stream, "{head}Content-Type: application/json\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { unchunked(body) } else { body.to_owned() };
        (status, head.to_owned(), serde_json::from_str(&body).unwrap_or_default())
    }

    fn login(&self, name: &str, password: &str) -> String {
        let (status, answer) =
            self.call("", "POST", "/api/v1/auth/login", &json!({ "username": name, "password": password }));
        assert_eq!(status, 200, "{answer}");
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("bearer"), &json!(1800)));
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The first user, with a password of their own.
    fn admin(&self) -> String {
        let first = self.login("admin", &self.password);
        let (status, answer) = self.call(&first, "GET", "/api/v1/views", &Value::Null);
        assert_eq!(status, 403, "the password must be changed first: {answer}");
        let change = json!({ "current_password": self.password, "new_password": "correct horse battery" });
        let (status, answer) = self.call(&first, "PUT", "/api/v1/auth/me", &change);
        assert_eq!((status, &answer["must_change_password"]), (200, &json!(false)), "{answer}");
        assert_eq!(self.call(&first, "GET", "/api/v1/auth/me", &Value::Null).0, 401, "sessions end with the password");
        self.login("admin", "correct horse battery")
    }

    fn user(&self, admin: &str, name: &str) -> String {
        let new = json!({ "username": name, "password": format!("{name}s own password") });
        let (status, answer) = self.call(admin, "POST", "/api/v1/auth/register", &new);
        assert_eq!(status, 201, "{answer}");
        assert_eq!((&answer["role"], &answer["username"]), (&json!("user"), &json!(name)));
        self.login(name, &format!("{name}s own password"))
    }
}

const RULE: &str = r#"{"name": "errors", "metric": "error_rate", "threshold": 5, "time_window": "1m"}"#;

#[test]
fn nobody_does_what_is_not_theirs_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "");
    let rule: Value = serde_json::from_str(RULE).unwrap();
    // strangers: what tells of health is open, the rest is not
    for path in ["/livez", "/readyz", "/health", "/openapi.json", "/docs/index.html"] {
        assert_ne!(server.call("", "GET", path, &Value::Null).0, 401, "{path}");
    }
    for path in
        ["/api/v1/views", "/metrics", "/api/v1/logs/search", "/api/v1/alerts/rules", "/api/v1/auth/me", "/api/v1/ws"]
    {
        let (status, head, problem) = server.raw(&[], "GET", path, &Value::Null);
        assert_eq!(status, 401, "{path}");
        assert!(head.to_lowercase().contains("www-authenticate: bearer realm=\"highwater\""), "{head}");
        assert_eq!(problem["type"], "urn:highwater:problem:unauthorized");
    }
    assert_eq!(server.call("", "POST", "/api/v1/logs", &json!({ "message": "x" })).0, 401);
    let new = json!({ "username": "eve", "password": "a password of eve" });
    assert_eq!(server.call("", "POST", "/api/v1/auth/register", &new).0, 401, "registration is closed");

    let admin = server.admin();
    let (ada, bob) = (server.user(&admin, "ada"), server.user(&admin, "bob"));
    assert_eq!(server.call(&ada, "GET", "/api/v1/auth/users", &Value::Null).0, 403);
    assert_eq!(server.call(&ada, "GET", "/api/v1/audit", &Value::Null).0, 403);
    assert_eq!(server.call(&ada, "DELETE", "/api/v1/rate-limits/reset-all", &Value::Null).0, 403);
    assert_eq!(server.call(&ada, "POST", "/api/v1/auth/register", &new).0, 403);

    // a rule is its owner's
    let (status, made) = server.call(&ada, "POST", "/api/v1/alerts/rules", &rule);
    assert_eq!(status, 201, "{made}");
    let path = format!("/api/v1/alerts/rules/{}", made["id"].as_str().unwrap());
    assert_eq!(server.call(&bob, "GET", &path, &Value::Null).0, 200);
    assert_eq!(server.call(&bob, "PUT", &path, &rule).0, 403);
    assert_eq!(server.call(&bob, "DELETE", &path, &Value::Null).0, 403);
    assert_eq!(server.call(&ada, "PUT", &path, &rule).0, 200);
    let stale = [("Authorization", format!("Bearer {ada}")), ("If-Match", "\"1\"".to_owned())];
    let stale: Vec<(&str, &str)> = stale.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(server.raw(&stale, "PUT", &path, &rule).0, 409, "somebody was faster");
    assert_eq!(server.call(&admin, "DELETE", &path, &Value::Null).0, 204);

    // an API token does what its scopes say
    let wanted = json!({ "name": "shipper", "scopes": ["ingest"] });
    let (status, token) = server.call(&ada, "POST", "/api/v1/auth/tokens", &wanted);
    assert_eq!(status, 201, "{token}");
    let shipper = token["token"].as_str().unwrap();
    assert_eq!(server.call(shipper, "POST", "/api/v1/logs", &json!({ "message": "x" })).0, 202);
    assert_eq!(server.call(shipper, "GET", "/api/v1/views", &Value::Null).0, 403);
    assert_eq!(
        server.call(shipper, "POST", "/api/v1/auth/tokens", &json!({ "name": "n", "scopes": ["admin"] })).0,
        403
    );
    let (_, listed) = server.call(&ada, "GET", "/api/v1/auth/tokens", &Value::Null);
    assert!(listed["tokens"][0]["name"] == "shipper" && !listed.to_string().contains(shipper), "{listed}");
    let of_token = format!("/api/v1/auth/tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(server.call(&bob, "DELETE", &of_token, &Value::Null).0, 403);
    assert_eq!(server.call(&ada, "DELETE", &of_token, &Value::Null).0, 204);
    assert_eq!(server.call(shipper, "POST", "/api/v1/logs", &json!({ "message": "x" })).0, 401, "revoked");

    // who is switched off is out at once
    let (_, users) = server.call(&admin, "GET", "/api/v1/auth/users", &Value::Null);
    let bobs = users["users"].as_array().unwrap().iter().find(|user| user["username"] == "bob").unwrap()["id"].clone();
    let of_bob = format!("/api/v1/auth/users/{}", bobs.as_str().unwrap());
    assert_eq!(server.call(&admin, "PUT", &of_bob, &json!({ "is_active": false })).0, 200);
    assert_eq!(server.call(&bob, "GET", "/api/v1/auth/me", &Value::Null).0, 401);

    let (_, audit) = server.call(&admin, "GET", "/api/v1/audit?actor=ada&limit=100", &Value::Null);
    let deeds: Vec<(&str, u64)> = audit["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["route"].as_str().unwrap(), entry["outcome"].as_u64().unwrap()))
        .collect();
    assert!(deeds.contains(&("/api/v1/alerts/rules", 201)), "{deeds:?}");
    let mut job = server.job;
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn tokens_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "");
    let admin = server.admin();
    let (head, rest) = admin.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let flipped: String = signature.chars().rev().collect();
    for forged in [
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{head}.{claims}.{flipped}"),
        format!("{head}.{claims}"),
        format!("{head}.{claims}x.{signature}"),
        "hw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "' OR 1=1 --".to_owned(),
        "x".repeat(20_000),
    ] {
        let (status, answer) = server.call(&forged, "GET", "/api/v1/views", &Value::Null);
        assert!(matches!(status, 401 | 431), "{forged}: {status} {answer}");
        assert!(!answer.to_string().contains(signature));
    }
    for header in ["Basic YWRtaW46YWRtaW4=", "Bearer", "bearer"] {
        assert_eq!(server.raw(&[("Authorization", header)], "GET", "/api/v1/views", &Value::Null).0, 401, "{header}");
    }
    // the cookie does for the header, where the page is our own
    let cookie = format!("highwater_session={admin}");
    assert_eq!(server.raw(&[("Cookie", &cookie)], "GET", "/api/v1/auth/me", &Value::Null).0, 200);
    let foreign = [("Cookie", cookie.as_str()), ("Origin", "https://evil.example")];
    assert_eq!(server.raw(&foreign, "POST", "/api/v1/auth/logout", &Value::Null).0, 403);
    assert_eq!(server.raw(&[("Cookie", &cookie)], "POST", "/api/v1/auth/logout", &Value::Null).0, 204);
    assert_eq!(server.raw(&[("Cookie", &cookie)], "GET", "/api/v1/auth/me", &Value::Null).0, 401);
    // a browser that still has it is not kept from a new one; who shows a token on purpose is told that it is none
    let credentials = json!({ "username": "admin", "password": "correct horse battery" });
    assert_eq!(server.raw(&[("Cookie", &cookie)], "POST", "/api/v1/auth/login", &credentials).0, 200);
    assert_eq!(server.call(&admin, "POST", "/api/v1/auth/login", &credentials).0, 401);
    let mut job = server.job;
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn a_session_is_renewed_by_whose_it_is_while_it_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "");
    let admin = server.admin();
    let ada = server.user(&admin, "ada");
    let refresh = |token: &str| server.call(token, "POST", "/api/v1/auth/refresh", &Value::Null);
    let me = |token: &str| server.call(token, "GET", "/api/v1/auth/me", &Value::Null);

    let (status, answer) = refresh(&ada);
    assert_eq!((status, &answer["user"]["username"]), (200, &json!("ada")), "{answer}");
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("bearer"), &json!(1800)));
    let renewed = answer["access_token"].as_str().unwrap().to_owned();
    assert_eq!(me(&renewed).1["username"], "ada");
    assert_eq!(me(&ada).0, 200, "what others are under way with is taken");

    // a browser's cookie does as well, from our own page alone, and is another one then
    let cookie = format!("highwater_session={renewed}");
    let (status, head, _) = server.raw(&[("Cookie", &cookie)], "POST", "/api/v1/auth/refresh", &Value::Null);
    let set = head.to_lowercase();
    assert!(status == 200 && set.contains("set-cookie: highwater_session=ey") && set.contains("httponly"), "{head}");
    let foreign = [("Cookie", cookie.as_str()), ("Origin", "https://evil.example")];
    assert_eq!(server.raw(&foreign, "POST", "/api/v1/auth/refresh", &Value::Null).0, 403);

    // a file is got by the cookie, as by a link of the page, and by nobody without
    let export = "/api/v1/logs/export?limit=0";
    assert_eq!(server.raw(&[("Cookie", &cookie)], "GET", export, &Value::Null).0, 200);
    assert_eq!(server.raw(&[], "GET", export, &Value::Null).0, 401);

    // nobody, machines, and what is made up
    let (head, rest) = ada.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let (_, other) = admin.rsplit_once('.').unwrap();
    for forged in ["", "x", &format!("{head}.{claims}."), &format!("{head}.{claims}.{other}")] {
        assert_eq!(refresh(forged).0, 401, "{forged}");
    }
    let admins = admin.split('.').nth(1).unwrap();
    assert_eq!(refresh(&format!("{head}.{admins}.{signature}")).0, 401, "another user's claims");
    let wanted = json!({ "name": "machine", "scopes": ["ingest", "write"] });
    let (status, token) = server.call(&ada, "POST", "/api/v1/auth/tokens", &wanted);
    assert_eq!(status, 201, "{token}");
    assert_eq!(refresh(token["token"].as_str().unwrap()).0, 403, "an API token lasts as long as it was made to");

    // what ends sessions ends those that were renewed
    assert_eq!(server.call(&ada, "POST", "/api/v1/auth/logout", &Value::Null).0, 204);
    for token in [&ada, &renewed] {
        assert_eq!((me(token).0, refresh(token).0), (401, 401));
    }
    let ada = server.login("ada", "adas own password");
    let renewed = refresh(&ada).1["access_token"].as_str().unwrap().to_owned();
    let change = json!({ "current_password": "adas own password", "new_password": "adas other password" });
    assert_eq!(server.call(&ada, "PUT", "/api/v1/auth/me", &change).0, 200);
    assert_eq!(refresh(&renewed).0, 401);
    let mut job = server.job;
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn a_session_is_not_renewed_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "longest_session = \"1m\"\n");
    let body = json!({ "username": "admin", "password": server.password });
    let (_, answer) = server.call("", "POST", "/api/v1/auth/login", &body);
    assert_eq!(answer["expires_in"], 60, "{answer}");
    let (status, renewed) =
        server.call(answer["access_token"].as_str().unwrap(), "POST", "/api/v1/auth/refresh", &Value::Null);
    assert!(status == 200 && renewed["expires_in"].as_u64().unwrap() <= 60, "{renewed}");
    let mut job = server.job;
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn whoever_tries_passwords_is_kept_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "[http.limits]\nlogin_per_hour = 5\n");
    let attempt = |name: &str, password: &str| {
        let body = json!({ "username": name, "password": password });
        server.call("", "POST", "/api/v1/auth/login", &body)
    };
    for (name, password) in
        [("admin", "password"), ("nobody", "password"), ("admin' --", "x"), ("admin", "' OR '1'='1")]
    {
        let (status, problem) = attempt(name, password);
        assert_eq!((status, &problem["detail"]), (401, &json!("unknown user or wrong password")), "{name}");
    }
    assert_eq!(attempt("admin", &server.password).0, 200);
    let (status, problem) = attempt("admin", &server.password);
    assert_eq!((status, &problem["type"]), (429, &json!("urn:highwater:problem:too-many-requests")));
    let mut job = server.job;
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}

#[test]
fn a_backup_restores_who_may_do_what() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), "");
    let admin = server.admin();
    server.user(&admin, "ada");
    let mut job = server.job;
    let config = folder.path().join("h.toml").to_str().unwrap().to_owned();
    let backup = folder.path().join("backup.jsonl").to_str().unwrap().to_owned();
    let run = |arguments: &[&str], url: Option<&str>| {
        let mut command = highwater(arguments);
        command.env_remove("HIGHWATER_STATE__PATH");
        url.map(|url| command.env("HIGHWATER_METADATA__URL", url));
        common::outcome(&mut command)
    };
    // while the job runs
    let (code, told, errors) = run(&["backup", "--config", &config, "--to", &backup], None);
    assert_eq!(code, 0, "{errors}");
    assert!(told.contains("rows are in"), "{told}");
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
    let other = format!("sqlite:{}", folder.path().join("other.db").display());
    let (code, _, errors) = run(&["restore", "--config", &config, "--from", &backup], Some(&other));
    assert_eq!(code, 0, "{errors}");
    let (code, _, errors) = run(&["restore", "--config", &config, "--from", &backup], Some(&other));
    assert!(code == 1 && errors.contains("not empty") && errors.contains("--replace"), "{errors}");
    let mut command = highwater(&["run", "--config", &config, "--listen", "127.0.0.1:0"]);
    command.env_remove("HIGHWATER_STATE__PATH").env("HIGHWATER_METADATA__URL", &other);
    let mut job = Running::start(command);
    let address = job.address();
    let server = Server { job, address, password: String::new() };
    server.login("ada", "adas own password");
    let mut job = server.job;
    job.signal("TERM");
    assert_eq!(job.end(), Some(0));
}
