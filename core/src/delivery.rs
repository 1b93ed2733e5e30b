//! What the objects of delivery tools say of sources: what is delivered from where, and how the tool reads it.
//!
//! A field that changes what is delivered is honoured, or is the reason why nothing of it is compared.

mod argo_cd;
mod fields;
mod flux;
pub mod pause;

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::drift::policy::glob;
use fields::Fields;

/// A delivery tool whose objects can serve as the list of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// Argo CD: each `Application`.
    ArgoCd,
    /// Flux: each `Kustomization`, with the `GitRepository` that it refers to.
    Flux,
}

/// A kind of a delivery tool's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its `apiVersion`.
    pub api_version: &'static str,
    /// Its resource.
    pub plural: &'static str,
}

impl Tool {
    /// The kinds that are listed: of what is delivered, and of what that refers to.
    pub fn kinds(self) -> &'static [Listed] {
        match self {
            Self::ArgoCd => &[Listed { api_version: "argoproj.io/v1alpha1", plural: "applications" }],
            Self::Flux => &[
                Listed { api_version: "kustomize.toolkit.fluxcd.io/v1", plural: "kustomizations" },
                Listed { api_version: "source.toolkit.fluxcd.io/v1", plural: "gitrepositories" },
            ],
        }
    }

    /// Reads the objects of its [kinds](Self::kinds), in their order.
    pub fn deliveries(self, listed: &[Vec<Json>]) -> Vec<Delivery> {
        let of = |at: usize| listed.get(at).map(Vec::as_slice).unwrap_or_default();
        match self {
            Self::ArgoCd => of(0).iter().map(argo_cd::read).collect(),
            Self::Flux => of(0).iter().map(|kustomization| flux::read(kustomization, of(1))).collect(),
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ArgoCd => "argo-cd",
            Self::Flux => "flux",
        })
    }
}

/// What one object has its tool deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its tool.
    pub tool: Tool,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The repository as it is written, also where nothing is compared; empty where none is.
    pub repository: String,
    /// The folder in it.
    pub path: String,
    /// The branch, tag or commit; without one the remote's `HEAD` is meant.
    pub revision: Option<String>,
    /// The commit that was applied last, as far as the tool says so.
    pub applied: Option<String>,
    /// How it is read, or why it is not compared.
    pub reading: Result<Reading, String>,
}

impl Delivery {
    fn of(tool: Tool, object: &Fields<'_>) -> Self {
        let metadata = object.below("metadata");
        let text = |name| metadata.text(name).unwrap_or_default().to_owned();
        Self {
            tool,
            namespace: text("namespace"),
            name: text("name"),
            repository: String::new(),
            path: String::new(),
            revision: None,
            applied: None,
            reading: Err(String::new()),
        }
    }

    /// The object, for people.
    pub fn object(&self) -> String {
        let kind = match self.tool {
            Tool::ArgoCd => "Application",
            Tool::Flux => "Kustomization",
        };
        format!("{kind} {}/{}", self.namespace, self.name)
    }
}

/// How a folder is turned into objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Its files are manifests.
    Plain,
    /// It is a kustomization.
    Kustomize,
    /// It is a chart.
    Helm,
}

/// Values over a chart's own; the last win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChartValues {
    /// A file in the repository: from its root with a `/` at the beginning, else from the chart's folder.
    File(String),
    /// YAML.
    Inline(String),
}

/// How a tool reads a folder of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The tool.
    tool: Tool,
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
    /// The form that the object demands, and the field that does; else the folder's files say.
    form: Option<(Form, String)>,
    /// True if the plain files of folders below are delivered, too.
    recurses: bool,
    /// The release's name, where it is a chart.
    pub release: Option<String>,
    /// Values, where it is a chart.
    pub values: Vec<ChartValues>,
    /// Files in the folder that would change what is delivered.
    overrides: Vec<String>,
    /// What is delivered beside the folder's objects, and the field that does.
    pub besides: Option<(String, String)>,
}

