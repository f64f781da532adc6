//! `[ai]`: the model that is asked for plain-language help.

use std::time::Duration;

use highwater_ask::ModelConfig;
use highwater_engine::seconds;

use super::{
    tree::{Node, Section},
    values::{duration, text, truth},
};

/// `[ai]`: whether and which model is asked.
pub(super) fn read_ai(mut section: Section<'_>) -> Option<ModelConfig> {
    let base_url = section.get("base_url", text);
    let mut config = ModelConfig {
        base_url: base_url.clone().unwrap_or_default(),
        model: String::new(),
        api_key_env: section.get("api_key_env", variable),
        timeout: seconds(10),
        send_logs: false,
    };
    section.set("model", &mut config.model, text);
    section.set("timeout", &mut config.timeout, duration(Duration::from_millis(100)..=seconds(25)));
    section.set("send_logs", &mut config.send_logs, truth);
    if base_url.is_none() && (!config.model.is_empty() || config.api_key_env.is_some()) {
        section.complain("needs the key \"base_url\": without it, no model is asked");
    }
    if let Some(error) = base_url.as_ref().and_then(|_| config.check().err()) {
        section.complain(error);
    }
    section.finish();
    base_url.map(|_| config)
}

/// The name of an environment variable; a key itself would not look like one.
fn variable(node: &Node) -> Result<String, String> {
    let legal = |name: &String| {
        let is_letter = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit()) && name.bytes().next().is_some_and(is_letter)
    };
    text(node).ok().filter(legal).ok_or_else(|| {
        "the name of an environment variable that has the key, like \"OPENAI_API_KEY\": capital letters, digits, \
          underscores"
            .to_owned()
    })
}
