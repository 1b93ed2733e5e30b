//! A copy of all that a rendering reads, in which files are changed to see what is rendered then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::helm::{check_links, find_values, unread};
use super::kustomization::{self, FILE_NAMES};
use super::{Job, RenderError, RenderRequest, RenderWith, Rendered, Values, render};
use crate::files::{COUNT_LIMIT, is_manifest, path_text};

/// A copy in a folder of its own, which goes with this value.
#[derive(Debug)]
pub struct Trial {
    copy: TempDir,
    root: PathBuf,
    folder: String,
    request: RenderRequest,
    files: BTreeMap<String, Vec<u8>>,
    others: BTreeMap<String, Vec<u8>>,
    saw_all: bool,
    values: Vec<Option<String>>,
}

impl Trial {
    /// Copies what this rendering reads.
    ///
    /// Its root is the request's; on disk the enclosing working folder of Git, or the folder around all that is read.
    pub async fn of(request: &RenderRequest) -> Result<Self, RenderError> {
        let request = request.clone();
        tokio::task::spawn_blocking(move || copy(&request)).await?
    }

    /// The folder that all paths are relative to, where it really is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is rendered, as a path from the root; empty for the root itself.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The files that the rendering reads, by their paths from the root.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// Kustomizations below the root that it does not read; they may build upon the same files.
    pub fn others(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.others
    }

    /// False if there is too much below the root to have looked for every kustomization.
    pub fn saw_all(&self) -> bool {
        self.saw_all
    }

    /// Values over a chart's own, the last win: files by their paths from the root, or nothing where they are in no file.
    pub fn values(&self) -> &[Option<String>] {
        &self.values
    }

    /// Renders with some files as they are given here.
    pub async fn render(&self, changed: &BTreeMap<String, String>) -> Result<Rendered, RenderError> {
        let written = changed.iter().try_for_each(|(path, text)| write(self.copy.path(), path, text.as_bytes()));
        let rendered = match written {
            Ok(()) => render(&self.request).await,
            Err(error) => Err(error),
        };
        for path in changed.keys() {
            match self.files.get(path) {
                Some(bytes) => write(self.copy.path(), path, bytes)?,
                None => drop(fs::remove_file(self.copy.path().join(path))),
            }
        }
        rendered
    }
}

fn copy(request: &RenderRequest) -> Result<Trial, RenderError> {
    let job = Arc::new(Job::of(request)?);
    let mut read = match &request.with {
        RenderWith::Kustomize => of_kustomization(&job)?,
        RenderWith::Helm(_) => of_chart(&job)?,
    };
    let values = values(&job)?;
    read.extend(values.iter().filter_map(|values| values.clone().err()));
    let root = job.root.clone().unwrap_or_else(|| around(&job.folder, &read));
    let copy = tempfile::Builder::new().prefix("anchorwatch-trial-").tempdir().map_err(RenderError::Prepare)?;
    let mut files = BTreeMap::new();
    for path in &read {
        let Some(name) = inside(&root, path) else { continue };
        let bytes = fs::read(path).map_err(|source| RenderError::FindFolder { path: path.clone(), source })?;
        write(copy.path(), &name, &bytes)?;
        files.insert(name, bytes);
    }
    let folder = inside(&root, &job.folder).unwrap_or_default();
    let (others, saw_all) = match request.with {
        RenderWith::Kustomize => others(&root, &files),
        RenderWith::Helm(_) => Default::default(),
    };
    let here = |path: &Path| inside(&root, path).map(|name| (copy.path().join(&name), name));
    let mut request = request.clone();
    let mut names = Vec::new();
    if let RenderWith::Helm(release) = &mut request.with {
        let placed = values.into_iter().map(|values| match values.map_err(|path| (here(&path), path)) {
            Ok(inline) => (inline, None),
            Err((Some((at, name)), _)) => (Values::File(at), Some(name)),
            Err((None, path)) => (Values::Given(path), None),
        });
        (release.values, names) = placed.unzip();
    }
    request.folder = copy.path().join(&folder);
    request.root = Some(copy.path().to_owned());
    Ok(Trial { copy, root, folder, request, files, others, saw_all, values: names })
}

