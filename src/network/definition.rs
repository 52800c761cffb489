//! The definition of a network, `schemas/collectors/NAME.toml`: read, completed from the environment, checked.
//!
//! `${NAME}` in a text is the environment's variable: keys and secrets are never in the file.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::request::Request;
use super::span::Span;
use crate::error::{Error, Result};

/// Of `rate`: their times are kept.
const CALLS_MAX: u32 = 100_000;

/// How a network is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// As `affiliate_raw` names it: TBK, JD ...
    pub platform: String,
    /// Our account at the network.
    pub account: Option<String>,
    /// Topic of the records.
    pub topic: String,
    /// What is called, as `affiliate_raw` names it.
    pub api: String,
    pub request: Request,
    pub answer: Answer,
    #[serde(default)]
    pub paging: Paging,
    pub rate: Rate,
    #[serde(rename = "sweep")]
    pub sweeps: Vec<Sweep>,
    /// Read by `Webhook`.
    #[serde(rename = "webhook")]
    _webhook: Option<Table>,
}

/// Where the parts of an answer are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Path of the records. An answer without even the object that holds them is a failure.
    pub records: String,
    /// What must be true of a good answer.
    pub good: Option<Condition>,
    /// Answers that ask for something else than another attempt.
    #[serde(default)]
    pub fault: Vec<Fault>,
}

/// A value at a path is one of these.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    pub path: String,
    pub is: Vec<String>,
}

impl Condition {
    pub fn holds(&self, body: &str) -> bool {
        super::body::scalar(body, &self.path).is_some_and(|value| self.is.contains(&value))
    }
}

/// A failure that the network tells in the body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub when: Condition,
    pub remedy: Remedy,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Ask for a shorter window.
    Narrow,
    /// We ask too often: wait, then ask again.
    Wait,
    /// No further attempt can succeed: a wrong key, no right.
    Stop,
}

/// How an answer goes on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paging {
    pub kind: PagingKind,
    /// Records of a page, `{page_size}` of the request.
    pub size: usize,
    /// More pages ask for a shorter window.
    pub pages_max: usize,
    /// Forward: whether there is a next page.
    pub more: Option<Condition>,
    /// Number of pages. Forward: the last one; backward: where to begin.
    pub pages: Option<String>,
    /// Backward: number of records, in place of the pages.
    pub total: Option<String>,
    /// Forward: what the next page is asked with, `{cursor}` of the request.
    pub cursor: Option<String>,
    /// The cursor of the first page.
    pub first_cursor: String,
}

impl Default for Paging {
    fn default() -> Self {
        Paging {
            kind: PagingKind::None,
            size: 100,
            pages_max: 100,
            more: None,
            pages: None,
            total: None,
            cursor: None,
            first_cursor: String::new(),
        }
    }
}

/// In which order pages are read.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PagingKind {
    /// One answer has everything.
    None,
    /// From the first page on.
    Forward,
    /// From the last page back: records that leave the window meanwhile move others to pages not yet read.
    Backward,
}

/// So many calls in a time, at most.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub calls: u32,
    pub per: Span,
}

/// One question that is asked again and again, with a cursor of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    pub name: String,
    /// Between the beginnings of two rounds.
    pub every: Span,
    /// Of one call, at most.
    pub window: Span,
    /// And at least, however full it is.
    pub window_min: Span,
    /// A round begins so long before the end of the one before.
    pub overlap: Span,
    /// The first round begins so long before now.
    pub first: Span,
    /// Added to the parameters of the request.
    #[serde(default)]
    pub parameters: std::collections::BTreeMap<String, String>,
}

impl Definition {
    /// Reads a file. `environment` is `std::env::vars()`, or what a test says.
    ///
    /// Errors: `Invalid`, naming the file and what is wrong in it.
    pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Definition> {
        let mut table = read(path)?;
        table.remove("webhook");
        let definition: Definition = complete(path, table, environment)?;
        definition.check().map_err(|message| invalid(path, message))?;
        Ok(definition)
    }

    fn check(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for sweep in &self.sweeps {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if sweep.name.is_empty() || !sweep.name.chars().all(plain) || !names.insert(&sweep.name) {
                return Err(format!("the name of a sweep is of a-z, 0-9 and _, and its own: {:?}", sweep.name));
            }
            if sweep.window_min > sweep.window {
                return Err(format!("window_min of sweep {} is longer than its window", sweep.name));
            }
        }
        let paging = &self.paging;
        if self.sweeps.is_empty() {
            return Err("there is no [[sweep]]".to_string());
        }
        if !(1..=CALLS_MAX).contains(&self.rate.calls) {
            return Err(format!("rate.calls is 1 to {CALLS_MAX}"));
        }
        if paging.size == 0 || paging.pages_max == 0 {
            return Err("paging.size and paging.pages_max are 1 or more".to_string());
        }
        if paging.kind == PagingKind::Backward && paging.pages.is_none() && paging.total.is_none() {
            return Err("paging backward begins at the last page: paging.pages or paging.total says which".to_string());
        }
        self.request.check()
    }
}

/// The parts of a file.
pub(super) fn read(path: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::invalid(format!("cannot read {}", path.display())).caused_by(e))?;
    toml::from_str(&text).map_err(|e| invalid(path, e.message().to_string()))
}

/// Puts the environment's variables in, then reads the parts.
pub(super) fn complete<T: DeserializeOwned>(
    path: &Path,
    table: Table,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<T> {
    let mut value = Value::Table(table);
    substitute(&mut value, environment).map_err(|name| {
        Error::invalid(format!("{} needs the variable {name}", path.display())).hint("set it in the environment")
    })?;
    value.try_into().map_err(|e: toml::de::Error| invalid(path, e.message().to_string()))
}

fn invalid(path: &Path, message: String) -> Error {
    Error::invalid(format!("{}: {message}", path.display())).hint("README.md tells what a file says")
}

/// The first variable that is not there.
fn substitute(value: &mut Value, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("${") {
                let Some((name, after)) = after.split_once('}') else { break };
                out.push_str(before);
                out.push_str(&environment(name).ok_or(name)?);
                rest = after;
            }
            *text = out + rest;
            Ok(())
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| substitute(value, environment)),
        Value::Table(table) => table.iter_mut().try_for_each(|(_, value)| substitute(value, environment)),
        _ => Ok(()),
    }
}
