//! Learns from a running API server what core must know of the built-in types: their shape, and what the server adds
//! to and drops from an object it is given.
//!
//! Nothing of it is written by hand. The shapes come from `/openapi/v3`. The rest comes from seeds, manifests in
//! `testbed/harvest`: each is created as a dry run, and what comes back is held against what was sent
//! ([`observation`]), then generalised ([`learning`]). What the server drops is found by sending zeros ([`zero`]).

mod api;
mod catalogue;
mod error;
pub mod learning;
pub mod observation;
mod openapi;
pub mod seed;
pub mod types;
pub mod zero;

use std::path::Path;

pub use api::Api;
pub use catalogue::{Catalogue, Staleness};
pub use error::HarvestError;

/// Whom to ask.
#[derive(Debug)]
pub struct Clusters {
    /// The server that is harvested.
    pub first: Api,
    /// One of the same version that is set up otherwise, to tell what depends on the set-up.
    pub other: Option<Api>,
}

/// Harvests with the seeds of a folder.
pub fn harvest(clusters: &Clusters, seeds: &Path) -> Result<Catalogue, HarvestError> {
    let version = clusters.first.version()?;
    let types = openapi::read(&clusters.first)?;
    let seeds = seed::read(seeds, &types)?;
    let answers = observation::ask(clusters, &seeds)?;
    let mut observations = Vec::new();
    let mut sites = Vec::new();
    for answer in &answers {
        let (seen, structs) = observation::observe(&types, answer);
        observations.extend(seen);
        sites.extend(structs);
    }
    let facts = learning::learn(&observations);
    let drops = zero::drops(&clusters.first, &types, &answers, &sites)?;
    let shown = sites.iter().map(|site| site.type_name.clone()).collect();
    Ok(Catalogue::new(&version, &types, &facts, &drops).with_shown(&types, &shown))
}
