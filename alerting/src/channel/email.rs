//! E-mail by SMTP: plain text and HTML.

use std::net::SocketAddr;

use lettre::{
    Message, SmtpTransport, Transport,
    message::{Mailbox, MultiPart, header},
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use serde::Deserialize;

use crate::{
    guard::GuardError,
    notify::{Notice, Texts},
    outbound::{Outbound, SendError, is_about_tls},
    problem::Problem,
    secret::Secret,
};

const MOST_RECIPIENTS: usize = 50;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Email {
    host: String,
    #[serde(default = "submission")]
    port: u16,
    #[serde(default)]
    security: Security,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<Secret>,
    from: String,
    to: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Security {
    /// Encrypted from the first byte on, mostly port 465.
    Tls,
    /// Encrypted before anything is said, mostly port 587.
    #[default]
    Starttls,
    /// In the clear: inside a machine or a network only.
    None,
}

fn submission() -> u16 {
    587
}

impl Email {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let is_host = !self.host.is_empty()
            && self.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
        if !is_host {
            return Err(Problem::new("host", "is no name of a host"));
        }
        if self.username.is_some() != self.password.is_some() {
            return Err(Problem::new("username", "goes together with password"));
        }
        if self.security == Security::None && self.password.is_some() {
            return Err(Problem::new("security", "must be starttls or tls where there is a password"));
        }
        mailbox("from", &self.from)?;
        if self.to.is_empty() || self.to.len() > MOST_RECIPIENTS {
            return Err(Problem::new("to", format!("must be 1 to {MOST_RECIPIENTS} addresses")));
        }
        self.to.iter().enumerate().try_for_each(|(index, to)| mailbox(&format!("to[{index}]"), to).map(drop))
    }

    pub(super) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        let message = self.message(notice).map_err(|problem| SendError::Never(problem.to_string()))?;
        let addresses =
            out.guard.resolve(&self.host, self.port, out.settings.timeout).map_err(|error| match error {
                GuardError::Refused(_) => SendError::Never(error.to_string()),
                _ => SendError::again(error.to_string()),
            })?;
        let mut last = SendError::again(GuardError::NotFound.to_string());
        for address in addresses {
            match self.transport(address, out)?.send(&message) {
                Ok(_) => return Ok(()),
                Err(error) => last = failure(&error),
            }
            if matches!(last, SendError::Never(_)) {
                break;
            }
        }
        Err(last)
    }

    /// Connects to the address that was judged; the certificate must be the host's all the same.
    fn transport(&self, address: SocketAddr, out: &Outbound) -> Result<SmtpTransport, SendError> {
        let tls = match self.security {
            Security::None => Tls::None,
            Security::Starttls => Tls::Required(self.tls(out)?),
            Security::Tls => Tls::Wrapper(self.tls(out)?),
        };
        let mut builder = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .timeout(Some(out.settings.timeout))
            .tls(tls);
        if let (Some(username), Some(password)) = (&self.username, &self.password) {
            builder = builder.credentials(Credentials::new(username.clone(), password.reveal().to_owned()));
        }
        Ok(builder.build())
    }

    fn tls(&self, out: &Outbound) -> Result<TlsParameters, SendError> {
        let wrong = |_| SendError::Never("no encrypted connection can be made to this host".to_owned());
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &out.settings.trusted_roots {
            let root = Certificate::from_pem(pem.as_bytes()).map_err(wrong)?;
            builder = builder.certificate_store(CertificateStore::None).add_root_certificate(root);
        }
        builder.build().map_err(wrong)
    }

    fn message(&self, notice: &Notice) -> Result<Message, Problem> {
        let texts = Texts::of(notice);
        let mut builder = Message::builder()
            .from(mailbox("from", &self.from)?)
            .subject(texts.title)
            // whoever keeps them by id keeps a notice that comes twice once
            .message_id(Some(format!("<{}@highwater>", notice.id)))
            .header(AutoSubmitted);
        for to in &self.to {
            builder = builder.to(mailbox("to", to)?);
        }
        let html = format!("<pre style=\"font-family: inherit; white-space: pre-wrap\">{}</pre>", texts.html);
        let parts = MultiPart::alternative_plain_html(texts.text, html);
        builder.multipart(parts).map_err(|_| Problem::new("to", "no message can be made for these addresses"))
    }
}

fn mailbox(field: &str, text: &str) -> Result<Mailbox, Problem> {
    text.parse().map_err(|_| Problem::new(field, "is no e-mail address"))
}

/// `Auto-Submitted: auto-generated`: keeps those who are away from answering.
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Why it did not arrive, by the server's code alone: its words may repeat ours.
fn failure(error: &Error) -> SendError {
    let code = error.status().map(|code| code.to_string());
    match code {
        Some(code) if error.is_permanent() => SendError::Never(format!("the mail server refuses: {code}")),
        Some(code) => SendError::again(format!("the mail server answers {code}")),
        None if error.is_timeout() => SendError::again("the mail server does not answer in time"),
        None if error.is_tls() || is_about_tls(error) => {
            SendError::again("the mail server's certificate is not trusted, or it offers no encryption")
        }
        None if error.is_client() => {
            SendError::Never("the mail server takes no password in a way that is known".into())
        }
        None => SendError::again("the mail server cannot be reached"),
    }
}
