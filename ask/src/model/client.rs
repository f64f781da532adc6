//! Chat completions over HTTP.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use ureq::{Agent, http};

use super::{ModelConfig, ModelError};

/// Most of an answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 256 << 10;
/// Most tokens that an answer may have.
const MAX_TOKENS: u32 = 1000;

/// What a model is asked.
pub(super) struct Request {
    /// What it is to do.
    pub(super) task: &'static str,
    /// About what.
    pub(super) about: Json,
    /// What its answer must look like, and what that is called.
    pub(super) schema: Json,
    pub(super) schema_name: &'static str,
}

pub(super) struct Client {
    agent: Agent,
    url: String,
    model: String,
    authorization: Result<Option<http::HeaderValue>, String>,
}

impl Client {
    pub(super) fn new(config: &ModelConfig, key: Option<String>) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // a key is for the server that it was given for
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(config.timeout))
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let variable = || config.api_key_env.clone().unwrap_or_default();
        let authorization = match key {
            None => Ok(None),
            Some(key) if key.trim().is_empty() => Err(variable()),
            Some(key) => bearer(key.trim()).map(Some).ok_or_else(variable),
        };
        let url = format!("{}/chat/completions", config.base_url.trim_end_matches('/'));
        Client { agent, url, model: config.model.clone(), authorization }
    }

    /// The JSON that the model answers.
    pub(super) fn ask(&self, request: &Request) -> Result<Json, ModelError> {
        let authorization = self.authorization.as_ref().map_err(|variable| ModelError::NoKey(variable.clone()))?;
        let body = json!({
            "model": self.model,
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "messages": [
                { "role": "system", "content": request.task },
                { "role": "user", "content": request.about.to_string() },
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": { "name": request.schema_name, "schema": request.schema },
            },
        });
        let mut post = self.agent.post(&self.url).header("Content-Type", "application/json");
        if let Some(authorization) = authorization {
            post = post.header("Authorization", authorization);
        }
        let mut response = post.send(body.to_string()).map_err(|error| failure(&error))?;
        if !response.status().is_success() {
            return Err(ModelError::Status(response.status().as_u16()));
        }
        let limited = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let bytes = limited.read_to_vec().map_err(|error| failure(&error))?;
        content(&bytes)
    }
}

fn bearer(key: &str) -> Option<http::HeaderValue> {
    let mut value = http::HeaderValue::try_from(format!("Bearer {key}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Why there was no answer, without a word of what the library says: it may repeat the request.
fn failure(error: &ureq::Error) -> ModelError {
    match error {
        ureq::Error::Timeout(_) => ModelError::Timeout,
        ureq::Error::BodyExceedsLimit(_) => ModelError::TooLong,
        _ => ModelError::Unreachable,
    }
}

/// What the model says, out of what the server says.
fn content(bytes: &[u8]) -> Result<Json, ModelError> {
    #[derive(Deserialize)]
    struct Completion {
        choices: Vec<Choice>,
    }
    #[derive(Deserialize)]
    struct Choice {
        message: Message,
    }
    #[derive(Deserialize)]
    struct Message {
        content: Option<String>,
    }
    let completion: Completion =
        serde_json::from_slice(bytes).map_err(|_| ModelError::Unusable("it is no chat completion"))?;
    let said = completion.choices.into_iter().next().and_then(|choice| choice.message.content);
    let said = said.ok_or(ModelError::Unusable("it says nothing"))?;
    // some put what they were asked for into a code block all the same
    let said = said.trim().trim_start_matches("```json").trim_start_matches("```").trim_end_matches("```");
    serde_json::from_str(said).map_err(|_| ModelError::Unusable("it is no JSON"))
}
