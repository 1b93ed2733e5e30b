//! A control plane with the bench's objects in it: filled and changed over many connections, its requests counted.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;

use anchorwatch_testbed::{ControlPlane, Options, Person};
use futures::StreamExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::objects::{APP, Flavour, namespaces};

/// Who delivered the objects.
pub(crate) const DELIVERER: &str = "argocd-controller";
/// Who changes them by hand.
pub(crate) const PERSON: &str = "kubectl-edit";
const CONNECTIONS: usize = 8;
/// Every request, one line each, but for the API server's own.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- {level: None, users: ['system:apiserver']}
- {level: Metadata}
";

/// A running control plane.
pub(crate) struct Filled {
    plane: ControlPlane,
    client: Client,
    _policy: TempDir,
}

impl Filled {
    /// Starts an empty one.
    pub(crate) fn start(runtime: &Runtime) -> Result<Self, Box<dyn Error>> {
        let policy = tempfile::tempdir()?;
        let file = policy.path().join("audit-policy.yaml");
        fs::write(&file, AUDIT_POLICY)?;
        // The last of two flags counts.
        let options = Options::api_only().server_flag(format!("--audit-policy-file={}", file.display()));
        let plane = ControlPlane::start(&options)?;
        let client = runtime.block_on(connect(&plane))?;
        Ok(Self { plane, client, _policy: policy })
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig(Person::Admin)
    }

    /// The program `kubectl` of the control plane's release.
    pub(crate) fn kubectl(&self) -> Option<PathBuf> {
        self.plane.binaries().path(anchorwatch_testbed::Tool::Kubectl)
    }

    /// Delivers some apps by server-side apply.
    pub(crate) fn deliver(
        &self,
        runtime: &Runtime,
        apps: std::ops::Range<usize>,
        flavour: Flavour,
    ) -> Result<(), Box<dyn Error>> {
        let namespaces = namespaces(apps.end).into_iter().map(|name| Write {
            path: format!("/api/v1/namespaces/{name}"),
            manager: DELIVERER,
            content_type: "application/apply-patch+yaml",
            body: format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"),
        });
        runtime.block_on(self.write_all(namespaces))?;
        let objects = apps.flat_map(|app| APP.iter().map(move |template| (app, template)));
        runtime.block_on(self.write_all(objects.map(|(app, template)| Write {
            path: template.path(app),
            manager: DELIVERER,
            content_type: "application/apply-patch+yaml",
            body: template.yaml(app, flavour),
        })))
    }

    /// Changes one leaf of every object of the first apps, as a person does.
    pub(crate) fn drift(&self, runtime: &Runtime, apps: usize) -> Result<(), Box<dyn Error>> {
        let objects = (0..apps).flat_map(|app| APP.iter().map(move |template| (app, template)));
        runtime.block_on(self.write_all(objects.map(|(app, template)| Write {
            path: template.path(app),
            manager: PERSON,
            content_type: template.patch().content_type,
            body: template.patch().body.to_owned(),
        })))
    }

    /// Merges a patch into one object.
    pub(crate) fn patch(
        &self,
        runtime: &Runtime,
        path: &str,
        body: String,
        manager: &'static str,
    ) -> Result<(), Box<dyn Error>> {
        let content_type = "application/merge-patch+json";
        runtime.block_on(self.write(Write { path: path.to_owned(), manager, content_type, body }))
    }

    /// The objects of the first app, as the API server gives each.
    pub(crate) fn record(&self, runtime: &Runtime) -> Result<Vec<String>, Box<dyn Error>> {
        let mut lines = Vec::new();
        for template in &APP {
            let request = Request::get(template.path(0)).header("Accept", "application/json").body(Body::empty())?;
            let body = runtime.block_on(self.send(request))?;
            lines.push(String::from_utf8(body)?.trim().to_owned());
        }
        Ok(lines)
    }

    /// How many requests were made so far.
    pub(crate) fn requests(&self) -> Result<usize, Box<dyn Error>> {
        let log = fs::read(self.plane.audit_log())?;
        Ok(log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count())
    }

    async fn write_all(&self, writes: impl Iterator<Item = Write>) -> Result<(), Box<dyn Error>> {
        let mut answers = futures::stream::iter(writes).map(|write| self.write(write)).buffer_unordered(CONNECTIONS);
        while let Some(answer) = answers.next().await {
            answer?;
        }
        Ok(())
    }

    async fn write(&self, write: Write) -> Result<(), Box<dyn Error>> {
        let force = if write.content_type.contains("apply-patch") { "&force=true" } else { "" };
        let request = Request::patch(format!("{}?fieldManager={}{force}", write.path, write.manager))
            .header("Content-Type", write.content_type)
            .header("Accept", "application/json")
            .body(Body::from(write.body.into_bytes()))?;
        self.send(request).await.map(drop)
    }

    async fn send(&self, request: Request<Body>) -> Result<Vec<u8>, Box<dyn Error>> {
        let path = request.uri().path().to_owned();
        let response = self.client.send(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(body.into());
        }
        Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&body)).into())
    }
}

struct Write {
    path: String,
    manager: &'static str,
    content_type: &'static str,
    body: String,
}

async fn connect(plane: &ControlPlane) -> Result<Client, Box<dyn Error>> {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(Person::Admin))?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    config.disable_compression = true;
    Ok(Client::try_from(config)?)
}

/// Records `objects/live.jsonl` anew.
pub(crate) fn record(runtime: &Runtime, out: &mut impl io::Write) -> Result<(), Box<dyn Error>> {
    let cluster = Filled::start(runtime)?;
    cluster.deliver(runtime, 0..1, Flavour::Clean)?;
    for line in cluster.record(runtime)? {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
