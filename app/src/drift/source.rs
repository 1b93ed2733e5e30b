//! Reading a source: a path or Git, plain or rendered, with what Git said before.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::path::{Path, PathBuf};

use anchorwatch_core::delivery::{ChartValues, Form, Reading};
use anchorwatch_core::drift::report::NotCompared;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::schema::Schema;
use anchorwatch_core::source::{self, Contents};
use anchorwatch_edge::cluster::Served;
use anchorwatch_edge::files::{self, Skipped, SourceFile};
use anchorwatch_edge::git::{
    AccessToken, Commit, Export, GitError, GitLocation, GitOptions, GitRepository, History, TreePath,
};
use anchorwatch_edge::render::{self, HelmRelease, RenderOptions, RenderRequest, RenderWith, Renderer, Tools, Values};
use rayon::prelude::*;

use super::side::Opening;
use super::unstable::Unstable;
use crate::failure::Failure;
use crate::secret::Secret;

/// What a person says about a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceRequest {
    /// A path, or `REPO[//PATH][?ref=REV]`.
    pub(crate) address: String,
    /// Values files for a chart.
    pub(crate) values: Vec<PathBuf>,
    /// Release name for a chart.
    pub(crate) release: Option<String>,
    /// Namespace for a chart, and of objects that name none.
    pub(crate) namespace: Option<String>,
    /// Whether a kustomization may fetch bases from elsewhere.
    pub(crate) allow_remote_bases: bool,
    /// How a service reaches Git; a person's own setup without it.
    pub(crate) git: Option<GitAccess>,
    /// How a delivery tool reads it, where it was discovered; nothing where a person wrote it.
    pub(crate) delivered: Option<Delivered>,
}

/// What an object of a delivery tool says of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The object, for people.
    pub(crate) object: String,
    /// How its tool reads the folder, or why it is not read here.
    pub(crate) reading: Result<Reading, String>,
}

impl SourceRequest {
    /// True unless it is known beforehand that it is not read.
    pub(crate) fn is_read(&self) -> bool {
        self.delivered.as_ref().is_none_or(|delivered| delivered.reading.is_ok())
    }

    fn reading(&self) -> Option<&Reading> {
        self.delivered.as_ref()?.reading.as_ref().ok()
    }

    /// The release's name, by a person's word or a tool's.
    fn release(&self) -> Option<&str> {
        self.release.as_deref().or_else(|| self.reading()?.release.as_deref())
    }
}

/// How a service reaches Git: as it was configured, and not as a person is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitAccess {
    /// Where copies of remote repositories are kept.
    pub(crate) copies: PathBuf,
    /// The hosts that ssh may talk to.
    pub(crate) known_hosts: Option<PathBuf>,
    /// Certificates of https servers of one's own.
    pub(crate) certificate_authority: Option<PathBuf>,
    /// The name and the token that the source's host is shown.
    pub(crate) token: Option<(String, Secret)>,
    /// The key that ssh shows the source's host.
    pub(crate) ssh_key: Option<PathBuf>,
}

impl GitAccess {
    /// The token is read each time: it may be renewed while the service runs.
    fn options(&self) -> Result<GitOptions, Failure> {
        let token = self
            .token
            .as_ref()
            .map(|(user, token)| Ok::<_, Failure>(AccessToken { user: user.clone(), token: token.read()? }));
        Ok(GitOptions {
            personal: false,
            known_hosts: self.known_hosts.clone(),
            certificate_authority: self.certificate_authority.clone(),
            ssh_key: self.ssh_key.clone(),
            token: token.transpose()?,
            ..GitOptions::default()
        })
    }
}

/// A source that was read.
#[derive(Debug)]
pub(crate) struct ReadSource {
    /// The files, or the rendering as one file.
    pub(crate) files: Vec<SourceFile>,
    /// Where they come from.
    pub(crate) origin: SourceOfFiles,
    /// The second rendering, where it differs from the first.
    second: Option<SourceFile>,
    /// How it was rendered, where it was.
    pub(crate) rendering: Option<RenderRequest>,
    /// The files of a commit that it was rendered from; they go with this value.
    pub(crate) export: Option<Export>,
    /// What was left out.
    pub(crate) not_compared: Vec<NotCompared>,
    /// What Git said before; not for renderings.
    pub(crate) history: Option<History>,
    /// Why that could not be read.
    pub(crate) history_fault: Option<String>,
}