/// The files of a commit, by their paths in the repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// All of them.
    pub files: Vec<String>,
    /// Those that are symbolic links.
    pub links: BTreeSet<String>,
}

impl Reading {
    /// Why the tool makes of this folder (empty: the root) what is not made here.
    pub fn refusal(&self, folder: &str, form: Form, tree: &Tree) -> Option<String> {
        if let Some((demanded, field)) = &self.form
            && *demanded != form
        {
            return Some(format!("uses {field}, and its folder is {}", form.name()));
        }
        if form == Form::Helm && self.release.is_none() {
            return Some(format!("its folder is {}, which {} does not render", form.name(), self.tool));
        }
        let inside = || tree.files.iter().filter_map(|path| below(path, folder));
        let overridden = inside().find(|path| self.overrides.iter().any(|own| own == path));
        let ignores = || tree.files.iter().map(String::as_str).find(|path| name(path) == IGNORE_FILE);
        if let Some(file) = overridden.or_else(|| ignores().filter(|_| self.tool == Tool::Flux)) {
            return Some(format!("uses {file}"));
        }
        let is_unread = |path: &str| path.ends_with(".jsonnet") || is_in_hidden_folder(path);
        let is_plain = form == Form::Plain;
        let unread = inside().find(|path| is_plain && is_unread(path) && self.delivers(path, folder, tree))?;
        Some(format!("uses {unread}, which is not read here"))
    }

    /// True if the tool delivers this plain file, named from the folder.
    pub fn delivers(&self, path: &str, folder: &str, tree: &Tree) -> bool {
        let extensions: &[&str] = match self.tool {
            Tool::ArgoCd => &["yaml", "yml", "json", "jsonnet"],
            Tool::Flux => &["yaml", "yml"],
        };
        let is_link = |path: &str| {
            let at = if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
            tree.links.contains(&at)
        };
        let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        let is_left_out = match self.tool {
            // The artifact of a GitRepository holds no links.
            Tool::Flux => is_link(path) || path.split('/').any(|part| LEFT_OUT_BY_FLUX.contains(&part)),
            Tool::ArgoCd => false,
        };
        let extension = name(path).rsplit_once('.').map_or("", |(_, extension)| extension);
        extensions.contains(&extension)
            && (self.recurses || !path.contains('/'))
            && !is_left_out
            && !folders.any(is_link)
    }

    /// True if what lies in folders below is delivered, too.
    pub fn delivers_below(&self) -> bool {
        self.recurses
    }

    /// True if the file itself says that the tool is to pass it over.
    pub fn passes_over(&self, contents: &[u8]) -> bool {
        let mark = SKIP_MARK.as_bytes();
        self.tool == Tool::ArgoCd && contents.windows(mark.len()).any(|part| part == mark)
    }
}

/// True if a repository fits one of these patterns, in which `*` stands for any characters.
pub fn fits_any(repository: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| glob(pattern.as_bytes(), repository.as_bytes()))
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "one of plain files",
            Self::Kustomize => "a kustomization",
            Self::Helm => "a chart",
        }
    }
}

/// What a file says of itself that Argo CD does not render: reposerver/repository/repository.go.
const SKIP_MARK: &str = "+argocd:skip-file-rendering";
/// Where a repository says what Flux leaves out of it: fluxcd/pkg sourceignore.
const IGNORE_FILE: &str = ".sourceignore";
/// What Flux leaves out of each repository, as far as it could be a manifest; from the same place.
const LEFT_OUT_BY_FLUX: &[&str] = &[
    ".circleci",
    ".drone.yml",
    ".flux.yaml",
    ".github",
    ".gitlab-ci.yml",
    ".goreleaser.yml",
    ".sops.yaml",
    ".travis.yml",
    "appveyor.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
];

fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_in_hidden_folder(path: &str) -> bool {
    path.rsplit('/').skip(1).any(|folder| folder.starts_with('.'))
}
