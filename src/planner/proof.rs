//! Why no two rows of a plan have the same key.

use super::plan::{Op, Plan};

impl Plan {
    /// What makes the key unique, in the words of SQL; None: the plan has no key.
    pub fn key_proof(&self) -> Option<String> {
        self.key.as_ref()?;
        Some(match &self.op {
            Op::Aggregate { .. } => "GROUP BY".to_string(),
            Op::Latest { .. } | Op::Retained(_) => "the first row of each key".to_string(),
            Op::View(name) => format!("view {name}"),
            Op::Linear { input, .. } | Op::RangeFilter { rows: input, .. } => return input.key_proof(),
            Op::Join(join) => match (join.left.key_proof(), join.right.key_proof()) {
                (Some(left), Some(right)) if left != right => format!("the keys of both sides ({left}; {right})"),
                (Some(both), _) => format!("the keys of both sides ({both})"),
                _ => "the join".to_string(),
            },
            Op::Semi(semi) => return semi.left.key_proof(),
            _ => "its operator".to_string(),
        })
    }
}