/// Where the files of a source come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceOfFiles {
    /// Paths, by the index that each object carries.
    pub(crate) files: Vec<String>,
    /// The folder that they are named from: of a repository the one in it, on disk the one that was named. Empty, or with
    /// a `/` at its end.
    pub(crate) root: String,
    /// True if the source is one file, and not a folder.
    pub(crate) is_one_file: bool,
    /// Commit; `None` for files on disk that are not as it has them.
    pub(crate) commit: Option<String>,
    /// True where kustomize or Helm made the objects.
    pub(crate) rendered: bool,
    /// First lines of the documents of a rendering, and the template that each came from.
    templates: Vec<(u32, String)>,
}

impl SourceOfFiles {
    /// `file:line` for people; of a rendering, the template.
    pub(crate) fn place(&self, file: usize, line: u32) -> String {
        let name = self.file_at(file, line).or_else(|| self.files.get(file).cloned()).unwrap_or_default();
        if self.rendered { name } else { format!("{name}:{line}") }
    }

    /// The file that an object on this line came from, where that is known.
    pub(crate) fn file_at(&self, file: usize, line: u32) -> Option<String> {
        if !self.rendered {
            return self.files.get(file).cloned();
        }
        let after = self.templates.partition_point(|(start, _)| *start <= line);
        after.checked_sub(1).map(|at| self.templates[at].1.clone())
    }
}

/// Reads a source.
///
/// A chart is rendered for the cluster of the live side, where there is one.
pub(crate) async fn read(
    request: &SourceRequest,
    live: Option<&mut Opening>,
    scratch: &Path,
) -> Result<ReadSource, Failure> {
    if let Some(Delivered { object, reading: Err(reason) }) = &request.delivered {
        return Ok(ReadSource::refused(object, reason.clone()));
    }
    if !GitLocation::is_meant_by(&request.address) {
        return read_disk(request, Path::new(&request.address), live).await;
    }
    let location: GitLocation =
        request.address.parse().map_err(|error: anchorwatch_edge::git::ParseLocationError| {
            let failure = Failure::because(&error);
            // What stands before an @ may be a password.
            let shown = !request.address.contains('@');
            let failure = if shown { failure.detail(format!("in --source {}", request.address)) } else { failure };
            hinted(failure, error.hint())
        })?;
    let fail = |error: GitError| hinted(Failure::because(&error), error.hint());
    let (repository, commit) = open(request, &location, scratch).await?;
    let names = repository.names(&commit, location.path()).await.map_err(fail)?;
    let renderer = Renderer::detect(names.iter().map(String::as_str));
    let delivery = match &request.delivered {
        Some(Delivered { object, reading: Ok(reading) }) => {
            let files = repository.files(&commit).await.map_err(fail)?;
            if let Some(reason) = reading.refusal(location.path().as_str(), form(renderer), &files) {
                return Ok(ReadSource::refused(object, reason));
            }
            Some((reading, files))
        }
        _ => None,
    };
    if let Some(renderer) = renderer {
        let export = repository.export(&commit, location.path(), scratch).await.map_err(fail)?;
        let mut read = render_folder(request, renderer, export.folder(), Some(export.root()), live).await?;
        read.origin.commit = Some(commit.id.as_str().to_owned());
        read.not_compared.extend(export.skipped().iter().filter(|s| inside(&s.path, location.path())).map(left_out));
        read.not_compared.extend(request.reading().and_then(besides));
        read.export = Some(export);
        return Ok(read);
    }
    check_flags(request)?;
    let mut tree = repository.read_tree(&commit, location.path()).await.map_err(fail)?;
    if let Some((reading, files)) = &delivery {
        let folder = location.path().as_str();
        tree.files.retain(|file| reading.delivers(&file.path, folder, files) && !reading.passes_over(&file.bytes));
        tree.skipped.retain(|skipped| match skipped.reason {
            files::SkipReason::Rendered(_) | files::SkipReason::Submodule => reading.delivers_below(),
            _ => reading.delivers(&skipped.path, folder, files),
        });
    }
    let skipped = tree.skipped.iter().map(left_out);
    Ok(ReadSource {
        origin: SourceOfFiles {
            files: tree.files.iter().map(|f| f.path.clone()).collect(),
            root: root_of(Path::new(location.path().as_str()), &tree.files),
            is_one_file: is_one_file(Path::new(location.path().as_str()), &tree.files),
            commit: Some(commit.id.as_str().to_owned()),
            ..SourceOfFiles::default()
        },
        not_compared: skipped.chain(request.reading().and_then(besides)).collect(),
        files: tree.files,
        second: None,
        rendering: None,
        export: None,
        history: Some(repository.history(&commit, location.path())),
        history_fault: None,
    })
}

