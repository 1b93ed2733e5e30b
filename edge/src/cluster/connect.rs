//! Connecting to the cluster of a kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

use super::ClusterError;

/// Which cluster.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// A kubeconfig; else `$KUBECONFIG`, `~/.kube/config`, or the Pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; else the current one.
    pub context: Option<String>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    /// The context's name, or `in-cluster`.
    pub name: String,
    /// Address of the API server.
    pub server: String,
    /// Namespace of the context.
    pub default_namespace: String,
}

impl Cluster {
    /// Sets up a client; nothing is sent yet.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClusterError> {
        // Only the first call installs it; a later one finds the same provider there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (mut config, name) = configure(options).await?;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = Some(Duration::from_mins(1));
        // Proxy variables of the environment are not followed: whoever may see a cluster's Secrets is not left to them.
        // `list` waits as the server asks, up to a limit; both together would wait five times as long.
        config.default_retry = false;
        config.proxy_url = None;
        config.disable_compression =
            config.disable_compression || is_near(config.cluster_url.host().unwrap_or_default());
        let server = config.cluster_url.to_string();
        let default_namespace = config.default_namespace.clone();
        let client = client(config)
            .map_err(|source| ClusterError::Client { cluster: name.clone(), source: Box::new(source) })?;
        Ok(Self { client, name, server, default_namespace })
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({} at {})", self.name, self.server)
    }
}

/// kube's own stack, but for one thing: kube leaves Nagle's algorithm on, and then the first request of each connection
/// waits for a delayed acknowledgement, 40 ms.
fn client(config: Config) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let http = hyper_util::client::legacy::Builder::new(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new().gzip(!config.disable_compression))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}

async fn configure(options: &ConnectOptions) -> Result<(Config, String), ClusterError> {
    let fail = |error| ClusterError::Kubeconfig(Box::new(error));
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => match Kubeconfig::read() {
            Err(_) if options.context.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => {
                if let Ok(config) = Config::incluster() {
                    return Ok((config, "in-cluster".to_owned()));
                }
                Kubeconfig::read()
            }
            read => read,
        },
    }
    .map_err(fail)?;
    let name = options.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let chosen = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &chosen).await.map_err(fail)?;
    Ok((config, name))
}

/// True where compressing would cost the API server more than the network gains.
fn is_near(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