/// The files that a kustomization reads.
fn of_kustomization(job: &Job) -> Result<BTreeSet<PathBuf>, RenderError> {
    let read = kustomization::check(job)?.into_iter();
    let mut files: BTreeSet<PathBuf> =
        read.filter_map(|path| if path.is_dir() { kustomization::file_of(&path) } else { Some(path) }).collect();
    // What lies beside it, so that nothing new gets a name that is taken.
    let beside = fs::read_dir(&job.folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.extend(beside.filter(|path| path.is_file() && is_manifest(path.as_os_str().as_encoded_bytes())));
    Ok(files)
}

/// The files of a chart, links in it followed.
fn of_chart(job: &Job) -> Result<BTreeSet<PathBuf>, RenderError> {
    check_links(job, &job.folder)?;
    let mut found = BTreeSet::new();
    let mut ahead = vec![(job.folder.clone(), 0)];
    while let Some((folder, depth)) = ahead.pop() {
        let failed = |source| RenderError::FindFolder { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_git = path.file_name().is_some_and(|name| name == ".git");
            if path.is_dir() {
                // A link may lead to a folder around it.
                if !is_git && depth < 32 {
                    ahead.push((path, depth + 1));
                }
            } else if path.is_file() && found.len() < COUNT_LIMIT {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

/// Values over a chart's own: as they are, or the real path of their file.
fn values(job: &Job) -> Result<Vec<Result<Values, PathBuf>>, RenderError> {
    let RenderWith::Helm(release) = &job.request.with else { return Ok(Vec::new()) };
    let one = |values: &Values| match values {
        Values::File(path) => Ok(Err(find_values(job, path)?)),
        Values::Given(path) => path.canonicalize().map(Err).map_err(|error| unread(path, error.to_string())),
        Values::Inline(_) => Ok(Ok(values.clone())),
    };
    release.values.iter().map(one).collect()
}

/// The working folder of Git around a folder, if everything lies in it; else the folder around everything.
fn around(folder: &Path, files: &BTreeSet<PathBuf>) -> PathBuf {
    let holds_all = |root: &&Path| files.iter().all(|file| file.starts_with(root));
    let of_git = folder.ancestors().find(|folder| folder.join(".git").exists()).filter(holds_all);
    of_git.or_else(|| folder.ancestors().find(holds_all)).unwrap_or(folder).to_owned()
}

/// Every kustomization below a root that is none of these files; false if there is too much to look at.
fn others(root: &Path, files: &BTreeMap<String, Vec<u8>>) -> (BTreeMap<String, Vec<u8>>, bool) {
    let mut found = BTreeMap::new();
    let mut looked_at = 0;
    let mut ahead = vec![root.to_owned()];
    while let Some(folder) = ahead.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let (name, path) = (entry.file_name(), entry.path());
            looked_at += 1;
            if looked_at > COUNT_LIMIT {
                return (found, false);
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.as_encoded_bytes().starts_with(b".") {
                ahead.push(path);
            } else if FILE_NAMES.iter().any(|known| *known == name)
                && let Some(shown) = inside(root, &path).filter(|shown| !files.contains_key(shown))
                && let Ok(bytes) = fs::read(&path)
            {
                found.insert(shown, bytes);
            }
        }
    }
    (found, true)
}

/// A path from a root, `/`-separated.
fn inside(root: &Path, path: &Path) -> Option<String> {
    Some(path_text(path.strip_prefix(root).ok()?.as_os_str().as_encoded_bytes()))
}

fn write(root: &Path, path: &str, bytes: &[u8]) -> Result<(), RenderError> {
    let file = root.join(path);
    let made = file.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(file, bytes)).map_err(RenderError::Prepare)
}
