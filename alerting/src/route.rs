//! [`Receiver`]: whom alerts are told to whose rule names nobody. [`Route`]: the way to whoever is told.

use highwater_engine::Name;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    channel::{Channel, ChannelKind},
    notify::{NotifyOptions, Tells},
    problem,
    problem::Problem,
    rule::Rule,
    secret::ChannelConfig,
    secrets::Secrets,
};

/// Whom alerts are told to that no rule's own channel takes: those of rules without one, and those that queries have
/// built in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Where notices go.
    pub channel: ChannelKind,
    /// How they get there, as the channel has it.
    #[serde(default)]
    pub config: ChannelConfig,
    /// How alerts become notices.
    #[serde(default)]
    pub notification: NotifyOptions,
}

impl Receiver {
    /// The server's own log.
    pub fn console() -> Receiver {
        Receiver {
            channel: ChannelKind::Console,
            config: ChannelConfig::default(),
            notification: NotifyOptions::default(),
        }
    }

    /// Reads a receiver from JSON. Nothing that is wrong repeats a value.
    ///
    /// # Errors
    /// What is wrong with which field, all of it.
    pub fn read(json: &Value) -> Result<Receiver, Vec<Problem>> {
        let receiver: Receiver = problem::read(json).map_err(|problem| vec![problem])?;
        let channel = Channel::read(receiver.channel, &receiver.config).err();
        let mut problems: Vec<Problem> = channel.map(|problem| problem.inside("config")).into_iter().collect();
        let options = receiver.notification.problems();
        problems.extend(options.into_iter().map(|problem| problem.inside("notification")));
        if problems.is_empty() { Ok(receiver) } else { Err(problems) }
    }

    /// The channel and where it leads, without its secrets.
    pub fn shown(&self) -> String {
        let channel = self.channel.as_str();
        let config = self.config.masked();
        let whom = ["url", "to", "host"].into_iter().find_map(|field| config.get(field));
        match whom {
            Some(Value::String(whom)) => format!("{channel} {whom}"),
            Some(whom) => format!("{channel} {whom}"),
            None => channel.to_owned(),
        }
    }
}

/// Whom alerts are told to, and how.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) receiver: Name,
    pub(crate) channel: ChannelKind,
    pub(crate) config: ChannelConfig,
    pub(crate) options: NotifyOptions,
    pub(crate) tells: Tells,
}

impl Route {
    /// The way to a receiver of the configuration.
    pub(crate) fn to(receiver: &Receiver, secrets: &Secrets) -> Result<Route, Problem> {
        Route::by(receiver.channel, &receiver.config, &receiver.notification, secrets)
    }

    /// The way that a rule's own channel is; none where it has none, or one that cannot be read.
    pub(crate) fn of(rule: &Rule, secrets: &Secrets) -> Option<Route> {
        let draft = &rule.draft;
        let route = Route::by(draft.notification_channel?, &draft.notification_config, &draft.notification, secrets);
        let unreadable = |problem: &Problem| {
            tracing::error!(rule = %rule.id, %problem, "this rule's alerts are told as if it had no channel: it cannot be read");
        };
        route.inspect_err(unreadable).ok()
    }

    fn by(
        kind: ChannelKind,
        config: &ChannelConfig,
        options: &NotifyOptions,
        secrets: &Secrets,
    ) -> Result<Route, Problem> {
        let channel = Channel::read(kind, config)?;
        let (receiver, config) = (secrets.receiver_id(kind, config), config.clone());
        Ok(Route { receiver, channel: kind, config, options: channel.options(options), tells: channel.tells() })
    }
}
