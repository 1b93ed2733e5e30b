//! Why something could not be rendered.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::process::ProcessError;

/// A tool that renders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `kubectl`, for kustomizations.
    Kubectl,
    /// `kustomize`.
    Kustomize,
    /// `helm`.
    Helm,
}

impl Tool {
    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::Kubectl => "kubectl",
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// Why something could not be rendered.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The folder was looked up.
    #[error("cannot find {} to render it", path.display())]
    FindFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The tool was looked up.
    #[error("{tool} is needed to render this, and is not there{}", at.as_ref().map(|at| format!(": {}", at.display())).unwrap_or_default())]
    FindTool {
        /// The tool.
        tool: Tool,
        /// Where it should be, if that was said.
        at: Option<PathBuf>,
    },
    /// A place for the tool to run in was made.
    #[error("cannot prepare a folder for a renderer")]
    Prepare(#[source] io::Error),
    /// A kustomization was read, to see what it refers to.
    #[error("cannot read the kustomization {file}{}: {message}", line_of(*line))]
    ReadKustomization {
        /// The file.
        file: String,
        /// 1-based, 0 if unknown.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A kustomization refers to something that would have to be fetched.
    #[error("{file}{} refers to something elsewhere: {entry}", line_of(*line))]
    FetchBase {
        /// The kustomization.
        file: String,
        /// 1-based, 0 if unknown.
        line: usize,
        /// What it refers to; user info is left out.
        entry: String,
    },
    /// A kustomization refers to something outside the repository.
    #[error("{file}{} leads out of the repository: {entry}", line_of(*line))]
    LeaveRoot {
        /// The kustomization.
        file: String,
        /// 1-based, 0 if unknown.
        line: usize,
        /// What it refers to.
        entry: String,
    },
    /// A symbolic link in a chart leads out of it.
    #[error("the symbolic link {link} leads out of the source")]
    FollowLink {
        /// The link.
        link: String,
    },
    /// A file with values was read.
    #[error("cannot read the values {path}: {message}")]
    ReadValues {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A part of a release is not what Helm takes.
    #[error("`{value}` is no {what}")]
    ReadRelease {
        /// `release name`, `namespace`, `Kubernetes version` or `API version`.
        what: &'static str,
        /// What was given.
        value: String,
    },
    /// A chart needs other charts that are not in its `charts/`.
    #[error("the chart {chart} needs charts that are not in its charts/ folder: {}", names.join(", "))]
    FindDependencies {
        /// The chart's folder.
        chart: String,
        /// The charts that it needs.
        names: Vec<String>,
    },
    /// The tool ran, and refused.
    #[error("{tool} cannot render {folder}: {message}")]
    Render {
        /// The tool.
        tool: Tool,
        /// The folder.
        folder: String,
        /// What it said.
        message: String,
    },
    /// The tool ran out of the memory that it may use.
    #[error("{tool} needs more than {} MiB of memory to render {folder}", limit >> 20)]
    Allocate {
        /// The tool.
        tool: Tool,
        /// The folder.
        folder: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The tool was run: it could not be started, took too long or printed too much.
    #[error(transparent)]
    Run(#[from] ProcessError),
    /// Work on the disk was broken off.
    #[error("work on the disk was broken off")]
    Join(#[from] tokio::task::JoinError),
}

impl RenderError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::FindTool { tool: Tool::Helm, .. } => {
                Some("install helm (https://helm.sh/docs/intro/install/), and put it on PATH")
            }
            Self::FindTool { .. } => {
                Some("install kubectl (https://kubernetes.io/docs/tasks/tools/), and put it on PATH")
            }
            Self::FetchBase { .. } => Some("copy it into the repository, or allow it with --allow-remote-bases"),
            Self::LeaveRoot { .. } | Self::FollowLink { .. } => Some("move it into the repository"),
            Self::FindDependencies { .. } => Some("run helm dependency build, and commit charts/"),
            Self::Allocate { .. } | Self::Run(ProcessError::Wait { .. } | ProcessError::ReadAll { .. }) => {
                Some("render it yourself and name the folder with the result as the source")
            }
            _ => None,
        }
    }
}

fn line_of(line: usize) -> String {
    if line == 0 { String::new() } else { format!(":{line}") }
}
