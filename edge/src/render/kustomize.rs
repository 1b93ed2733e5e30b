//! Kustomizations, by `kubectl kustomize` or `kustomize build`.

use std::sync::Arc;

use super::error::{RenderError, Tool};
use super::fence::find;
use super::{Job, Rendered, failure, kustomization};

pub(super) async fn render(job: &Arc<Job>) -> Result<Rendered, RenderError> {
    let tools = &job.request.tools;
    let (tool, program) = match (&tools.kustomize, find(Tool::Kubectl, tools)) {
        (None, Ok(program)) => (Tool::Kubectl, program),
        (None, Err(error)) if tools.kubectl.is_none() => {
            (Tool::Kustomize, find(Tool::Kustomize, tools).map_err(|_| error)?)
        }
        (None, Err(error)) => return Err(error),
        (Some(_), _) => (Tool::Kustomize, find(Tool::Kustomize, tools)?),
    };
    let checked = Arc::clone(job);
    tokio::task::spawn_blocking(move || kustomization::check(&checked)).await??;
    let fence = job.fence().await?;
    let (name, subcommand) = match tool {
        Tool::Kubectl => ("kubectl kustomize", "kustomize"),
        _ => ("kustomize build", "build"),
    };
    let args = vec![subcommand.into(), "--".into(), job.folder.clone().into_os_string()];
    let output = fence.run(name, &program, args).await?;
    if !output.status.success() {
        return Err(failure(job, tool, &output.stderr));
    }
    Ok(Rendered { text: output.stdout, origins: Vec::new() })
}
