//! Programs in the place of real ones.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

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
