//! Certificates are checked, of HTTP and of mail servers, and mail arrives at a real SMTP server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use common::{
    http::{HttpReceiver, free_port, wait_for},
    open, runtime, settings,
};
use highwater_alerting::{Alerting, AlertingSettings, ChannelConfig, ChannelKind, SendError, TestError};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

/// A certificate of a host by an authority of its own: the authority's, the host's, and the host's key, as PEM files.
fn certificates(folder: &Path, host: &str) {
    let script = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca &&
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout host.key -out host.csr -subj /CN={host} &&
         printf 'subjectAltName=DNS:{host}' > ext &&
         openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out host.pem"
    );
    let made = Command::new("bash").args(["-c", &script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn trusting(folder: Option<&TempDir>) -> AlertingSettings {
    let mut settings = settings();
    settings.outbound.trusted_roots =
        folder.map(|folder| std::fs::read_to_string(folder.path().join("ca.pem")).unwrap());
    settings
}

fn alerting(settings: AlertingSettings) -> (Alerting, TempDir) {
    let folder = tempdir().unwrap();
    let runtime = runtime();
    let alerting = runtime.block_on(open(folder.path(), settings));
    // a test notice needs no database
    drop(runtime);
    (alerting, folder)
}

fn send(settings: AlertingSettings, kind: ChannelKind, config: Value) -> Result<(), SendError> {
    let (alerting, _folder) = alerting(settings);
    match alerting.send_test(kind, &ChannelConfig::new(config)) {
        Ok(()) => Ok(()),
        Err(TestError::Send(error)) => Err(error),
        Err(TestError::Config(problem)) => panic!("{problem}"),
    }
}

#[test]
fn a_webhook_is_sent_only_to_whom_the_certificate_names() {
    let (right, wrong) = (tempdir().unwrap(), tempdir().unwrap());
    certificates(right.path(), "localhost");
    certificates(wrong.path(), "elsewhere.example");
    let serve = |folder: &TempDir| {
        let chain = CertificateDer::from_pem_file(folder.path().join("host.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.path().join("host.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        HttpReceiver::start_tls(builder.with_no_client_auth().with_single_cert(vec![chain], key).unwrap())
    };
    let post = |trusted: Option<&TempDir>, receiver: &HttpReceiver| {
        let url = format!("https://localhost:{}/", receiver.address.port());
        send(trusting(trusted), ChannelKind::Webhook, json!({ "url": url }))
    };
    let receiver = serve(&right);
    post(Some(&right), &receiver).unwrap();
    assert_eq!(receiver.next().json()["status"], "firing");
    let error = post(None, &receiver).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    let error = post(Some(&wrong), &serve(&wrong)).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    assert!(receiver.so_far().is_empty());
}

/// A server of Python's aiosmtpd: it offers STARTTLS, asks for a password, and says each mail as a line of JSON.
const SERVER: &str = r#"
import json, ssl, sys
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
folder, port = sys.argv[1], int(sys.argv[2])
class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": envelope.content.decode()}
        print(json.dumps(mail), flush=True)
        return "250 OK"
def check(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"highwater", b"hunter2"), handled=False)
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(folder + "/host.pem", folder + "/host.key")
controller = Controller(Handler(), hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=True,
                        authenticator=check, auth_required=True)
controller.start()
sys.stdin.read()
"#;

struct MailServer {
    child: Child,
    mails: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl MailServer {
    /// None where the package is missing.
    fn start(folder: &Path) -> Option<MailServer> {
        let python = "/usr/bin/python3";
        let is_there = Command::new(python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !is_there.is_ok_and(|status| status.success()) {
            return None;
        }
        let port = free_port();
        let mut command = Command::new(python);
        command.args(["-W", "ignore", "-c", SERVER]).arg(folder).arg(port.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mails = BufReader::new(child.stdout.take().unwrap());
        wait_for(([127, 0, 0, 1], port).into());
        Some(MailServer { child, mails, port })
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.mails.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.stdin.take().map(|mut stdin| stdin.flush());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn mail_arrives_encrypted_and_with_a_password() {
    let (folder, other) = (tempdir().unwrap(), tempdir().unwrap());
    certificates(folder.path(), "localhost");
    certificates(other.path(), "localhost");
    let Some(mut server) = MailServer::start(folder.path()) else {
        println!("SKIPPED: mail_arrives_encrypted_and_with_a_password: python3-aiosmtpd is not installed");
        return;
    };
    let port = server.port;
    let config = |password: &str| {
        json!({
            "host": "localhost", "port": port, "username": "highwater", "password": password,
            "from": "Highwater <alerts@a.example>", "to": ["kim@a.example", "Sam <sam@a.example>"],
        })
    };
    send(trusting(Some(&folder)), ChannelKind::Email, config("hunter2")).unwrap();
    let mail = server.next();
    assert_eq!((&mail["from"], &mail["to"]), (&json!("alerts@a.example"), &json!(["kim@a.example", "sam@a.example"])));
    let text = mail["text"].as_str().unwrap();
    for part in [
        "Subject: [FIRING:1] test notice",
        "Auto-Submitted: auto-generated",
        "text/plain",
        "text/html",
        "Message-ID: <",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains("hunter2"));
    let refused = send(trusting(Some(&folder)), ChannelKind::Email, config("wrong")).unwrap_err();
    assert!(matches!(&refused, SendError::Never(what) if what.contains("535")), "{refused:?}");
    for trusted in [None, Some(&other)] {
        let error = send(trusting(trusted), ChannelKind::Email, config("hunter2")).unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    let mut plain = config("hunter2");
    for (field, value) in [("security", json!("none")), ("username", Value::Null), ("password", Value::Null)] {
        plain[field] = value;
    }
    assert!(
        matches!(send(trusting(None), ChannelKind::Email, plain), Err(SendError::Never(_))),
        "it asks for STARTTLS"
    );
}
