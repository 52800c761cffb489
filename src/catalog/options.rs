//! The options of a definition: `WITH (name = 'value', ...)`.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{CreateTableOptions, Expr, Spanned, SqlOption, Value};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::names;
use super::source::Faults;
use super::statement::Tokens;

/// One option as written.
pub(super) struct OptionText {
    pub(super) text: String,
    /// The place of the name.
    pub(super) name: Span,
    /// The place of the value.
    pub(super) value: Span,
}

/// The options of one definition, each known and given once.
pub(super) struct Options(BTreeMap<String, OptionText>);

impl Options {
    /// Reads the options; what is not a known option with a quoted value becomes a fault.
    pub(super) fn read(written: &CreateTableOptions, known: &[&str], tokens: &Tokens, faults: &mut Faults<'_>) -> Self {
        let mut options = Options(BTreeMap::new());
        let list = match written {
            CreateTableOptions::None => return options,
            CreateTableOptions::With(list) => list,
            other => {
                let place = if other.span() == Span::empty() { tokens.start() } else { other.span() };
                faults.refused(place, "options are given in WITH only").hint =
                    Some("write WITH (name = 'value', ...)".to_string());
                return options;
            }
        };
        for option in list {
            let SqlOption::KeyValue { key, value } = option else {
                let place = if option.span() == Span::empty() { tokens.start() } else { option.span() };
                faults.invalid(place, format!("`{option}` is not an option")).hint = Some(known_hint(known));
                continue;
            };
            let name = names::normalize(key);
            if !known.contains(&name.as_str()) {
                faults.invalid(key.span, format!("unknown option `{name}`")).hint = Some(known_hint(known));
                continue;
            }
            let Some(text) = quoted(value) else {
                let place = if value.span() == Span::empty() { key.span } else { value.span() };
                faults.invalid(place, format!("the value of option `{name}` is not a quoted text")).hint =
                    Some(format!("write {name} = '...'"));
                continue;
            };
            let option = OptionText { text, name: key.span, value: value.span() };
            if options.0.insert(name.clone(), option).is_some() {
                faults.invalid(key.span, format!("option `{name}` is given twice"));
            }
        }
        options
    }

    pub(super) fn get(&self, name: &str) -> Option<&OptionText> {
        self.0.get(name)
    }

    /// The options given, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &OptionText)> {
        self.0.iter().map(|(name, option)| (name.as_str(), option))
    }

    /// The meaning of an option that has a few fixed values; None when it is not given or is a fault.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], faults: &mut Faults<'_>) -> Option<T> {
        let option = self.get(name)?;
        let chosen = choices.iter().find(|(text, _)| *text == option.text);
        if chosen.is_none() {
            let texts: Vec<String> = choices.iter().map(|(text, _)| format!("'{text}'")).collect();
            faults.invalid(option.value, format!("option `{name}` cannot be '{}'", option.text)).hint =
                Some(format!("it can be {}", texts.join(" or ")));
        }
        chosen.map(|(_, meaning)| *meaning)
    }
}

fn known_hint(known: &[&str]) -> String {
    format!("the options are: {}", known.join(", "))
}

fn quoted(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}
