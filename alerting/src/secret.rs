//! [`Secret`]: what is written and never shown, and configuration that holds some.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// What stands for a secret in every answer. Given back, it means: the one that is stored.
pub(crate) const HIDDEN: &str = "<secret>";

/// Fields of a channel's configuration that are secret as a whole.
const SECRET_FIELDS: [&str; 3] = ["password", "secret", "routing_key"];

/// A text that neither `Debug` nor JSON shows.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// This text, as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for whoever it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(HIDDEN)
    }
}

/// A channel's configuration as somebody gave it. It is stored sealed, and shown without its secrets: passwords, keys,
/// values of headers, and all of a URL but its origin.
#[derive(Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ChannelConfig(pub(crate) Value);

impl ChannelConfig {
    /// Configuration as JSON has it.
    pub fn new(json: Value) -> Self {
        ChannelConfig(json)
    }

    /// Without its secrets.
    pub fn masked(&self) -> Value {
        let Value::Object(fields) = &self.0 else { return Value::Null };
        fields.iter().map(|(name, value)| (name.clone(), masked(name, value))).collect()
    }

    /// This configuration with the secrets of `stored` where it says [`HIDDEN`]. Only a receiver that had a secret
    /// before gets it again: where this one leads elsewhere, nothing is taken over.
    pub(crate) fn with_secrets_of(self, stored: &ChannelConfig) -> Self {
        if destination(&self.0) != destination(&stored.0) {
            return self;
        }
        ChannelConfig(filled_in(self.0, &stored.0))
    }

    /// Whether a secret is still to be given.
    pub(crate) fn lacks_a_secret(&self) -> bool {
        has_hidden(&self.0)
    }
}

impl fmt::Debug for ChannelConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.masked())
    }
}

impl Serialize for ChannelConfig {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.masked().serialize(to)
    }
}

fn masked(name: &str, value: &Value) -> Value {
    match value {
        Value::String(_) if SECRET_FIELDS.contains(&name) => HIDDEN.into(),
        Value::String(url) if name == "url" => masked_url(url).into(),
        Value::Object(headers) if name == "headers" => {
            headers.keys().map(|header| (header.clone(), Value::from(HIDDEN))).collect()
        }
        value => value.clone(),
    }
}

/// The origin of a URL, and that there is more, where there is.
pub(crate) fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(ends);
    match (authority.rsplit_once('@'), path) {
        (None, "" | "/") => url.to_owned(),
        (Some((_, host)), _) => format!("{scheme}://{HIDDEN}@{host}/"),
        (None, _) => format!("{scheme}://{authority}/{HIDDEN}"),
    }
}

/// Where configuration leads: whom its secrets are for.
fn destination(config: &Value) -> (Option<String>, Option<&Value>, Option<&Value>) {
    let origin = config.get("url").and_then(Value::as_str).map(|url| {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let ends = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = rest[..ends].rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}")
    });
    (origin, config.get("host"), config.get("port"))
}

fn filled_in(given: Value, stored: &Value) -> Value {
    match (given, stored) {
        (Value::String(text), stored) if text.contains(HIDDEN) => stored.clone(),
        (Value::Object(fields), stored) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = filled_in(value, stored.get(&name).unwrap_or(&Value::Null));
                (name, value)
            })
            .collect(),
        (given, _) => given,
    }
}

fn has_hidden(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(HIDDEN),
        Value::Array(values) => values.iter().any(has_hidden),
        Value::Object(fields) => fields.values().any(has_hidden),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> ChannelConfig {
        ChannelConfig(json!({
            "url": "https://user:hunter2@hooks.example/services/hunter2?token=hunter2",
            "secret": "hunter2",
            "headers": { "Authorization": "Bearer hunter2" },
            "port": 587,
        }))
    }

    #[test]
    fn nothing_shows_a_secret() {
        let shown = format!("{:?} {}", config(), serde_json::to_string(&config()).unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("hooks.example"), "{shown}");
        assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
        assert_eq!(masked_url("https://a.example/"), "https://a.example/");
        assert_eq!(masked_url("https://a.example/x"), "https://a.example/<secret>");
    }

    #[test]
    fn what_was_shown_can_be_given_back() {
        let shown = ChannelConfig(config().masked());
        assert!(shown.lacks_a_secret());
        assert_eq!(shown.with_secrets_of(&config()), config());
    }

    #[test]
    fn a_secret_goes_nowhere_else() {
        let mut elsewhere = config().masked();
        elsewhere["url"] = json!("https://hooks.example.evil/<secret>");
        let taken = ChannelConfig(elsewhere).with_secrets_of(&config());
        assert!(!taken.0.to_string().contains("hunter2"));
        assert!(taken.lacks_a_secret());
    }
}
