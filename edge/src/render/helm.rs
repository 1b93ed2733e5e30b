//! Charts, by `helm template`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{RenderError, Tool};
use super::fence::find;
use super::{Job, Origin, Rendered, failure};

/// What Helm says before the names of charts that are not there.
const MISSING: &str = "missing in charts/ directory:";

/// What a chart is rendered as.
#[derive(Debug, Clone, Default)]
pub struct HelmRelease {
    /// The release's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The cluster's version, such as `v1.33.2`; without it, the version that this Helm was built for.
    pub kube_version: Option<String>,
    /// What the cluster serves, such as `monitoring.coreos.com/v1` and `monitoring.coreos.com/v1/ServiceMonitor`.
    pub api_versions: Vec<String>,
    /// Values over the chart's own; the last win.
    pub values: Vec<Values>,
}

/// Values for a chart.
#[derive(Debug, Clone)]
pub enum Values {
    /// A file, relative to the chart's folder; it must lie inside the request's root.
    File(PathBuf),
    /// A file that a person named; it may lie anywhere.
    Given(PathBuf),
    /// YAML.
    Inline(Vec<u8>),
}

pub(super) async fn render(job: &Arc<Job>, release: &HelmRelease) -> Result<Rendered, RenderError> {
    let program = find(Tool::Helm, &job.request.tools)?;
    let fence = job.fence().await?;
    let prepare = (Arc::clone(job), release.values.clone(), fence.home().to_owned());
    let prepare = move || {
        let (job, values, home) = prepare;
        check_links(&job, &job.folder)?;
        copy_values(&job, values, &home)
    };
    let values = tokio::task::spawn_blocking(prepare).await??;
    let output = fence.run("helm template", &program, arguments(job, release, &values)?).await?;
    if output.status.success() {
        let origins = origins(&output.stdout);
        return Ok(Rendered { text: output.stdout, origins });
    }
    let mut message = output.stderr;
    for Copied { name, original } in &values {
        message = message.replace(name.as_str(), original);
    }
    Err(missing_charts(job, &message).unwrap_or_else(|| failure(job, Tool::Helm, &message)))
}

fn arguments(job: &Job, release: &HelmRelease, values: &[Copied]) -> Result<Vec<OsString>, RenderError> {
    let mut args: Vec<OsString> = ["template", "--include-crds", "--no-hooks"].map(Into::into).into();
    args.push(format!("--namespace={}", checked("namespace", &release.namespace, "-.")?).into());
    if let Some(version) = &release.kube_version {
        args.push(format!("--kube-version={}", checked("Kubernetes version", version, "-.+")?).into());
    }
    for version in &release.api_versions {
        args.push(format!("--api-versions={}", checked("API version", version, "-./")?).into());
    }
    args.extend(values.iter().map(|Copied { name, .. }| format!("--values={name}").into()));
    args.push("--".into());
    args.push(checked("release name", &release.name, "-.")?.into());
    args.push(job.folder.clone().into_os_string());
    Ok(args)
}

/// Letters, digits and what else a part may hold. Helm splits some of its arguments at commas.
fn checked<'a>(what: &'static str, value: &'a str, others: &str) -> Result<&'a str, RenderError> {
    let usable = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    let starts_well = value.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && value.chars().all(usable) { Ok(value) } else { Err(unusable(what, value)) }
}

fn unusable(what: &'static str, value: &str) -> RenderError {
    RenderError::ReadRelease { what, value: value.to_owned() }
}

/// A copy of values in the fence's home, under a name that needs no quoting.
struct Copied {
    name: String,
    original: String,
}

fn copy_values(job: &Job, values: Vec<Values>, home: &Path) -> Result<Vec<Copied>, RenderError> {
    let mut copies = Vec::new();
    for (number, values) in values.into_iter().enumerate() {
        let name = format!("values-{number}.yaml");
        let (original, bytes) = match values {
            Values::File(path) => (path.display().to_string(), read_values(job, &path)?),
            Values::Given(path) => (path.display().to_string(), read_given(&path)?),
            Values::Inline(bytes) => ("the source's own values".to_owned(), bytes),
        };
        fs::write(home.join(&name), bytes).map_err(RenderError::Prepare)?;
        copies.push(Copied { name, original });
    }
    Ok(copies)
}

