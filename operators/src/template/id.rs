//! [`TemplateId`]: a template or pattern as a key.

use std::{fmt, str::FromStr};

use highwater_engine::{Key, Log};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{head, shapes::Shapes, template_id};
use crate::stable_hash;

/// What a template or pattern is known by: the hash of its text. Shown as 16 hexadecimal digits.
///
/// ```
/// use highwater_operators::{TemplateId, template_id};
/// let id = TemplateId::of_message("order 4711 failed");
/// assert_eq!(id, TemplateId::of_text("order <num> failed"));
/// assert_eq!(id.to_string(), format!("{:016x}", template_id("order 12 failed")));
/// assert_eq!(id.to_string().parse(), Ok(id));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateId(u64);

impl TemplateId {
    /// Stands for all templates beyond the bound on keys.
    pub const OTHER: TemplateId = TemplateId(0);

    /// That of a template or pattern with this text.
    pub fn of_text(text: &str) -> Self {
        TemplateId(stable_hash(text.as_bytes()))
    }

    /// That of a message's template.
    pub fn of_message(message: &str) -> Self {
        TemplateId(template_id(message))
    }

    /// A way to group logs by the template of their message, each shape of messages masked once.
    pub fn of_log() -> impl Fn(&Log<'_>) -> TemplateId + Clone + 'static {
        let shapes = std::rc::Rc::new(std::cell::RefCell::new(Shapes::default()));
        move |log| shapes.borrow_mut().of(head(log.message()), TemplateId::of_message)
    }
}

impl Key for TemplateId {
    fn folded(&self) -> Self {
        TemplateId::OTHER
    }
}

impl fmt::Display for TemplateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Text that is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 16 hexadecimal digits")]
pub struct ParseTemplateIdError;

impl FromStr for TemplateId {
    type Err = ParseTemplateIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_id.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        id.map(TemplateId).ok_or(ParseTemplateIdError)
    }
}

impl Serialize for TemplateId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for TemplateId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(TemplateId)
        }
    }
}

impl JsonSchema for TemplateId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TemplateId".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
    }
}
