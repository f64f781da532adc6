//! [`Model`]: an OpenAI-compatible endpoint that is asked first, where one is configured.
//!
//! What it answers is checked like any other input: filters become a query by the same code as the local parser's, and of
//! insights only the prose is its own. Whatever goes wrong, the local answer stands, and says why.

mod client;
mod insights;
mod search;

use std::{fmt, time::Duration};

use ureq::http;

use self::client::Client;
use crate::{Answer, InsightScene, Insights, Scene, insights::insights as local_insights, parse::parse};

/// Where a model is, and what it may be told.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// What `/chat/completions` is added to: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// The environment variable that has the API key; none where none is needed.
    pub api_key_env: Option<String>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether it may be sent text of logs: messages and what is said of anomalies, with secrets masked.
    pub send_logs: bool,
}

impl ModelConfig {
    /// Sees whether requests can be made of it, without making one. Gives the host.
    ///
    /// # Errors
    /// Where they cannot, and why.
    pub fn check(&self) -> Result<String, String> {
        let uri: http::Uri = self.base_url.parse().map_err(|error| format!("base_url cannot be read: {error}"))?;
        let host = uri.host().ok_or("base_url has no host")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("base_url begins neither with http:// nor with https://".to_owned());
        }
        let is_plain =
            !uri.authority().is_some_and(|authority| authority.as_str().contains('@')) && uri.query().is_none();
        if !is_plain {
            return Err("base_url has a password or parameters in it; a key belongs into the environment".to_owned());
        }
        if self.model.trim().is_empty() {
            return Err("model names none".to_owned());
        }
        Ok(uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}

/// Why a model gave no answer that could be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The variable is not set, or is no key.
    #[error("the environment variable {0} has no API key")]
    NoKey(String),
    /// It took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// Nobody is there, or the connection broke.
    #[error("it cannot be reached")]
    Unreachable,
    /// It refused.
    #[error("it answered with status {0}")]
    Status(u16),
    /// It answered more than is read.
    #[error("its answer is too long")]
    TooLong,
    /// It answered something else.
    #[error("its answer cannot be used: {0}")]
    Unusable(&'static str),
}

/// A model that can be asked. Asking blocks.
pub struct Model {
    client: Client,
    config: ModelConfig,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Model {
    /// A model as configured, with the key that the environment has. Does not connect yet.
    pub fn new(config: ModelConfig) -> Self {
        let key = config.api_key_env.as_ref().map(|name| std::env::var(name).unwrap_or_default());
        Model::with_key(config, key)
    }

    /// A model as configured, with this key.
    pub fn with_key(config: ModelConfig, key: Option<String>) -> Self {
        Model { client: Client::new(&config, key), config }
    }

    /// What a question asks for: by the model, else by [`parse`](crate::parse()).
    pub fn search(&self, question: &str, scene: &Scene) -> Answer {
        match self.client.ask(&search::request(question, scene)).and_then(|answer| search::read(&answer, scene)) {
            Ok(answer) => answer,
            Err(error) => {
                let mut answer = parse(question, scene);
                answer.explanation.push_str(&self.without(&error));
                answer
            }
        }
    }

    /// What figures say: in the model's words, else in those of [`insights`](crate::insights()).
    pub fn insights(&self, scene: &InsightScene) -> Insights {
        let mut found = local_insights(scene);
        let request = insights::request(scene, &found, self.config.send_logs);
        match self.client.ask(&request).and_then(|answer| insights::read(&answer)) {
            Ok(summary) => found.summary = summary,
            Err(error) => found.summary.push_str(&self.without(&error)),
        }
        found
    }

    fn without(&self, error: &ModelError) -> String {
        tracing::warn!(%error, model = self.config.model, "the model is not used");
        format!(" The model was not used: {error}.")
    }
}
