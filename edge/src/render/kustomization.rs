//! What a kustomization refers to, found before the tool follows it: what would have to be fetched, and what lies
//! outside the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
/// The `apiVersion` of kustomize's own plugins.
const PLUGIN: &str = "builtin";
/// More files than that are no source.
const MOST: usize = 100_000;

/// Looks at a kustomization and all that it builds upon; gives the files and folders that it reads.
pub(super) fn check(job: &Job) -> Result<BTreeSet<PathBuf>, RenderError> {
    let mut seen = BTreeSet::from([job.folder.clone()]);
    let mut ahead = vec![job.folder.clone()];
    while let Some(path) = ahead.pop() {
        for next in references(job, &path)? {
            if seen.len() < MOST && seen.insert(next.clone()) {
                ahead.push(next);
            }
        }
    }
    Ok(seen)
}

/// The kustomization of a folder.
pub(super) fn file_of(folder: &Path) -> Option<PathBuf> {
    FILE_NAMES.iter().map(|name| folder.join(name)).find(|file| file.is_file())
}

/// The files and folders that a folder's kustomization, or a file, refers to.
fn references(job: &Job, path: &Path) -> Result<Vec<PathBuf>, RenderError> {
    if path.is_dir() {
        return file_of(path).map_or(Ok(Vec::new()), |at| Referrer { job, folder: path, at: &at }.of_kustomization());
    }
    let folder = path.parent().unwrap_or(path);
    Referrer { job, folder, at: path }.of_file()
}

/// A file, and the folder that its paths are relative to.
struct Referrer<'a> {
    job: &'a Job,
    folder: &'a Path,
    at: &'a Path,
}

impl Referrer<'_> {
    fn of_kustomization(&self) -> Result<Vec<PathBuf>, RenderError> {
        let text = self.read()?;
        let mut found = Vec::new();
        for document in self.documents(&text)? {
            for entry in entries(&document) {
                if entry.contains('\n') {
                    found.extend(self.of_plugin(entry)?);
                } else {
                    found.extend(self.judge(entry, line(&text, entry))?);
                }
            }
        }
        Ok(found)
    }

    /// Of all files only the settings of kustomize's own plugins refer to others.
    fn of_file(&self) -> Result<Vec<PathBuf>, RenderError> {
        let plugin = PLUGIN.as_bytes();
        let may_be = fs::read(self.at).is_ok_and(|text| text.windows(plugin.len()).any(|part| part == plugin));
        if may_be { self.of_plugin(&self.read()?) } else { Ok(Vec::new()) }
    }

    fn of_plugin(&self, text: &str) -> Result<Vec<PathBuf>, RenderError> {
        let mut found = Vec::new();
        // What cannot be read is for the tool to complain of.
        for document in self.documents(text).unwrap_or_default() {
            if document["apiVersion"] == PLUGIN {
                for entry in plugin_entries(&document) {
                    found.extend(self.judge(entry, line(text, entry))?);
                }
            }
        }
        Ok(found)
    }

    fn read(&self) -> Result<String, RenderError> {
        let text = fs::read(self.at).map_err(|error| self.unreadable(0, error.to_string()))?;
        String::from_utf8(text).map_err(|_| self.unreadable(0, "not UTF-8".to_owned()))
    }

    fn documents(&self, text: &str) -> Result<Vec<Value>, RenderError> {
        let documents = to_json(text).map_err(|problem| self.unreadable(problem.line as usize, problem.message))?;
        let parsed = documents.iter().map(|document| serde_json::from_str(document));
        parsed.collect::<Result<_, _>>().map_err(|error| self.unreadable(0, error.to_string()))
    }

    /// What the entry names, if it is there.
    fn judge(&self, entry: &str, line: usize) -> Result<Option<PathBuf>, RenderError> {
        let file = || self.job.shown(self.at);
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
        Ok(Some(target))
    }

    fn unreadable(&self, line: usize, message: String) -> RenderError {
        RenderError::ReadKustomization { file: self.job.shown(self.at), line, message }
    }
}

/// What a kustomization refers to. Texts of several lines are objects written in place.
fn entries(document: &Value) -> Vec<&str> {
    let mut found = plugin_entries(document);
    for list in LISTS {
        texts(&document[list], &mut found);
    }
    found
}

/// What the fields refer to that plugins have too.
fn plugin_entries(document: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    nested(document, &mut found);
    let files = found.iter().filter_map(|entry| entry.split_once('=').map(|(_, file)| file)).collect::<Vec<_>>();
    found.extend(files);
    found.retain(|entry| !entry.is_empty());
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
        user.starts_with(|c: char| c.is_ascii_alphabetic())
            && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
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
            "https://example.com/a.yaml",
            "http://h/x",
            "git@host:org/x",
            "user-1@host/x",
            "ssh://git@h/x//p?ref=a",
            "github.com/org/repo//base?ref=v1",
            "GitHub.com/org/repo",
            "git::https://h/x",
            "file:///srv/repo",
            "gh:org/x",
            "host.example/org/repo?ref=main",
            "oci://h/x",
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
        let expected = [
            "../base",
            "a.yaml",
            "b",
            "e",
            "https://h/x",
            "k=https://h/x",
            "kind: X\nspec: 1\n",
            "p.yaml",
            "schema.json",
        ];
        assert_eq!(found, expected);
    }
}
