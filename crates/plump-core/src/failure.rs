//! A failure that the core decided, as it travels to JavaScript: `u32` length of the JSON, the JSON, and the cause that
//! the worker reported, in the built-in form of errors.

use crate::errors::ErrorKind;
use serde::Serialize;
use serde_json::Value;

/// What is known about a failure.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Number of the error kind.
    pub kind: u16,
    /// One sentence of detail.
    pub message: String,
    /// Process id of the worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// What it printed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Name of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Milliseconds given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// The call because of which it happened, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// The cause, in the built-in form.
    #[serde(skip)]
    pub cause: Vec<u8>,
}

impl Failure {
    /// A failure of that kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind: kind as u16,
            message: message.into(),
            pid: None,
            exit_code: None,
            signal: None,
            stderr: None,
            command: None,
            timeout_ms: None,
            caused_by: None,
            cause: Vec::new(),
        }
    }

    /// The same, for a call of that command.
    #[must_use]
    pub fn of_command(&self, command: &str) -> Self {
        Self {
            command: Some(command.to_owned()),
            ..self.clone()
        }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_json(&serde_json::to_value(self).unwrap_or(Value::Null))
    }

    /// The same, for a call that so many workers had.
    #[must_use]
    pub fn encode_after(&self, runs: u32) -> Vec<u8> {
        let mut json = serde_json::to_value(self).unwrap_or(Value::Null);
        if let Value::Object(fields) = &mut json
            && runs > 0
        {
            fields.insert("runs".into(), runs.into());
        }
        self.encode_json(&json)
    }

    /// Its bytes as the event of a pool.
    #[must_use]
    pub fn encode_event(&self) -> Vec<u8> {
        let mut json = serde_json::to_value(self).unwrap_or(Value::Null);
        if let Value::Object(fields) = &mut json {
            fields.insert("event".into(), "failed".into());
        }
        self.encode_json(&json)
    }

    fn encode_json(&self, json: &Value) -> Vec<u8> {
        let json = json.to_string();
        let mut bytes = u32::try_from(json.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes()
            .to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.extend_from_slice(&self.cause);
        bytes
    }
}
