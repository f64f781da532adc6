//! The views that other parts of the house count on: their names, and the types of their rows. A query that publishes
//! under such a name, with these types, feeds what stands on it (the metrics API, the dashboard, the topics).

/// Levels and latencies per service in windows of 10 seconds: `Windowed<Name>` → [`ServiceStats`](crate::ServiceStats).
pub const SERVICE_STATS_10S: &str = "service_stats_10s";
/// The same per minute, kept for a day.
pub const SERVICE_STATS_1M: &str = "service_stats_1m";
/// The same per hour, kept for 30 days.
pub const SERVICE_STATS_1H: &str = "service_stats_1h";
/// Error messages by template per service and minute: `Windowed<(Name, Name)>`, service and template, →
/// [`Messages`](crate::Messages).
pub const TOP_ERRORS: &str = "top_errors";
/// Patterns of messages by service and id: `Plain<(Name, TemplateId)>` → [`Pattern`](crate::Pattern).
pub const PATTERNS: &str = "patterns";
/// The id of each template's pattern, by service and the template's id: `Plain<(Name, TemplateId)>` →
/// [`TemplateId`](crate::TemplateId).
pub const TEMPLATES: &str = "templates";
/// Messages by service and template per minute: `Windowed<(Name, TemplateId)>` →
/// [`Occurrences`](crate::Occurrences).
pub const TEMPLATE_COUNTS_1M: &str = "template_counts_1m";
/// The same in windows of ten minutes, kept for a day.
pub const TEMPLATE_COUNTS_10M: &str = "template_counts_10m";
/// Anomalies by their id: `Plain<Name>` → [`Anomaly`](crate::Anomaly).
pub const ANOMALIES: &str = "anomalies";
/// Incidents by their id: `Plain<Name>` → [`IncidentRecord`](crate::IncidentRecord).
pub const INCIDENTS: &str = "incidents";
/// Alerts by their id: `Plain<Name>` → [`Alert`](crate::Alert).
pub const ALERTS: &str = "alerts";
/// Alerts that do not fire yet, by their id: `Plain<Name>` → [`Alert`](crate::Alert).
pub const PENDING_ALERTS: &str = "pending_alerts";
/// Calls between services per minute, among a share of all traces: `Windowed<(Name, Name)>`, caller and callee, →
/// [`EdgeStats`](crate::EdgeStats).
pub const SERVICE_GRAPH: &str = "service_graph";
