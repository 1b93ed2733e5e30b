//! Where a kustomization's files say what an object of its rendering says.
//!
//! Tried are first the fields that drive it, then the patches that set it, then the file that it comes from, where no
//! other kustomization builds upon that; and last a patch of the folder that is rendered.

mod generator;
mod graph;
mod json_patch;
mod merge_patch;
mod origin;
mod overlay;
mod patch;
mod transformer;

use graph::Graph;

use super::{Aim, Candidates, Files};
use crate::object::value::Map;

/// The names that a kustomization's file may have.
const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a kustomization is made of.
#[derive(Debug, Clone, Copy)]
pub struct Kustomized<'a> {
    /// The files that it reads.
    pub files: &'a Files,
    /// The folder that is rendered.
    pub folder: &'a str,
    /// Kustomizations around it that it does not read.
    pub others: &'a Files,
    /// False if there may be more of those.
    pub saw_all: bool,
}

/// Why no change of files can be what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchangeable {
    /// The name of what is generated says what it holds.
    #[error(
        "{file} generates it, and its name ends in a hash of what it holds: with another value it would be another object; change the generator {name} there and deliver that, or give it the option disableNameSuffixHash"
    )]
    Hashed {
        /// The kustomization.
        file: String,
        /// The generator's name.
        name: String,
    },
}

/// The changes that may make the rendering have this object, too, as it is written here.
pub fn additions(source: Kustomized<'_>, object: &Map<'static>) -> Candidates {
    let mut found = Candidates::default();
    overlay::resource(&Graph::of(source), object, &mut found);
    found
}

/// The changes that may do it.
pub fn candidates(source: Kustomized<'_>, aim: &Aim<'_>) -> Result<Candidates, Unchangeable> {
    let graph = Graph::of(source);
    let mut found = Candidates::default();
    if let Some(edit) = aim.edit {
        transformer::images(&graph, aim, edit, &mut found);
        transformer::replicas(&graph, aim, edit, &mut found);
        generator::literals(&graph, aim, edit, &mut found)?;
        patch::existing(&graph, aim, edit, &mut found);
    }
    origin::resource(&graph, aim, &mut found);
    overlay::patches(&graph, aim, &mut found);
    Ok(found)
}