/// The repository of a source, and the commit that is its state now.
async fn open(
    request: &SourceRequest,
    location: &GitLocation,
    scratch: &Path,
) -> Result<(GitRepository, Commit), Failure> {
    let fail = |error: GitError| hinted(Failure::because(&error), error.hint());
    let (options, copies) = reached(request.git.as_ref(), scratch)?;
    let repository = GitRepository::open(location, options, copies).await.map_err(fail)?;
    let commit = repository.resolve(location.revision()).await.map_err(fail)?;
    Ok((repository, commit))
}

/// How Git is reached, and where copies of repositories are kept: by a service as it was configured, else as the person is set up.
pub(super) fn reached<'a>(access: Option<&'a GitAccess>, scratch: &'a Path) -> Result<(GitOptions, &'a Path), Failure> {
    match access {
        Some(access) => Ok((access.options()?, access.copies.as_path())),
        None => Ok((GitOptions::default(), scratch)),
    }
}

/// What [`ReadSource::version`] would be if the source were read now. `None` where nobody knows: it cannot be read, only
/// rendering it would tell, or what is rendered lies elsewhere, too.
pub(crate) async fn version(request: &SourceRequest) -> Option<u64> {
    if !request.values.is_empty() || request.allow_remote_bases {
        return None;
    }
    if GitLocation::is_meant_by(&request.address) {
        let location = request.address.parse().ok()?;
        let scratch = tempfile::tempdir().ok()?;
        let (_, commit) = open(request, &location, scratch.path()).await.ok()?;
        return Some(version_of(commit.id.as_str()));
    }
    let path = Path::new(&request.address);
    if renderer_on_disk(path).ok()?.is_some() {
        return None;
    }
    read_disk(request, path, None).await.ok().map(|source| source.version())
}

fn version_of(what: impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    what.hash(&mut hash);
    hash.finish()
}

fn form(renderer: Option<Renderer>) -> Form {
    match renderer {
        None => Form::Plain,
        Some(Renderer::Kustomize) => Form::Kustomize,
        Some(Renderer::Helm) => Form::Helm,
    }
}

/// What a delivery tool makes beside what is in the folder.
fn besides(reading: &Reading) -> Option<NotCompared> {
    let (what, reason) = reading.besides.clone()?;
    Some(NotCompared { what, namespace: String::new(), reason })
}

