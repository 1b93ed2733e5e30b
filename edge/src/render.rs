//! Manifests out of kustomizations and charts, by the tools that people use themselves.
//!
//! The tools run inside a fence: no network, nobody's configuration or credentials, limits of time, memory and
//! output. What a kustomization would fetch is found before and named.

mod error;
mod fence;
mod helm;
mod kustomization;
mod kustomize;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use error::{RenderError, Tool};
pub use helm::{HelmRelease, Values};
pub use trial::Trial;

use anchorwatch_core::drift::mask;
use anchorwatch_core::object::path::Path as FieldPath;
use anchorwatch_core::object::value::Value;
use fence::Fence;

/// How a folder is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Renderer {
    /// It is a kustomization.
    Kustomize,
    /// It is a chart.
    Helm,
}

impl Renderer {
    /// Says how a folder with these names in it is rendered; nothing if its files are plain manifests.
    pub fn detect<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut chart = None;
        for name in names {
            if kustomization::FILE_NAMES.contains(&name) {
                return Some(Self::Kustomize);
            }
            if name == "Chart.yaml" {
                chart = Some(Self::Helm);
            }
        }
        chart
    }
}

/// Where the tools are. One that is not named is looked for on `PATH`.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    /// `kubectl`, for `kubectl kustomize`.
    pub kubectl: Option<PathBuf>,
    /// `kustomize`, used where it is named or where there is no kubectl.
    pub kustomize: Option<PathBuf>,
    /// `helm`.
    pub helm: Option<PathBuf>,
}

/// What a rendering may do and use up.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// How long one rendering may take.
    pub time_limit: Duration,
    /// How much memory a tool may use, in bytes.
    pub memory_limit: u64,
    /// How much a tool may print, in bytes.
    pub output_limit: usize,
    /// Whether a kustomization may fetch bases from elsewhere, with the network that this takes.
    pub allow_remote: bool,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { time_limit: Duration::from_mins(1), memory_limit: 4 << 30, output_limit: 64 << 20, allow_remote: false }
    }
}

/// What to render.
#[derive(Debug, Clone)]
pub struct RenderRequest {
    /// The folder of the kustomization or chart.
    pub folder: PathBuf,
    /// What nothing may lead out of, such as the root of an export. Without it a kustomization's bases may be anywhere
    /// on disk, as with the tool itself, and a chart may not reach beyond its folder.
    pub root: Option<PathBuf>,
    /// With what.
    pub with: RenderWith,
    /// The tools.
    pub tools: Tools,
    /// The limits.
    pub options: RenderOptions,
}

/// What to render with.
#[derive(Debug, Clone)]
pub enum RenderWith {
    /// `kubectl kustomize`.
    Kustomize,
    /// `helm template`.
    Helm(HelmRelease),
}

/// What a tool printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// YAML documents.
    pub text: Vec<u8>,
    /// The files that documents came from, by line; kustomize does not tell.
    pub origins: Vec<Origin>,
}

/// The file that the document came from which starts at a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The line of the document's `---`, 1-based.
    pub line: usize,
    /// The template, relative to the chart's folder.
    pub file: String,
}

impl Rendered {
    /// The file that a line came from.
    pub fn origin(&self, line: usize) -> Option<&str> {
        let after = self.origins.partition_point(|origin| origin.line <= line);
        Some(self.origins[after.checked_sub(1)?].file.as_str())
    }
}

/// Two renderings of the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedTwice {
    /// The first.
    pub first: Rendered,
    /// The second.
    pub second: Rendered,
}

impl RenderedTwice {
    /// Says whether both are the same, so that every leaf can be compared.
    pub fn is_deterministic(&self) -> bool {
        self.first.text == self.second.text
    }
}

/// Renders a folder.
pub async fn render(request: &RenderRequest) -> Result<Rendered, RenderError> {
    let job = Arc::new(Job::of(request)?);
    match &request.with {
        RenderWith::Kustomize => kustomize::render(&job).await,
        RenderWith::Helm(release) => helm::render(&job, release).await,
    }
}

