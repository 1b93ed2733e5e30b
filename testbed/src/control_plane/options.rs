//! What a control plane consists of.

/// Which parts run beside etcd and the API server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) controllers: bool,
    pub(crate) nodes: bool,
    pub(crate) stages: Vec<String>,
    pub(crate) server_flags: Vec<String>,
}

impl Options {
    /// Only the API: nothing that is created moves. No `default` service account, so no bare Pods.
    pub fn api_only() -> Self {
        Self::default()
    }

    /// The API and the built-in controllers: Deployments get `ReplicaSets` and those Pods, which stay Pending.
    pub fn with_controllers() -> Self {
        Self { controllers: true, ..Self::default() }
    }

    /// Controllers, scheduler and one fake node whose kubelet is kwok: Pods become Running.
    pub fn whole() -> Self {
        Self { controllers: true, nodes: true, ..Self::default() }
    }

    /// Adds kwok stages (YAML), for example one that makes a certain image crash. Needs [`Options::whole`].
    #[must_use]
    pub fn stages(mut self, yaml: impl Into<String>) -> Self {
        self.stages.push(yaml.into());
        self
    }

    /// Adds a flag of `kube-apiserver`, for example `--feature-gates=…`.
    #[must_use]
    pub fn server_flag(mut self, flag: impl Into<String>) -> Self {
        self.server_flags.push(flag.into());
        self
    }
}