/// What renders a folder, if something does.
#[expect(clippy::disallowed_methods, reason = "the names in a folder that a person named")]
fn renderer_on_disk(path: &Path) -> Result<Option<Renderer>, Failure> {
    if !path.is_dir() {
        return Ok(None);
    }
    let names: Vec<String> = std::fs::read_dir(path)
        .map_err(|e| Failure::new(format!("cannot read the source {}", path.display())).detail(e.to_string()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    Ok(Renderer::detect(names.iter().map(String::as_str)))
}

async fn read_disk(request: &SourceRequest, path: &Path, live: Option<&mut Opening>) -> Result<ReadSource, Failure> {
    if let Some(renderer) = renderer_on_disk(path)? {
        return render_folder(request, renderer, path, None, live).await;
    }
    check_flags(request)?;
    let tree = files::read_tree(path).await.map_err(|error| hinted(Failure::because(&error), error.hint()))?;
    let (history, history_fault) = match history_on_disk(path, &tree.files).await {
        Ok(history) => (history, None),
        Err(error) => (None, Some(error.hint().map_or(error.to_string(), |hint| format!("{error}; {hint}")))),
    };
    let committed = history.as_ref().filter(|history| history.is_committed());
    Ok(ReadSource {
        origin: SourceOfFiles {
            files: tree.files.iter().map(|f| f.path.clone()).collect(),
            root: root_of(path, &tree.files),
            is_one_file: is_one_file(path, &tree.files),
            commit: committed.map(|history| history.commit().id.to_string()),
            ..SourceOfFiles::default()
        },
        files: tree.files,
        second: None,
        rendering: None,
        export: None,
        not_compared: tree.skipped.iter().map(left_out).collect(),
        history,
        history_fault,
    })
}

/// What Git said of files on disk before, where they are in a repository and were ever committed.
async fn history_on_disk(path: &Path, files: &[SourceFile]) -> Result<Option<History>, GitError> {
    let Some((repository, inside)) = GitRepository::around(path, GitOptions::default()).await? else { return Ok(None) };
    let found = async {
        let commit = repository.resolve(None).await?;
        repository.history_on_disk(&commit, &inside, files).await
    };
    match found.await {
        Err(GitError::ResolveRevision { .. } | GitError::FindPath { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// Refuses what is said of a rendering where nothing is rendered: it would change nothing, in silence.
fn check_flags(request: &SourceRequest) -> Result<(), Failure> {
    let said = [
        ("--values", !request.values.is_empty()),
        ("--release-name", request.release.is_some()),
        ("--allow-remote-bases", request.allow_remote_bases),
    ];
    let Some((flag, _)) = said.into_iter().find(|(_, is_said)| *is_said) else { return Ok(()) };
    Err(Failure::new(format!("{flag} means nothing for {}", request.address))
        .detail("it holds plain files: neither a Chart.yaml nor a kustomization.yaml")
        .hint("leave it out, or name the folder of the chart or kustomization"))
}

fn is_one_file(source: &Path, files: &[SourceFile]) -> bool {
    matches!(files, [only] if source.file_name().is_some_and(|name| *name == *only.path.as_str()))
}

/// The folder of a source, or of the one file that it is.
fn root_of(source: &Path, files: &[SourceFile]) -> String {
    let folder = if is_one_file(source, files) { source.parent().unwrap_or(source) } else { source };
    let folder = folder.to_string_lossy();
    let folder = folder.trim_start_matches("./").trim_end_matches('/');
    if matches!(folder, "" | ".") { String::new() } else { format!("{folder}/") }
}

async fn render_folder(
    request: &SourceRequest,
    renderer: Renderer,
    folder: &Path,
    root: Option<&Path>,
    live: Option<&mut Opening>,
) -> Result<ReadSource, Failure> {
    let (with, not_compared) = match renderer {
        Renderer::Kustomize => (RenderWith::Kustomize, Vec::new()),
        Renderer::Helm => {
            let Some(name) = request.release() else {
                return Err(Failure::new(format!(
                    "cannot render the chart {}: its release has no name",
                    request.address
                ))
                .detail("most charts name their objects after it; under another name all of them would seem gone")
                .hint("name it with --release-name, as helm list shows it"));
            };
            let served = served(live).await?;
            (RenderWith::Helm(helm_release(request, name, &served, root.unwrap_or(folder))), served.not_compared())
        }
    };
    let render = RenderRequest {
        folder: folder.to_owned(),
        root: root.map(Path::to_owned),
        with,
        tools: Tools::default(),
        options: RenderOptions { allow_remote: request.allow_remote_bases, ..RenderOptions::default() },
    };
    let twice = render::render_twice(&render).await.map_err(|error| hinted(Failure::because(&error), error.hint()))?;
    let second = (!twice.is_deterministic()).then_some(twice.second.text);
    let name = match renderer {
        Renderer::Kustomize => "kustomization.yaml",
        Renderer::Helm => "Chart.yaml",
    };
    let file = |bytes| SourceFile { path: name.to_owned(), bytes };
    let templates = twice
        .first
        .origins
        .iter()
        .map(|origin| (u32::try_from(origin.line).unwrap_or(u32::MAX), origin.file.clone()))
        .collect();
    Ok(ReadSource {
        files: vec![file(twice.first.text)],
        origin: SourceOfFiles { files: vec![name.to_owned()], rendered: true, templates, ..SourceOfFiles::default() },
        second: second.map(file),
        rendering: Some(render),
        export: None,
        not_compared,
        history: None,
        history_fault: None,
    })
}

/// The cluster that a chart is rendered for; nothing is known of one that was recorded.
#[derive(Debug, Default)]
struct RenderedFor {
    kube_version: Option<String>,
    served: Served,
}

async fn served(live: Option<&mut Opening>) -> Result<RenderedFor, Failure> {
    let Some(opening) = live else { return Ok(RenderedFor::default()) };
    let Some((cluster, minor)) = opening.side().await?.served() else { return Ok(RenderedFor::default()) };
    let served = cluster.served().await.map_err(|error| super::live::cluster_failure(&error))?;
    Ok(RenderedFor { kube_version: minor.map(|minor| format!("v1.{}.0", minor.0)), served })
}

impl RenderedFor {
    /// A chart may make other objects of a version whose kinds nobody knows now.
    fn not_compared(&self) -> Vec<NotCompared> {
        let unknown = self.served.faults.iter().map(|(version, error)| NotCompared {
            what: format!("what the chart makes of {version}"),
            namespace: String::new(),
            reason: format!("its kinds could not be asked for: {error}"),
        });
        unknown.collect()
    }
}

fn helm_release(request: &SourceRequest, name: &str, cluster: &RenderedFor, root: &Path) -> HelmRelease {
    let mut values: Vec<Values> = request.values.iter().map(|path| Values::Given(path.clone())).collect();
    values.extend(request.reading().into_iter().flat_map(|reading| &reading.values).map(|own| match own {
        ChartValues::Inline(text) => Values::Inline(text.clone().into_bytes()),
        ChartValues::File(path) => match path.strip_prefix('/') {
            Some(from_root) => Values::File(root.join(from_root)),
            None => Values::File(path.into()),
        },
    }));
    HelmRelease {
        name: name.to_owned(),
        namespace: request.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        kube_version: cluster.kube_version.clone(),
        api_versions: cluster.served.versions.clone(),
        values,
    }
}

pub(super) fn hinted(failure: Failure, hint: Option<impl Into<String>>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn inside(path: &str, folder: &TreePath) -> bool {
    folder.as_str().is_empty() || path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

fn left_out(skipped: &Skipped) -> NotCompared {
    NotCompared { what: skipped.path.clone(), namespace: String::new(), reason: skipped.reason.to_string() }
}

impl ReadSource {
    /// Nothing of it, for this reason.
    fn refused(object: &str, reason: String) -> Self {
        Self {
            files: Vec::new(),
            origin: SourceOfFiles::default(),
            second: None,
            rendering: None,
            export: None,
            not_compared: vec![NotCompared { what: object.to_owned(), namespace: String::new(), reason }],
            history: None,
            history_fault: None,
        }
    }

    /// Another number when something in it has changed: the commit, or for files on disk what they hold.
    pub(crate) fn version(&self) -> u64 {
        match &self.origin.commit {
            Some(commit) => version_of(commit.as_str()),
            None => version_of(self.files.iter().map(|file| (&file.path, &file.bytes)).collect::<Vec<_>>()),
        }
    }

    /// True unless it was rendered twice, and otherwise the second time.
    pub(super) fn is_deterministic(&self) -> bool {
        self.second.is_none()
    }

    /// Reads the objects of all files.
    pub(crate) fn contents<'a>(&'a self, key: &SecretKey) -> Contents<'a> {
        let read: Vec<Contents<'a>> =
            self.files.par_iter().enumerate().map(|(at, file)| source::read(at, &file.bytes, key)).collect();
        let mut contents = Contents::default();
        for mut of_file in read {
            contents.objects.append(&mut of_file.objects);
            contents.problems.append(&mut of_file.problems);
        }
        contents
    }

    /// Finds what two renderings do not agree on.
    pub(crate) fn unstable(&self, contents: &Contents<'_>, schema: &Schema, key: &SecretKey) -> Unstable {
        let Some(file) = &self.second else { return Unstable::default() };
        Unstable::between(contents, &source::read(0, &file.bytes, key), schema)
    }
}