fn read_values(job: &Job, path: &Path) -> Result<Vec<u8>, RenderError> {
    read_given(&find_values(job, path)?)
}

/// The real path of values that a source names.
pub(super) fn find_values(job: &Job, path: &Path) -> Result<PathBuf, RenderError> {
    let real = job.folder.join(path).canonicalize().map_err(|error| unread(path, error.to_string()))?;
    if job.root.as_ref().is_some_and(|root| !real.starts_with(root)) {
        return Err(unread(path, "it lies outside the repository".to_owned()));
    }
    Ok(real)
}

fn read_given(path: &Path) -> Result<Vec<u8>, RenderError> {
    fs::read(path).map_err(|error| unread(path, error.to_string()))
}

pub(super) fn unread(path: &Path, message: String) -> RenderError {
    RenderError::ReadValues { path: path.display().to_string(), message }
}

/// Helm itself follows a chart's links wherever they lead.
pub(super) fn check_links(job: &Job, folder: &Path) -> Result<(), RenderError> {
    let failed = |source| RenderError::FindFolder { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            check_links(job, &entry.path())?;
        } else if kind.is_symlink() {
            let root = job.root.as_ref().unwrap_or(&job.folder);
            if entry.path().canonicalize().is_ok_and(|target| !target.starts_with(root)) {
                return Err(RenderError::FollowLink { link: job.shown(&entry.path()) });
            }
        }
    }
    Ok(())
}

fn missing_charts(job: &Job, message: &str) -> Option<RenderError> {
    let (_, names) = message.split_once(MISSING)?;
    let names = names.lines().next().unwrap_or_default().split(',').map(|name| name.trim().to_owned()).collect();
    Some(RenderError::FindDependencies { chart: job.shown_folder(), names })
}

/// Reads the `# Source: CHART/templates/x.yaml` that Helm prints after each `---`.
fn origins(text: &[u8]) -> Vec<Origin> {
    let mut origins = Vec::new();
    let mut after_marker = false;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let source = line.strip_prefix(b"# Source: ").filter(|_| after_marker);
        if let Some((_, file)) = source.and_then(|source| std::str::from_utf8(source).ok()?.split_once('/')) {
            origins.push(Origin { line: index, file: file.trim_end().to_owned() });
        }
        after_marker = line == b"---";
    }
    origins
}

/// Says whether a chart's templates may print the time; packed charts are not looked into.
pub(super) fn may_tell_time(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let is = |end: &str| path.extension().is_some_and(|extension| extension == end);
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => may_tell_time(&path),
            Ok(_) if is("tgz") => true,
            Ok(_) if is("yaml") || is("yml") || is("tpl") || is("json") => {
                fs::read(&path).is_ok_and(|text| text.windows(3).any(|part| part == b"now"))
            }
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_traced_to_their_templates() {
        let text = b"---\n# Source: web/templates/a.yaml\na: 1\n---\n# Source: web/charts/db/templates/b.yaml\nb: |\n  # Source: x/y\n";
        let rendered = Rendered { text: text.to_vec(), origins: origins(text) };
        let files: Vec<Option<&str>> = (0..8).map(|line| rendered.origin(line)).collect();
        let (a, b) = (Some("templates/a.yaml"), Some("charts/db/templates/b.yaml"));
        assert_eq!(files, [None, a, a, a, b, b, b, b]);
    }

    #[test]
    fn parts_of_a_release_cannot_become_options() {
        for (value, right) in
            [("web", true), ("a.b-c", true), ("-a", false), ("", false), ("a,b", false), ("a b", false)]
        {
            assert_eq!(checked("namespace", value, "-.").is_ok(), right, "{value}");
        }
    }
}
