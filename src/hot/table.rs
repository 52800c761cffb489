//! A hot table: a view's output as readers find it.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use crate::catalog::OnError;
use crate::error::{Error, Result};
use crate::state::Arrangement;

/// How an arrangement finds rows: by its identity, or by one of its further keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Identity,
    Further(usize),
}

impl Link {
    /// The argument of `Reader::lookup`.
    pub fn index(self) -> Option<usize> {
        match self {
            Link::Identity => None,
            Link::Further(k) => Some(k),
        }
    }
}

/// A served view. Fixed when it is made.
#[derive(Clone, Debug)]
pub struct HotTable {
    pub name: Arc<str>,
    /// The view's columns.
    pub schema: SchemaRef,
    /// Columns of `schema` that make the lookup key, in its order; empty: the view is found by scan only.
    pub key: Vec<usize>,
    /// Whether the key is proved to have at most one row.
    pub unique: bool,
    pub on_error: OnError,
    /// What maintaining the view costs, in the words of `explain`.
    pub class: String,
    pub arrangement: Arc<Arrangement>,
    /// Column `i` of `schema` is column `columns[i]` of the arrangement.
    pub columns: Vec<usize>,
    /// How the whole key is found.
    pub key_link: Option<Link>,
    /// How the first key column alone is found.
    pub first_link: Option<Link>,
}

impl HotTable {
    /// Columns of the arrangement that a link encodes, in its order.
    pub fn link_columns(&self, link: Link) -> &[usize] {
        let layout = self.arrangement.layout();
        match link {
            Link::Identity => &layout.identity,
            Link::Further(k) => layout.links.get(k).map_or(&[], Vec::as_slice),
        }
    }

    /// Columns of the arrangement that make the key.
    pub fn key_columns(&self) -> Vec<usize> {
        self.key.iter().map(|&c| self.columns[c]).collect()
    }

    /// Names of the key columns.
    pub fn key_names(&self) -> Vec<&str> {
        self.key.iter().map(|&c| self.schema.field(c).name().as_str()).collect()
    }

    /// Whether the arrangement's row bytes compare like the first `len` key columns.
    pub fn bytes_in_key_order(&self, len: usize) -> bool {
        let layout = self.arrangement.layout();
        layout.identity.len() >= len && self.key_columns()[..len] == layout.identity[..len]
    }

    /// Errors: `Internal` when the parts do not fit together.
    pub(super) fn check(&self) -> Result<()> {
        let stored = &self.arrangement.layout().schema;
        let fields = self.schema.fields();
        let types_fit = fields.len() == self.columns.len()
            && fields
                .iter()
                .zip(&self.columns)
                .all(|(field, &c)| stored.fields().get(c).is_some_and(|s| s.data_type() == field.data_type()));
        if !types_fit || self.key.iter().any(|&c| c >= fields.len()) {
            return Err(self.misfit("columns"));
        }
        let mut key = self.key_columns();
        let first = key.first().copied();
        let fits = |link: Option<Link>, wanted: &[usize]| {
            link.is_none_or(|link| {
                let mut found = self.link_columns(link).to_vec();
                found.sort_unstable();
                found == wanted
            })
        };
        key.sort_unstable();
        if !fits(self.key_link, &key) || !fits(self.first_link, first.as_slice()) {
            return Err(self.misfit("links"));
        }
        Ok(())
    }

    fn misfit(&self, what: &str) -> Error {
        Error::internal(format!("the {what} of view {} do not fit its arrangement", self.name))
    }
}
