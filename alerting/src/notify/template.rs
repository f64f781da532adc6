//! The words of a notice: a title and a text, by templates that a rule may bring.
//!
//! [`NotifyOptions::title`](super::NotifyOptions::title) says what a template sees. Statements that are not named there are
//! refused, and so is whatever takes too long.

use std::{collections::BTreeMap, io};

use highwater_engine::{Name, Timestamp};
use highwater_operators::Severity;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, filters};
use serde::Serialize;

use super::{Notice, NoticeAlert, Standing};

/// Most bytes of a template and of what comes out; most steps that it may take.
const MAX_TEMPLATE: usize = 4_000;
const MAX_TITLE: usize = 250;
const MAX_TEXT: usize = 16_000;
const FUEL: u64 = 50_000;

const TITLE: &str = "[{{ status|upper }}{% if firing %}:{{ firing }}{% endif %}] {{ title_labels }}";
const TEXT: &str = "{% for alert in alerts %}{{ alert.status|upper }} {{ alert.severity }} {{ alert.labels.alertname }}\
    {% if alert.labels.service %} of {{ alert.labels.service }}{% endif %}: {{ alert.annotations.description }}\
    {% if alert.annotations.value %} (value {{ alert.annotations.value }}){% endif %}\
    , since {{ alert.starts_at }}{% if alert.ends_at %} until {{ alert.ends_at }}{% endif %}\
    {% if alert.flapping %}; flapping: {{ alert.annotations.flapping }}{% endif %}\n{% endfor %}";

/// What a template sees.
#[derive(Serialize)]
struct View<'a> {
    /// `firing` or `resolved`
    status: &'static str,
    /// how many fire, and how many are over
    firing: usize,
    resolved: usize,
    severity: Severity,
    is_repeated: bool,
    group_labels: &'a BTreeMap<String, String>,
    common_labels: BTreeMap<String, String>,
    /// values of the group's labels, separated by spaces
    title_labels: String,
    /// at most [`MOST_ALERTS`]; `more` says how many are left out
    alerts: Vec<AlertView<'a>>,
    more: usize,
}

const MOST_ALERTS: usize = 100;

#[derive(Serialize)]
struct AlertView<'a> {
    /// `firing`, `no_data`, `acknowledged` or `resolved`
    status: Standing,
    severity: Severity,
    id: &'a Name,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    flapping: Option<u32>,
}

/// A notice in words.
pub(crate) struct Texts {
    /// One line.
    pub(crate) title: String,
    /// Several.
    pub(crate) text: String,
    /// The text with `<`, `&` and quotes of what comes from logs escaped.
    pub(crate) html: String,
}

impl Texts {
    /// A notice in the words of its templates. One that fails, though it was tried when it was made, gives way to ours.
    pub(crate) fn of(notice: &Notice) -> Texts {
        let view = View::of(notice);
        let render = |own: Option<&String>, default, most, escape| {
            let own = own.and_then(|own| render(own, &view, most, escape).ok());
            own.or_else(|| render(default, &view, most, escape).ok()).unwrap_or_default()
        };
        let title = render(notice.title.as_ref(), TITLE, MAX_TITLE, AutoEscape::None);
        let title: String = title.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let text = render(notice.text.as_ref(), TEXT, MAX_TEXT, AutoEscape::None);
        let html = render(notice.text.as_ref(), TEXT, MAX_TEXT, AutoEscape::Html);
        Texts { title: title.trim().to_owned(), text, html }
    }
}

/// Tries a template on an example.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(template: &str) -> Result<(), String> {
    if template.len() > MAX_TEMPLATE {
        return Err(format!("must have {MAX_TEMPLATE} bytes at most"));
    }
    if let Some(refused) = statements(template).find(|name| !STATEMENTS.contains(name)) {
        return Err(format!("the statement {refused:?} is not allowed; these are: {}", STATEMENTS.join(", ")));
    }
    let example = Notice::example();
    render(template, &View::of(&example), MAX_TEXT, AutoEscape::Html).map(drop)
}

const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];

/// The first words of statements. What can assign could grow without bounds within few steps.
fn statements(template: &str) -> impl Iterator<Item = &str> {
    let word = |rest: &str| rest.trim_start_matches(['-', '+']).trim_start().len();
    template.match_indices("{%").map(move |(at, mark)| {
        let rest = &template[at + mark.len()..];
        let rest = &rest[rest.len() - word(rest)..];
        &rest[..rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len())]
    })
}

