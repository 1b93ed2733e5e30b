//! Renderers for tests: the real ones, and scripts in their place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fakes::fake;
use anchorwatch_edge::render::{RenderOptions, RenderRequest, RenderWith, Tools};

/// A real tool: from `KUBEBUILDER_ASSETS`, or from the folder that the testbed builds into.
fn real(name: &str) -> PathBuf {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let built = cache.and_then(|cache| fs::read_dir(cache.join("anchorwatch/testbed")).ok());
    let mut folders: Vec<PathBuf> =
        assets.into_iter().chain(built.into_iter().flatten().flatten().map(|entry| entry.path())).collect();
    folders.sort();
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no {name}: run cargo run -p anchorwatch-testbed --bin testbed -- build"))
}

pub(crate) fn real_tools() -> Tools {
    Tools { kubectl: Some(real("kubectl")), kustomize: None, helm: Some(real("helm")) }
}

/// A script in the place of every tool.
pub(crate) fn fake_tools(folder: &Path, script: &str) -> Tools {
    let path = fake(folder, script);
    Tools { kubectl: Some(path.clone()), kustomize: None, helm: Some(path) }
}

pub(crate) fn request(root: &Path, folder: &str, with: RenderWith, tools: Tools) -> RenderRequest {
    RenderRequest {
        folder: root.join(folder),
        root: Some(root.to_owned()),
        with,
        tools,
        options: RenderOptions::default(),
    }
}

/// A folder with files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let at = folder.path().join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }
    folder
}
