//! [`NotifyOptions`]: how a rule's alerts become notices.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check_template;
use crate::{
    duration,
    duration::{DurationText, show},
    problem::Problem,
    rule::is_label_name,
};

/// How alerts become notices: those of one receiver, equal options and equal labels `group_by` go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyOptions {
    /// Labels by which alerts are grouped; each alert by itself with `["..."]`.
    pub group_by: Vec<String>,
    /// How long a new group waits for more of its kind.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText")]
    pub group_wait: Duration,
    /// The time between two notices of a group.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText")]
    pub group_interval: Duration,
    /// After how long a notice is repeated while something fires that nobody has acknowledged.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText")]
    pub repeat_interval: Duration,
    /// Whether a notice says that it is over.
    pub send_resolved: bool,
    /// An alert that begins or ends this often within `flap_window` flaps: it is told of once per `flap_window`.
    pub flap_threshold: u32,
    /// The time over which flapping is counted.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText")]
    pub flap_window: Duration,
    /// A template of the notice's title, where the default will not do. Jinja: `{{ field }}`, `{% if %}`, `{% for %}`; filters
    /// `upper`, `lower`, `length`, `default` and `round`. Fields: `status` (`firing` or `resolved`), `firing` and `resolved`
    /// (how many), `severity`, `is_repeated`, `group_labels`, `common_labels`, `title_labels` (values of the group's labels),
    /// `alerts` (100 at most), `more` (how many alerts are left out). Of each alert: `status`, `severity`, `id`, `labels`,
    /// `annotations` (`description`, `value`, `peak`, `acknowledged_by`, `flapping`), `starts_at`, `ends_at`, `flapping`.
    pub title: Option<String>,
    /// A template of the notice's text, of the same fields. In HTML, what is filled in is escaped.
    pub text: Option<String>,
}

impl Default for NotifyOptions {
    fn default() -> Self {
        NotifyOptions {
            group_by: vec!["alertname".to_owned()],
            group_wait: Duration::from_secs(30),
            group_interval: Duration::from_secs(300),
            repeat_interval: Duration::from_secs(4 * 3_600),
            send_resolved: true,
            flap_threshold: 6,
            flap_window: Duration::from_secs(3_600),
            title: None,
            text: None,
        }
    }
}

/// Grouping by all labels, as Alertmanager spells it.
const EACH: &str = "...";

impl NotifyOptions {
    /// Whether a group holds one alert only.
    pub(crate) fn is_each_by_itself(&self) -> bool {
        self.group_by.iter().any(|label| label == EACH)
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.group_by.len() > 16 {
            problems.push(Problem::new("group_by", "must be 16 labels at most"));
        }
        for (index, label) in self.group_by.iter().enumerate() {
            if label != EACH && !is_label_name(label) {
                problems.push(Problem::new(format!("group_by[{index}]"), "is no label's name"));
            }
        }
        for (field, length, least, most) in [
            ("group_wait", self.group_wait, 0, 3_600),
            ("group_interval", self.group_interval, 1, 86_400),
            ("repeat_interval", self.repeat_interval, 60, 30 * 86_400),
            ("flap_window", self.flap_window, 60, 86_400),
        ] {
            let (least, most) = (Duration::from_secs(least), Duration::from_secs(most));
            if length < least || length > most {
                problems.push(Problem::new(field, format!("must be from {} to {}", show(least), show(most))));
            }
        }
        if !(2..=100).contains(&self.flap_threshold) {
            problems.push(Problem::new("flap_threshold", "must be from 2 to 100"));
        }
        for (field, template) in [("title", &self.title), ("text", &self.text)] {
            if let Some(Err(what)) = template.as_deref().map(check_template) {
                problems.push(Problem::new(field, what));
            }
        }
        problems
    }
}