fn render(template: &str, view: &View<'_>, most: usize, escape: AutoEscape) -> Result<String, String> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(move |_| escape);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("length", filters::length);
    environment.add_filter("default", filters::default);
    environment.add_filter("round", filters::round);
    let said = |error: minijinja::Error| error.to_string().chars().take(200).collect::<String>();
    let template = environment.template_from_named_str("template", template).map_err(said)?;
    let mut out = Bounded { bytes: Vec::new(), most };
    let rendered = template.render_captured_to(view, &mut out).map(drop);
    let is_full = out.bytes.len() == most;
    match rendered {
        Err(error) if !is_full => Err(said(error)),
        _ => {
            let text = String::from_utf8_lossy(&out.bytes);
            Ok(text.trim_end_matches('\u{fffd}').to_owned())
        }
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.most - self.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = room.min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> View<'a> {
    fn of(notice: &'a Notice) -> Self {
        let firing = notice.alerts.iter().filter(|alert| alert.standing.is_open()).count();
        let labels: Vec<&str> = notice.group_labels.values().map(String::as_str).collect();
        View {
            status: if notice.is_firing() { "firing" } else { "resolved" },
            firing,
            resolved: notice.alerts.len() - firing,
            severity: notice.severity(),
            is_repeated: notice.is_repeated,
            group_labels: &notice.group_labels,
            common_labels: notice.common(|alert| &alert.labels),
            title_labels: labels.join(" "),
            alerts: notice.alerts.iter().take(MOST_ALERTS).map(AlertView::of).collect(),
            more: notice.alerts.len().saturating_sub(MOST_ALERTS),
        }
    }
}

impl<'a> AlertView<'a> {
    fn of(alert: &'a NoticeAlert) -> Self {
        AlertView {
            status: alert.standing,
            severity: alert.severity,
            id: &alert.alert_id,
            labels: &alert.labels,
            annotations: &alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            flapping: alert.flapping,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_notice() {
        let texts = Texts::of(&Notice::example());
        assert_eq!(texts.title, "[FIRING:1] test notice");
        assert!(texts.text.starts_with("FIRING low test notice of highwater: "), "{}", texts.text);
    }

    #[test]
    fn what_comes_from_logs_is_escaped_in_html_only() {
        let mut notice = Notice::example();
        notice.alerts[0].labels.insert("service".into(), "<script>&\"x\"".into());
        notice.text = Some("{{ alerts[0].labels.service }}".into());
        let texts = Texts::of(&notice);
        assert_eq!(texts.text, "<script>&\"x\"");
        assert!(!texts.html.contains('<'), "{}", texts.html);
    }

    #[test]
    fn a_title_is_one_line() {
        let mut notice = Notice::example();
        notice.title = Some("a\r\nBcc: everybody@example.com".into());
        assert_eq!(Texts::of(&notice).title, "a  Bcc: everybody@example.com");
    }

    #[test]
    fn hostile_templates_are_bounded_or_refused() {
        for template in [
            "{% set x = 1 %}",
            "{%- set x = 1 %}",
            "{% macro a() %}{% endmacro %}",
            "{% with x = 1 %}{% endwith %}",
            "{{ unknown_function() }}",
            "{{ x",
            "{% for a in alerts %}",
            "{{ 1|nothing }}",
            &"x".repeat(5_000),
            // twelve levels of a hundred each
            &format!("{}x{}", "{% for a in [1,2,3,4,5,6,7,8,9,10] %}".repeat(12), "{% endfor %}".repeat(12)),
        ] {
            let shown: String = template.chars().take(60).collect();
            let is_bounded = check(template).is_err() || {
                let notice = Notice { text: Some(template.to_owned()), ..Notice::example() };
                Texts::of(&notice).text.len() <= MAX_TEXT
            };
            assert!(is_bounded, "{shown}");
        }
        assert!(check("{% set x = 1 %}").is_err());
        assert!(check("{{ x").is_err());
        check("{% for alert in alerts %}{{ alert.labels.nothing.at_all }}{% endfor %}").unwrap();
        let long = Notice { text: Some("{{ 'x' * 100000 }}".to_owned()), ..Notice::example() };
        assert!(Texts::of(&long).text.len() <= MAX_TEXT);
    }
}
