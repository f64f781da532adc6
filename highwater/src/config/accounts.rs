//! `[metadata]` and `[accounts]`: where what people make is kept, and who has to say who they are.

use std::time::Duration;

use highwater_accounts::AccountSettings;
use highwater_engine::{days, minutes};
use highwater_metadata::DatabaseUrl;

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

pub(super) fn read_metadata(mut section: Section<'_>) -> Option<DatabaseUrl> {
    let url = section.get("url", url);
    section.finish();
    url
}

/// What is wrong never repeats the address: it may have a password in it.
fn url(node: &Node) -> Result<DatabaseUrl, String> {
    let text = text(node)
        .map_err(|_| "an address: \"sqlite:PATH\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"".to_owned())?;
    text.parse().map_err(|error: highwater_metadata::UrlError| error.to_string())
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
