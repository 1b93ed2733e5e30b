//! Files on disk in a repository's working folder, beside the commit that they come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::GitOptions;
use super::error::GitError;
use super::history::{Change, History};
use super::objects::{Wanted, read_all};
use super::tree::{Selection, Tree};
use super::tree_path::TreePath;
use super::{Commit, GitRepository};
use crate::files::{SkipReason, SourceFile};

impl GitRepository {
    /// Opens the repository whose working folder holds a path on disk, and gives the path in it; nothing if there is none.
    pub async fn around(path: &Path, options: GitOptions) -> Result<Option<(Self, TreePath)>, GitError> {
        let Some((root, inside)) = work_tree_around(path) else { return Ok(None) };
        let Ok(inside) = inside.parse() else { return Ok(None) };
        Ok(Some((Self::open_local(&root, options).await?, inside)))
    }

    /// Looks back from the files that were read at a path on disk. What they say otherwise than the commit is their
    /// newest change.
    pub async fn history_on_disk(
        &self,
        commit: &Commit,
        path: &TreePath,
        files: &[SourceFile],
    ) -> Result<History, GitError> {
        let (tree, base) = Tree::load(&self.git, commit, path).await?;
        let Selection { files: committed, skipped } = tree.manifests(&base);
        let wanted = committed.iter().map(|(file, id)| Wanted::new(id, file.clone())).collect();
        let blobs = read_all(&self.git, wanted).await?;
        let mut on_disk: BTreeMap<&str, &[u8]> = files.iter().map(|file| (&*file.path, &*file.bytes)).collect();
        // What lies in a submodule has its past in another repository.
        let submodules: Vec<String> = skipped
            .into_iter()
            .filter(|skipped| skipped.reason == SkipReason::Submodule)
            .map(|skipped| skipped.path + "/")
            .collect();
        on_disk.retain(|file, _| !submodules.iter().any(|folder| file.starts_with(folder.as_str())));
        let uncommitted = |file: &str, before| Change { commit: None, file: Arc::from(file), before };
        let mut changes = Vec::new();
        for ((file, id), blob) in committed.into_iter().zip(blobs) {
            if on_disk.remove(&*file) != Some(&*blob) {
                changes.push(uncommitted(&file, Some(id)));
            }
        }
        changes.extend(on_disk.into_keys().map(|file| uncommitted(file, None)));
        Ok(History::new(Arc::clone(&self.git), commit.clone(), path.clone(), changes))
    }
}

/// The working folder that a path lies in, with the path from there.
pub(super) fn work_tree_around(path: &Path) -> Option<(PathBuf, String)> {
    let path = path.canonicalize().ok()?;
    let root = path.ancestors().find(|folder| folder.join(".git").exists())?;
    let inside = path.strip_prefix(root).ok()?.to_str()?;
    Some((root.to_owned(), inside.to_owned()))
}
