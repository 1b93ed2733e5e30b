//! What a kustomization refers to, found before the tool follows it: what would have to be fetched, and what lies
//! outside the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anchorwatch_core::source::to_json;
use serde_json::Value;

use super::Job;
use super::error::RenderError;

/// The names that a kustomization's file may have.
pub(super) const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// Fields that list files, folders or addresses.
const LISTS: [&str; 9] = [
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "patchesStrategicMerge",
];
/// Fields, at any depth, whose text or texts name files; a generator's may be written `KEY=FILE`.
const NESTED: [&str; 4] = ["path", "files", "envs", "env"];
/// More kustomizations than that are no source.
const MOST: usize = 10_000;

/// Looks at a kustomization and all that it builds upon.
pub(super) fn check(job: &Job) -> Result<(), RenderError> {
    let mut seen = BTreeSet::from([job.folder.clone()]);
    let mut ahead = vec![job.folder.clone()];
    while let Some(folder) = ahead.pop() {
        let Some(file) = FILE_NAMES.iter().map(|name| folder.join(name)).find(|file| file.is_file()) else { continue };
        for base in (Kustomization { job, at: file, folder }).bases()? {
            if seen.len() < MOST && seen.insert(base.clone()) {
                ahead.push(base);
            }
        }
    }
    Ok(())
}

struct Kustomization<'a> {
    job: &'a Job,
    at: PathBuf,
    folder: PathBuf,
}

impl Kustomization<'_> {
    /// The folders that it builds upon, after all that it refers to was judged.
    fn bases(&self) -> Result<Vec<PathBuf>, RenderError> {
        let text = fs::read(&self.at).map_err(|error| self.unreadable(0, error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| self.unreadable(0, "not UTF-8".to_owned()))?;
        let documents =
            to_json(&text).map_err(|problem| self.unreadable(problem.line as usize, problem.message))?;
        let mut bases = Vec::new();
        for document in documents {
            let value: Value =
                serde_json::from_str(&document).map_err(|error| self.unreadable(0, error.to_string()))?;
            for entry in entries(&value) {
                bases.extend(self.judge(entry, line(&text, entry))?);
            }
        }
        Ok(bases)
    }

    /// A folder that the entry names, if it names one.
    fn judge(&self, entry: &str, line: usize) -> Result<Option<PathBuf>, RenderError> {
        let file = || self.job.shown(&self.at);
        if is_remote(entry) {
            if self.job.request.options.allow_remote {
                return Ok(None);
            }
            return Err(RenderError::FetchBase { file: file(), line, entry: without_user_info(entry) });
        }
        // What is not there is for the tool to complain of.
        let Ok(target) = self.folder.join(entry).canonicalize() else { return Ok(None) };
        let inside = self.job.root.as_ref().is_none_or(|root| target.starts_with(root));
        if !inside {
            return Err(RenderError::LeaveRoot { file: file(), line, entry: entry.to_owned() });
        }
        Ok(target.is_dir().then_some(target))
    }

    fn unreadable(&self, line: usize, message: String) -> RenderError {
        RenderError::ReadKustomization { file: self.job.shown(&self.at), line, message }
    }
}

/// What a kustomization refers to. Texts of several lines are objects written in place.
fn entries(document: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    for list in LISTS {
        texts(&document[list], &mut found);
    }
    nested(document, &mut found);
    let files = found.iter().filter_map(|entry| entry.split_once('=').map(|(_, file)| file)).collect::<Vec<_>>();
    found.extend(files);
    found.retain(|entry| !entry.is_empty() && !entry.contains('\n'));
    found
}

fn nested<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if NESTED.contains(&key.as_str()) {
                    texts(value, found);
                }
                nested(value, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| nested(value, found)),
        _ => {}
    }
}

fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => found.extend(list.iter().filter_map(Value::as_str)),
        _ => {}
    }
}

/// The line that an entry stands on; 0 if it is not written as it reads.
fn line(text: &str, entry: &str) -> usize {
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    text.lines().position(|line| line.contains(entry) && !is_comment(line)).map_or(0, |line| line + 1)
}

/// What kustomize takes for an address: <https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/git/repospec.go>.
fn is_remote(entry: &str) -> bool {
    let lower = entry.to_ascii_lowercase();
    let has_user = lower.split_once('@').is_some_and(|(user, _)| {
        user.starts_with(|c: char| c.is_ascii_alphabetic()) && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    let starts = ["git::", "gh:", "github.com/", "github.com:", "www.github.com/"];
    let parts = ["://", "?ref=", "?version=", "&ref=", "&version="];
    has_user || starts.iter().any(|start| lower.starts_with(start)) || parts.iter().any(|part| lower.contains(part))
}

fn without_user_info(entry: &str) -> String {
    let Some((scheme, rest)) = entry.split_once("://") else { return entry.to_owned() };
    let host = rest.find('/').unwrap_or(rest.len());
    let start = rest[..host].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        let remote = [
            "https://example.com/a.yaml", "http://h/x", "git@host:org/x", "user-1@host/x", "ssh://git@h/x//p?ref=a",
            "github.com/org/repo//base?ref=v1", "GitHub.com/org/repo", "git::https://h/x", "file:///srv/repo", "gh:org/x",
            "host.example/org/repo?ref=main", "oci://h/x",
        ];
        let local = ["../base", "a.yaml", "./git@", "a/b@c/d.yaml", "github.com.yaml", "org/repo", "_1@x", "a?b.yaml"];
        for entry in remote {
            assert!(is_remote(entry), "{entry}");
        }
        for entry in local {
            assert!(!is_remote(entry), "{entry}");
        }
    }

    #[test]
    fn user_info_is_not_repeated() {
        assert_eq!(without_user_info("https://bob:secret@h/x?ref=a@b"), "https://h/x?ref=a@b");
        assert_eq!(without_user_info("git@h:x"), "git@h:x");
    }

    #[test]
    fn all_that_names_files_is_found() {
        let value = serde_json::json!({
            "resources": ["a.yaml", "../base"],
            "patches": [{"path": "p.yaml"}, {"patch": "- op: add\n  path: /x"}],
            "configMapGenerator": [{"files": ["k=https://h/x", "b"], "envs": ["e"]}],
            "generators": ["kind: X\nspec: 1\n"],
            "openapi": {"path": "schema.json"},
            "namePrefix": "https://no-reference/",
        });
        let mut found = entries(&value);
        found.sort_unstable();
        let expected =
            ["../base", "a.yaml", "b", "e", "https://h/x", "k=https://h/x", "p.yaml", "schema.json"];
        assert_eq!(found, expected);
    }
}
