//! An incoming webhook of Slack, or of what speaks as it does.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    notify::{Notice, Texts},
    outbound::{Outbound, SendError, check_url},
    problem::Problem,
    secret::Secret,
};

/// Most letters of a text that Slack shows without folding it up.
const MOST_LETTERS: usize = 3_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slack {
    url: Secret,
}

impl Slack {
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_url("url", self.url.reveal())
    }

    pub(super) fn send(&self, notice: &Notice, out: &Outbound) -> Result<(), SendError> {
        let key = ("Idempotency-Key".to_owned(), notice.id.to_string());
        out.post(self.url.reveal(), &[key], &body(notice).to_string()).map(drop)
    }
}

fn body(notice: &Notice) -> Value {
    let texts = Texts::of(notice);
    let text: String = escaped(&texts.text).chars().take(MOST_LETTERS).collect();
    json!({
        "text": escaped(&texts.title),
        "attachments": [{ "color": colour(notice), "fallback": escaped(&texts.title), "text": text }],
    })
}

fn colour(notice: &Notice) -> &'static str {
    use highwater_operators::Severity::{Critical, High, Low, Medium};
    match (notice.is_firing(), notice.severity()) {
        (false, _) => "#2eb886",
        (true, Critical | High) => "#a30200",
        (true, Medium) => "#daa038",
        (true, Low) => "#439fe0",
    }
}

/// What logs say must not call the whole channel: `<!channel>` is markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_say_is_no_markup() {
        let mut notice = Notice::example();
        notice.alerts[0].labels.insert("service".into(), "<!channel> & co".into());
        let body = body(&notice);
        assert!(body["attachments"][0]["text"].as_str().unwrap().contains("&lt;!channel&gt; &amp; co"), "{body}");
        assert_eq!(body["text"], "[FIRING:1] test notice");
        assert_eq!(body["attachments"][0]["color"], "#439fe0");
    }
}
