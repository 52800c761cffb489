//! The catalog itself: consistent tables and views, built from files, from definitions, or one by one.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::consistency::{self, Known, Placed};
use super::definition::{Definition, parse_definitions};
use super::load;
use super::source::SourceFile;
use super::table::Table;
use super::view::View;
use crate::error::{Diagnostic, Error, Result};

/// Tables and views that fit together.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    pub tables: Vec<Arc<Table>>,
    /// In dependency order: a view comes after the views that it reads.
    pub views: Vec<Arc<View>>,
}

/// What directories hold, as far as it is without fault.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub catalog: Catalog,
    pub faults: Vec<Diagnostic>,
    /// Names of what has a fault of its own. Views of the catalog may read them.
    pub faulty: Vec<String>,
}

impl Catalog {
    /// Reads `*.sql` of both directories, sorted by name: one definition a file, named like the file.
    /// The error holds every fault of all files.
    pub fn load(schemas: &Path, sql: &Path) -> Result<Catalog> {
        let loaded = Catalog::load_sound(schemas, sql)?;
        no_faults(loaded.faults).map(|()| loaded.catalog)
    }

    /// The same, but definitions with a fault are left out: what reads them is there all the same.
    pub fn load_sound(schemas: &Path, sql: &Path) -> Result<Loaded> {
        let load::Files { mut placed, mut faults, unreadable: mut faulty } = load::read(schemas, sql)?;
        loop {
            let found = consistency::check(&placed, &Known { names: faulty.clone(), ..Known::default() });
            let is_faulty = |placed: &Placed| found.iter().any(|fault| fault.file == placed.source.path);
            let (gone, sound): (Vec<Placed>, Vec<Placed>) = placed.into_iter().partition(is_faulty);
            placed = sound;
            let names = gone.iter().map(|placed| placed.definition.name());
            // A name that is defined twice stands for its first definition.
            let unknown = |name: &&str| placed.iter().all(|other| other.definition.name() != *name);
            faulty.extend(names.filter(unknown).map(str::to_string));
            faults.extend(found);
            if gone.is_empty() {
                break;
            }
        }
        let mut catalog = Catalog::default();
        catalog.extend(placed, Known { names: faulty.clone(), ..Known::default() });
        Ok(Loaded { catalog, faults, faulty })
    }

    /// A catalog of several texts, each with any number of definitions; the error holds every fault of all of them.
    pub fn from_sources(sources: &[SourceFile]) -> Result<Catalog> {
        let mut placed = vec![];
        let mut found = vec![];
        for source in sources {
            match parse_definitions(source) {
                Ok(definitions) => placed
                    .extend(definitions.into_iter().map(|definition| Placed { definition, source: source.clone() })),
                Err(faults) => found.extend(faults),
            }
        }
        // With definitions missing, every view that reads them would be a fault too.
        no_faults(found)?;
        let mut catalog = Catalog::default();
        no_faults(catalog.extend(placed, Known::default())).map(|()| catalog)
    }

    /// A catalog of definitions in any order.
    pub fn from_definitions(definitions: Vec<Definition>) -> Result<Catalog> {
        let mut catalog = Catalog::default();
        no_faults(catalog.extend(definitions.into_iter().map(place).collect(), Known::default())).map(|()| catalog)
    }

    /// Adds one definition that fits to those present; otherwise the catalog stays as it is.
    pub fn add(&mut self, definition: Definition) -> Result<()> {
        let topics = self.tables.iter().map(|table| (table.topic.clone(), table.name.clone())).collect();
        let names = self.names().map(str::to_string).collect();
        no_faults(self.extend(vec![place(definition)], Known { names, topics }))
    }

    /// These views with everything that they read, and nothing else. Errors: `NotFound` for a view that is not there.
    pub fn of_views(&self, names: &[String]) -> Result<Catalog> {
        let mut wanted: BTreeSet<&str> = BTreeSet::new();
        for name in names {
            let view = self.view(name).ok_or_else(|| Error::not_found(format!("there is no view {name}")))?;
            wanted.insert(&view.name);
        }
        // A view comes after what it reads, so from the last one back each is known when it is met.
        for view in self.views.iter().rev() {
            if wanted.contains(view.name.as_str()) {
                wanted.extend(view.reads.iter().map(String::as_str));
            }
        }
        let tables = self.tables.iter().filter(|table| wanted.contains(table.name.as_str()));
        let views = self.views.iter().filter(|view| wanted.contains(view.name.as_str()));
        Ok(Catalog { tables: tables.cloned().collect(), views: views.cloned().collect() })
    }

    pub fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.iter().find(|table| table.name == name)
    }

    pub fn view(&self, name: &str) -> Option<&Arc<View>> {
        self.views.iter().find(|view| view.name == name)
    }

    /// The names of all tables, then of all views.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let tables = self.tables.iter().map(|table| table.name.as_str());
        tables.chain(self.views.iter().map(|view| view.name.as_str()))
    }

    /// Takes the definitions in if they have no fault.
    fn extend(&mut self, placed: Vec<Placed>, known: Known) -> Vec<Diagnostic> {
        let found = consistency::check(&placed, &known);
        if !found.is_empty() {
            return found;
        }
        let mut views = vec![];
        for placed in placed {
            match placed.definition {
                Definition::Table(table) => self.tables.push(Arc::new(table)),
                Definition::View(view) => views.push(view),
            }
        }
        let ordered = consistency::in_dependency_order(&views.iter().collect::<Vec<_>>());
        self.views.extend(ordered.into_iter().map(|view| Arc::new(view.clone())));
        found
    }
}

fn no_faults(found: Vec<Diagnostic>) -> Result<()> {
    match found.is_empty() {
        true => Ok(()),
        false => Err(Error::from_diagnostics(found)),
    }
}

/// A table does not keep its file, so a fault of it shows its own text.
fn place(definition: Definition) -> Placed {
    let source = match &definition {
        Definition::Table(table) => SourceFile::new(format!("table {}", table.name), table.sql.clone()),
        Definition::View(view) => view.source.clone(),
    };
    Placed { definition, source }
}
