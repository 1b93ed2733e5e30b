//! Connecting to the cluster of a kubeconfig.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::{BoxError, Service, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

use super::ClusterError;
use super::proxy::{self, Proxy, ProxyKind};
use super::reason;

/// Which cluster.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// A kubeconfig; else `$KUBECONFIG`, `~/.kube/config`, or the Pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// A context of it; else the current one.
    pub context: Option<String>,
    /// Only the Pod's own service account, whatever kubeconfigs there are.
    pub in_cluster: bool,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    pub(super) client: Client,
    /// The context's name, or `in-cluster`.
    pub name: String,
    /// Address of the API server, and of the proxy before it.
    pub server: String,
    /// Namespace of the context.
    pub default_namespace: String,
    /// The program that the kubeconfig asks for credentials.
    pub(super) plugin: Option<String>,
}

impl Cluster {
    /// Sets up a client; nothing is sent yet.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ClusterError> {
        // Only the first call installs it; a later one finds the same provider there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let Configured { mut config, name, proxy, plugin } = configure(options).await?;
        config.connect_timeout = Some(Duration::from_secs(10));
        config.read_timeout = Some(Duration::from_mins(1));
        // `list` waits as the server asks, up to a limit; both together would wait five times as long.
        config.default_retry = false;
        let near = proxy.is_none() && is_near(config.cluster_url.host().unwrap_or_default());
        config.disable_compression = config.disable_compression || near;
        let server = match &proxy {
            Some(proxy) => format!("{} through the proxy {proxy}", reason::without_user(&config.cluster_url)),
            None => reason::without_user(&config.cluster_url),
        };
        let default_namespace = config.default_namespace.clone();
        let client = client(config, proxy.as_ref()).map_err(|error| ClusterError::Client {
            cluster: name.clone(),
            reason: reason::of_client(&error, plugin.as_deref()),
        })?;
        Ok(Self { client, name, server, default_namespace, plugin })
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({} at {})", self.name, self.server)
    }
}

/// What a kubeconfig says.
struct Configured {
    config: Config,
    /// The context's name.
    name: String,
    proxy: Option<Proxy>,
    /// The file name of the program that is asked for credentials.
    plugin: Option<String>,
}

/// kube's own stack, but for two things: kube leaves Nagle's algorithm on, and then the first request of each connection
/// waits for a delayed acknowledgement, 40 ms; and it follows proxy variables of the environment. Whoever may see a
/// cluster's Secrets is not left to them.
fn client(config: Config, proxy: Option<&Proxy>) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let Some(proxy) = proxy else {
        let connector = config.rustls_https_connector_with_connector(tcp)?;
        return client_over(connector, config);
    };
    match proxy.kind() {
        ProxyKind::Http => {
            let connector = config.rustls_https_connector_with_connector(proxy.tunnel(tcp))?;
            client_over(connector, config)
        }
        ProxyKind::Https => {
            let to_proxy = config.rustls_https_connector_with_connector(tcp)?;
            let connector = config.rustls_https_connector_with_connector(proxy.tunnel(to_proxy))?;
            client_over(connector, config)
        }
        ProxyKind::Socks5 => {
            let connector = config.rustls_https_connector_with_connector(proxy.socks(tcp))?;
            client_over(connector, config)
        }
    }
}

fn client_over<C>(connector: C, config: Config) -> Result<Client, kube::Error>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Sync + Unpin,
    C::Future: Send,
    C::Error: Into<BoxError>,
{
    let mut connector = TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    #[expect(clippy::disallowed_methods, reason = "the cluster's client is kube's, with its credentials and proxies")]
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

async fn configure(options: &ConnectOptions) -> Result<Configured, ClusterError> {
    let fail = |error| ClusterError::Kubeconfig(reason::of_kubeconfig(&error));
    if options.in_cluster {
        let config = Config::incluster().map_err(|error| ClusterError::Kubeconfig(error.to_string()))?;
        return Ok(Configured { config, name: "in-cluster".to_owned(), proxy: None, plugin: None });
    }
    let mut kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => match Kubeconfig::read() {
            Err(_) if options.context.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() => {
                if let Ok(config) = Config::incluster() {
                    return Ok(Configured { config, name: "in-cluster".to_owned(), proxy: None, plugin: None });
                }
                Kubeconfig::read()
            }
            read => read,
        },
    }
    .map_err(fail)?;
    let name = options.context.clone().or_else(|| kubeconfig.current_context.clone()).unwrap_or_default();
    let proxy =
        proxy::take(&mut kubeconfig, &name).map_err(|reason| ClusterError::Proxy { cluster: name.clone(), reason })?;
    let chosen = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &chosen).await.map_err(fail)?;
    let exec = config.auth_info.exec.as_ref().and_then(|exec| exec.command.as_deref());
    let plugin = exec.and_then(|command| Some(Path::new(command).file_name()?.to_string_lossy().into_owned()));
    Ok(Configured { config, name, proxy, plugin })
}

/// True where compressing would cost the API server more than the network gains.
fn is_near(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
