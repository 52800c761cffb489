//! Views that must be empty: those whose name begins with `audit_`.
//!
//! A row in one is a fault of the data or of another view, not of the process: it is served and counted like any row, and
//! readiness does not depend on it. The log says once when an audit gets rows and once when it is empty again, as of the
//! moments at which the views' figures are looked at: two messages that belong together may be an epoch apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::hot::ViewState;

/// How the name of a view that must be empty begins.
const AUDIT: &str = "audit_";

/// The audits that had rows at the last look.
#[derive(Debug, Default)]
pub(super) struct Audits {
    with_rows: BTreeSet<Arc<str>>,
}

impl Audits {
    /// Says in the log which audits have rows now and had none at the last look, or the other way round.
    pub fn look(&mut self, views: &BTreeMap<Arc<str>, ViewState>) {
        for (view, rows) in self.changed(views) {
            match rows {
                0 => tracing::info!(%view, "a view that must be empty is empty again"),
                _ => tracing::warn!(%view, rows, "a view that must be empty has rows"),
            }
        }
    }

    /// The audits that got rows since the last look, or lost them all, with their rows. One that does not serve stays
    /// as it was.
    fn changed(&mut self, views: &BTreeMap<Arc<str>, ViewState>) -> Vec<(Arc<str>, i64)> {
        let served = views.iter().filter(|(view, state)| view.starts_with(AUDIT) && state.failed.is_none());
        let mut changed = vec![];
        for (view, state) in served {
            let differs = match state.rows {
                0 => self.with_rows.remove(view),
                _ => self.with_rows.insert(view.clone()),
            };
            changed.extend(differs.then(|| (view.clone(), state.rows)));
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_said_once() {
        let views = |rows: [i64; 3]| {
            let states = rows.map(|rows| ViewState { rows, ..ViewState::default() });
            ["audit_split", "audit_stock", "balances"]
                .map(Arc::from)
                .into_iter()
                .zip(states)
                .collect::<BTreeMap<_, _>>()
        };
        let mut audits = Audits::default();
        assert_eq!(audits.changed(&views([0, 0, 5])), []);
        assert_eq!(audits.changed(&views([2, 0, 5])), [("audit_split".into(), 2)]);
        assert_eq!(audits.changed(&views([3, 1, 0])), [("audit_stock".into(), 1)]);
        let mut failed = views([0, 1, 0]);
        failed.values_mut().for_each(|state| state.failed = Some("too large".into()));
        assert_eq!(audits.changed(&failed), []);
        assert_eq!(audits.changed(&views([0, 1, 0])), [("audit_split".into(), 0)]);
        assert_eq!(audits.changed(&views([0, 0, 0])), [("audit_stock".into(), 0)]);
    }
}