/// Renders a folder twice, so that what is different each time can be found and left out of comparisons.
pub async fn render_twice(request: &RenderRequest) -> Result<RenderedTwice, RenderError> {
    let first = render(request).await?;
    if matches!(request.with, RenderWith::Helm(_)) && first_is_young(request).await {
        // A time in seconds, such as `now | unixEpoch`, must have changed.
        tokio::time::sleep(Duration::from_millis(1_050)).await;
    }
    Ok(RenderedTwice { first, second: render(request).await? })
}

async fn first_is_young(request: &RenderRequest) -> bool {
    let folder = request.folder.clone();
    tokio::task::spawn_blocking(move || helm::may_tell_time(&folder)).await.unwrap_or(true)
}

/// A request with its real paths.
struct Job {
    request: RenderRequest,
    folder: PathBuf,
    root: Option<PathBuf>,
}

impl Job {
    fn of(request: &RenderRequest) -> Result<Self, RenderError> {
        let failed = |source| RenderError::FindFolder { path: request.folder.clone(), source };
        let folder = request.folder.canonicalize().map_err(failed)?;
        let root = request.root.as_ref().map(|root| root.canonicalize()).transpose().map_err(failed)?;
        Ok(Self { request: request.clone(), folder, root })
    }

    async fn fence(&self) -> Result<Fence, RenderError> {
        Fence::new(&self.request.options).await
    }

    /// A path as it is shown: inside the root without the root, which may be a folder with a random name.
    fn shown(&self, path: &Path) -> String {
        let root = self.root.as_ref().unwrap_or(&self.folder);
        path.strip_prefix(root).unwrap_or(path).display().to_string()
    }

    fn shown_folder(&self) -> String {
        let shown = self.shown(&self.folder);
        if shown.is_empty() { ".".to_owned() } else { shown }
    }

    /// A tool's message, its paths shown likewise.
    fn shortened(&self, message: &str) -> String {
        let root = self.root.as_ref().unwrap_or(&self.folder).display().to_string();
        message.trim().replace(&format!("{root}/"), "").replace(&root, ".")
    }
}

/// The error of a tool that refused.
fn failure(job: &Job, tool: Tool, message: &str) -> RenderError {
    let folder = job.shown_folder();
    if message.contains("out of memory") || message.contains("cannot allocate memory") {
        return RenderError::Allocate { tool, folder, limit: job.request.options.memory_limit };
    }
    let message = job.shortened(&told(message));
    RenderError::Render { tool, folder, message }
}

/// A tool's words without what only its log wants, without what a generator was given as a value, and without lines that
/// seem to hold a credential.
fn told(message: &str) -> String {
    let is_credential = |line: &str| mask::is_credential("", &FieldPath::default(), &Value::String(line.into()));
    let lines = message.lines().map(|line| {
        let line = without_log_head(line);
        match line.find("literal source") {
            // `NAME=VALUE` without the sign, told more than once: nobody knows which of the two it is.
            Some(at) => format!("{}literal source: it is no NAME=VALUE", &line[..at]),
            // Each part of a message may begin a statement: `cannot use patch: password: …`.
            None if is_credential(line) || line.match_indices(": ").any(|(at, _)| is_credential(&line[at + 2..])) => {
                "(a line that may hold a credential)".to_owned()
            }
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `E1125 22:25:17.957989 25660 run.go:72] ` as klog begins its lines.
fn without_log_head(line: &str) -> &str {
    let mut head = line.chars();
    let is_log =
        head.next().is_some_and(|c| "EFIW".contains(c)) && head.take(4).filter(char::is_ascii_digit).count() == 4;
    let rest = line.split_once("] ").filter(|_| is_log).map_or(line, |(_, rest)| rest);
    rest.strip_prefix("\"command failed\" err=").map_or(rest, |said| said.trim_matches(['<', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_words_are_told_without_its_log_and_its_values() {
        let said = "E1125 22:25:17.957989 25660 run.go:72] \"command failed\" err=\"accumulating: literal sources [hunter2]: invalid literal source hunter2, expected key=value\"";
        assert_eq!(told(said), "accumulating: literal source: it is no NAME=VALUE");
        assert_eq!(told("Error: patch: password: hunter2-clear"), "(a line that may hold a credential)");
        assert_eq!(told("Error: chart [x] is broken"), "Error: chart [x] is broken");
    }
}
