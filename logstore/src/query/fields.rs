//! What fields are called, and what kind of value each has.

use super::Field;

/// Put before the name of an attribute that a field of every log has too: `attributes.id`.
pub(super) const ATTRIBUTES: &str = "attributes.";

/// What a field's values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Found by its words.
    FullText,
    /// Found as a whole or by how it starts.
    Name,
    /// Found as a whole.
    Id,
    Level,
    Latency,
    Time,
    Attribute,
}

impl Field {
    /// The field of this name.
    pub(super) fn named(name: &str) -> Field {
        match (known(name), name.strip_prefix(ATTRIBUTES)) {
            (Some(field), _) => field,
            (None, Some(rest)) if !rest.is_empty() => Field::Attribute(rest.to_owned()),
            _ => Field::Attribute(name.to_owned()),
        }
    }

    /// What it is called; the bare name of an attribute.
    pub(super) fn name(&self) -> &str {
        match self {
            Field::Message => "message",
            Field::Level => "level",
            Field::Service => "service",
            Field::Host => "host",
            Field::Id => "id",
            Field::TraceId => "trace_id",
            Field::SpanId => "span_id",
            Field::CorrelationId => "correlation_id",
            Field::TemplateId => "template_id",
            Field::Latency => "latency",
            Field::Timestamp => "timestamp",
            Field::Attribute(name) => name,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Field::Message => Kind::FullText,
            Field::Service | Field::Host => Kind::Name,
            Field::Id | Field::TraceId | Field::SpanId | Field::CorrelationId | Field::TemplateId => Kind::Id,
            Field::Level => Kind::Level,
            Field::Latency => Kind::Latency,
            Field::Timestamp => Kind::Time,
            Field::Attribute(_) => Kind::Attribute,
        }
    }
}

/// The field that every log has under this name.
pub(super) fn known(name: &str) -> Option<Field> {
    Some(match name {
        "message" | "msg" => Field::Message,
        "level" | "severity" => Field::Level,
        "service" => Field::Service,
        "host" => Field::Host,
        "id" => Field::Id,
        "trace_id" | "trace" => Field::TraceId,
        "span_id" => Field::SpanId,
        "correlation_id" => Field::CorrelationId,
        "template_id" | "template" => Field::TemplateId,
        "latency" | "latency_ms" => Field::Latency,
        "timestamp" | "time" | "@timestamp" => Field::Timestamp,
        _ => return None,
    })
}
