//! Renderers for tests: the real ones, and scripts in their place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anchorwatch_edge::render::{RenderOptions, RenderRequest, RenderWith, Tools};

/// A real tool: from `KUBEBUILDER_ASSETS`, or from the folder that the testbed builds into.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let cache = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/anchorwatch/testbed"));
    let built = cache.and_then(|cache| fs::read_dir(cache).ok()).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = assets.into_iter().chain(built.map(|entry| entry.path())).collect();
    folders.sort();
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        // Straight to the terminal: a test that ran nothing must not look like one that did.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("skipped: no {name}\n").as_bytes());
    }
    found
}

pub(crate) fn real_tools() -> Option<Tools> {
    Some(Tools { kubectl: Some(real("kubectl")?), kustomize: None, helm: Some(real("helm")?) })
}

/// A script in the place of every tool.
pub(crate) fn fake_tools(folder: &Path, script: &str) -> Tools {
    let path = fake(folder, script);
    Tools { kubectl: Some(path.clone()), kustomize: None, helm: Some(path) }
}

/// A program, written by another process: one that this process still has open cannot be started, and a test beside
/// this one may be starting a child that inherits the open file for a moment.
pub(crate) fn fake(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("fake");
    let mut write = Command::new("sh");
    write
        .args(["-c", "printf '#!/bin/sh\\nPATH=/usr/bin:/bin\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .arg(&path)
        .arg(script);
    assert!(write.status().unwrap().success());
    path
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

/// Waits for a process to be gone; one that nobody reaped yet is gone too.
pub(crate) async fn ends(id: &str) -> bool {
    for _ in 0..100 {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
