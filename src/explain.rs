//! What `explain` says of a view: its operators, what each keeps, and what one change costs.
//!
//! The dataflow writes it, the hot tables carry it to HTTP, the command line prints it as a tree.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How work follows the changes; the class of a view is the worst of its operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Work follows the changed rows alone.
    Incremental,
    /// A change computes its whole group or partition again.
    Recompute,
    /// A change computes everything again.
    Full,
}

impl Class {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Incremental => "incremental",
            Class::Recompute => "recompute",
            Class::Full => "full",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What was measured of an operator since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Rows that it keeps.
    pub rows: i64,
    /// Bytes that it keeps.
    pub bytes: u64,
    /// State rows that it looked at.
    pub rows_read: u64,
    /// State rows that it wrote.
    pub rows_written: u64,
    /// Changes that came in.
    pub changes: u64,
    /// Time in the operator, nanoseconds a change.
    pub ns_a_change: u64,
}

/// One operator of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedOperator {
    /// Names the operator among all operators of the engine.
    pub id: usize,
    pub name: String,
    /// What it groups, partitions, joins or finds rows by.
    pub key: Vec<String>,
    pub class: Class,
    pub keeps: String,
    pub cost: String,
    /// The operators whose changes it takes.
    pub inputs: Vec<usize>,
    /// Other views that run over it, too.
    pub shared_with: Vec<String>,
    /// None: nothing runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// The operators of a view; the first is the one that makes its rows. Other views that it reads are named, not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub view: String,
    pub class: Class,
    pub warnings: Vec<String>,
    pub operators: Vec<ExplainedOperator>,
}

impl Explanation {
    /// The tree as a table: an operator a line, its inputs indented below it.
    pub fn render(&self) -> String {
        let mut rows = vec![self.titles()];
        let mut shown = vec![];
        if let Some(root) = self.operators.first() {
            self.rows_of(root.id, 0, &mut shown, &mut rows);
        }
        let mut text = format!("view {}: {}\n", self.view, self.class);
        for warning in &self.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        text.push('\n');
        text.push_str(&aligned(&rows));
        text
    }

    fn measured(&self) -> bool {
        self.operators.iter().any(|operator| operator.figures.is_some())
    }

    fn titles(&self) -> Vec<String> {
        let mut titles = vec!["operator", "class", "keeps", "a change costs"];
        if self.measured() {
            titles.extend(["rows", "bytes", "read", "written", "changes", "ns a change"]);
        }
        titles.push("shared with");
        titles.into_iter().map(str::to_string).collect()
    }

    fn rows_of(&self, id: usize, depth: usize, shown: &mut Vec<usize>, rows: &mut Vec<Vec<String>>) {
        let Some(operator) = self.operators.iter().find(|operator| operator.id == id) else {
            return;
        };
        let key = if operator.key.is_empty() { String::new() } else { format!(" ({})", operator.key.join(", ")) };
        let title = format!("{}#{id} {}{key}", "  ".repeat(depth), operator.name);
        if shown.contains(&id) {
            rows.push(vec![format!("{title}: see above")]);
            return;
        }
        shown.push(id);
        let mut row = vec![title, operator.class.to_string(), operator.keeps.clone(), operator.cost.clone()];
        if self.measured() {
            let Figures { rows, bytes, rows_read, rows_written, changes, ns_a_change } =
                operator.figures.unwrap_or_default();
            row.push(rows.to_string());
            row.extend([bytes, rows_read, rows_written, changes, ns_a_change].map(|figure| figure.to_string()));
        }
        row.push(operator.shared_with.join(", "));
        rows.push(row);
        for &input in &operator.inputs {
            self.rows_of(input, depth + 1, shown, rows);
        }
    }
}

/// `1 table`, `2 tables`.
pub fn counted(number: usize, what: &str) -> String {
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {what}s"),
    }
}

/// Rows of cells as lines of columns; trailing empty cells leave no spaces, an empty last column no title.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let is_empty = |column: usize| rows.iter().skip(1).all(|row| cell(row, column).is_empty());
    let columns: Vec<usize> = (0..columns).filter(|&column| !is_empty(column)).collect();
    let width = |column: usize| {
        let lengths = rows.iter().filter(|row| row.len() > 1).map(|row| cell(row, column).chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(|&column| width(column)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = columns.iter().zip(&widths).map(|(&column, &width)| format!("{:width$}", cell(row, column)));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(id: usize, name: &str, inputs: &[usize]) -> ExplainedOperator {
        ExplainedOperator {
            id,
            name: name.to_string(),
            key: vec![],
            class: Class::Incremental,
            keeps: "nothing".to_string(),
            cost: "1 row".to_string(),
            inputs: inputs.to_vec(),
            shared_with: vec![],
            figures: None,
        }
    }

    #[test]
    fn a_tree_is_indented_and_shows_an_operator_once() {
        let mut join = operator(2, "inner join", &[1, 1]);
        join.key = vec!["a = b".to_string()];
        let mut source = operator(1, "table t", &[]);
        source.shared_with = vec!["w".to_string()];
        let explanation = Explanation {
            view: "v".to_string(),
            class: Class::Full,
            warnings: vec!["slow".to_string()],
            operators: vec![join, source],
        };
        let expected = "view v: full
warning: slow

operator                class        keeps    a change costs  shared with
#2 inner join (a = b)   incremental  nothing  1 row
  #1 table t            incremental  nothing  1 row           w
  #1 table t: see above
";
        let text = explanation.render();
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&text), squeezed(expected), "{text}");
        assert!(text.contains("\n  #1 table t") && text.ends_with("see above\n"), "{text}");
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        let texts = [(1, "view"), (0, "view"), (1, "query"), (2, "query")].map(|(number, what)| counted(number, what));
        assert_eq!(texts, ["1 view", "0 views", "1 query", "2 queries"]);
    }

    #[test]
    fn the_worst_class_is_the_greatest() {
        assert!(Class::Full > Class::Recompute && Class::Recompute > Class::Incremental);
    }
}
