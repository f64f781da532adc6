//! `[metadata]` and `[accounts]`: where what people make is kept, and who has to say who they are.

use std::time::Duration;

use highwater_accounts::AccountSettings;
use highwater_engine::{days, minutes};
use highwater_metadata::{DatabaseUrl, KeySource, Vault};

use super::{
    tree::{Node, Section},
    values::{choice, duration, text},
};

/// When a login is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Login {
    /// Where others than who is on this machine may ask.
    #[default]
    Auto,
    /// Of everybody.
    Always,
    /// Of nobody.
    Never,
}

/// `[accounts]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accounts {
    pub(crate) login: Login,
    /// Whether everybody may make an account for themselves.
    pub(crate) open_registration: bool,
    pub(crate) settings: AccountSettings,
}

/// `[metadata]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    /// Where what people make is kept; `None` for in the state's folder.
    pub(crate) url: Option<DatabaseUrl>,
    /// What its secrets are sealed by; `None` for a file beside it.
    pub(crate) keys: Option<KeySource>,
}

pub(super) fn read_metadata(mut section: Section<'_>) -> Metadata {
    let url = section.get_secret("url", url);
    let key = section.get_secret("key", keys);
    let file = section.get("key_file", text).map(|path| KeySource::File(path.into()));
    if key.is_some() && file.is_some() {
        section.complain("key and key_file: one of them is enough");
    }
    section.finish();
    Metadata { url, keys: key.or(file) }
}

/// Keys are looked at here, so that `highwater check` finds what is wrong with them.
fn keys(node: &Node) -> Result<KeySource, String> {
    let allowed = "a key of 64 hexadecimal digits, as `openssl rand -hex 32` prints; or several, by commas apart";
    let vault = text(node).ok().and_then(|text| Vault::read(&text, "[metadata] key").ok());
    vault.map(KeySource::Given).ok_or_else(|| allowed.to_owned())
}

/// What is wrong never repeats the address: it may have a password in it.
fn url(node: &Node) -> Result<DatabaseUrl, String> {
    let allowed = "an address, \"sqlite:PATH\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"";
    let text = text(node).map_err(|_| allowed.to_owned())?;
    text.parse().map_err(|error: highwater_metadata::UrlError| format!("{allowed}: {error}"))
}

pub(super) fn read_accounts(mut section: Section<'_>) -> Accounts {
    let mut accounts = Accounts::default();
    let logins = [("auto", Login::Auto), ("always", Login::Always), ("never", Login::Never)];
    section.set("login", &mut accounts.login, choice(&logins));
    section.set("registration", &mut accounts.open_registration, choice(&[("closed", false), ("open", true)]));
    section.set("session", &mut accounts.settings.session, duration(minutes(1)..=days(30)));
    let longest = &mut accounts.settings.longest_session;
    section.set("longest_session", longest, duration(minutes(1)..=days(365)));
    section.set("key_life", &mut accounts.settings.key_life, duration(Duration::from_secs(3600)..=days(3660)));
    section.finish();
    accounts
}
