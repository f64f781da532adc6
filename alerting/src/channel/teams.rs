//! An adaptive card for a Workflows webhook of Microsoft Teams.

use highwater_operators::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

use super::webhook::link;
use crate::{
    notify::{Notice, Texts},
    outbound::{Outbound, SendError, check_url},
    problem::Problem,
    secret::Secret,
};

/// Most letters of a text: a card may have 28 KB.
const MOST_LETTERS: usize = 6_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Teams {
    url: Secret,
}

impl Teams {
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_url("url", self.url.reveal())
    }

    pub(super) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        let key = ("Idempotency-Key".to_owned(), notice.id.to_string());
        out.post(self.url.reveal(), &[key], &body(notice, &out.settings.external_url).to_string()).map(drop)
    }
}

fn body(notice: &Notice, external_url: &str) -> Value {
    let texts = Texts::of(notice);
    let text: String = texts.text.chars().take(MOST_LETTERS).collect();
    let facts: Vec<Value> =
        notice.group_labels.iter().map(|(name, value)| json!({ "title": name, "value": plain(value) })).collect();
    let actions: Vec<Value> = notice
        .alerts
        .first()
        .map(|alert| json!({ "type": "Action.OpenUrl", "title": "Open", "url": link(external_url, alert) }))
        .into_iter()
        .collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": [
            { "type": "TextBlock", "text": plain(&texts.title), "weight": "Bolder", "size": "Large", "color": colour(notice), "wrap": true },
            // a line of its own for each alert
            { "type": "TextBlock", "text": plain(&text).replace('\n', "\n\n"), "wrap": true },
            { "type": "FactSet", "facts": facts },
        ],
        "actions": actions,
    });
    json!({
        "type": "message",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card }],
    })
}

fn colour(notice: &Notice) -> &'static str {
    match (notice.is_firing(), notice.severity()) {
        (false, _) => "Good",
        (true, Severity::Critical | Severity::High) => "Attention",
        (true, Severity::Medium) => "Warning",
        (true, Severity::Low) => "Accent",
    }
}

/// What logs say must be no link, and no other markup: blocks of text are Markdown.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            matches!(letter, '\\' | '[' | ']' | '*' | '_' | '`' | '<').then_some('\\').into_iter().chain([letter])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_with_what_logs_say_as_plain_text() {
        let mut notice = Notice::example();
        notice.alerts[0].labels.insert("service".into(), "[x](http://evil.example)".into());
        let body = body(&notice, "https://h.example");
        let card = &body["attachments"][0]["content"];
        assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
        assert!(card["body"][1]["text"].as_str().unwrap().contains("\\[x\\](http"), "{card}");
        assert_eq!(card["body"][0]["text"], "\\[FIRING:1\\] test notice");
        assert_eq!(card["body"][2]["facts"][0]["value"], "test notice");
        assert!(card["actions"][0]["url"].as_str().unwrap().starts_with("https://h.example/api/v1/"));
    }
}
