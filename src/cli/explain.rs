//! `rebateflow explain`: the operators of a view, from its SQL or as they run in a server.

use clap::Args;

use super::arguments::CatalogArguments;
use super::ask;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::explain::Explanation;

/// Flags of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The materialized view.
    view: String,
    /// Ask the server that runs there: with rows, bytes and times.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["sql", "schemas"])]
    http: Option<String>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// Prints the operators of the view.
pub(super) fn explain(arguments: &ExplainArguments) -> Result<()> {
    let explanation = match &arguments.http {
        Some(address) => running(address, &arguments.view)?,
        None => planned(arguments)?,
    };
    say!("{}", explanation.render().trim_end());
    Ok(())
}

fn running(address: &str, view: &str) -> Result<Explanation> {
    if !view.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(Error::invalid(format!("`{view}` is not the name of a view")));
    }
    let json = ask::get(address, &format!("/v1/views/{view}/plan"))?;
    serde_json::from_value(json).map_err(|e| {
        Error::unavailable("the server's answer is not a plan").hint("ask a server of the same version").caused_by(e)
    })
}

fn planned(arguments: &ExplainArguments) -> Result<Explanation> {
    let settings = arguments.catalog.settings()?;
    let catalog = Catalog::load(&settings.schemas, &settings.sql)?;
    let engine = Engine::for_catalog(&catalog, Clock::System)?;
    let view = &arguments.view;
    engine.explain_planned(view).ok_or_else(|| match catalog.view(view) {
        Some(_) => Error::invalid(format!("{view} is a plain view: its query runs in the views that read it"))
            .hint("explain a materialized view that reads it"),
        None => {
            let names: Vec<&str> = engine.views().map(|view| view.name.as_str()).collect();
            Error::not_found(format!("there is no view {view}")).hint(format!("the views are: {}", names.join(", ")))
        }
    })
}
