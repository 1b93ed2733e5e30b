//! Connecting to the cluster of a kubeconfig.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::middleware::AuthLayer;
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::config::{ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::{BoxError, Service, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

use super::ClusterError;
use super::proxy::{self, Proxy, ProxyKind};
use super::reason;

/// Which cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// For watches only.
    pub(super) watchers: Arc<Watchers>,
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
        let client = |reason| ClusterError::Client { cluster: name.clone(), reason };
        let made = match &plugin {
            None => clients(config, proxy),
            Some(plugin) => within(PLUGIN_LIMIT, move || clients(config, proxy)).await.ok_or_else(|| {
                let seconds = PLUGIN_LIMIT.as_secs();
                client(format!("the credential plugin {plugin} printed nothing within {seconds} s"))
            })?,
        };
        let (client, watchers) = made.map_err(|error| client(reason::of_client(&error, plugin.as_deref())))?;
        Ok(Self { client, watchers: Arc::new(watchers), name, server, default_namespace, plugin })
    }
}

/// How long the credential plugin may take when a connection is set up; it may ask a server far away.
const PLUGIN_LIMIT: Duration = Duration::from_secs(30);

/// What a function gives that may block; `None` if it takes too long. It has a thread of its own: a runtime would wait
/// for it at its end.
async fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        // Too late, nobody listens.
        let _ = done.send(work());
    });
    tokio::time::timeout(limit, result).await.ok()?.ok()
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

/// The clients for watches.
///
/// kube speaks HTTP/1.1 only, one connection for each watch. These speak HTTP/2 where the server does, so that many
/// watches share a connection. A server takes only so many streams on one, and lets the others wait without a word: so
/// there are as many clients, and connections, as the watches need.
pub(super) struct Watchers {
    stack: Stack,
    proxy: Option<Proxy>,
    clients: Mutex<Vec<Arc<Client>>>,
}

/// Watches on one connection; Go's servers take 100 or 250.
const MOST_STREAMS: usize = 80;

impl Watchers {
    /// A client for one watch, for as long as that one keeps it.
    pub(super) fn lease(&self) -> Result<Arc<Client>, kube::Error> {
        // Whoever failed in here left the list as it was.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // One of the count is the list's own.
        if let Some(free) = clients.iter().find(|client| Arc::strong_count(client) <= MOST_STREAMS) {
            return Ok(Arc::clone(free));
        }
        let new = Arc::new(client(&self.stack, self.proxy.as_ref(), Purpose::Watches)?);
        clients.push(Arc::clone(&new));
        Ok(new)
    }
}

/// What the connections of a client are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Requests,
    /// Silence is no fault there; pings tell whether the other side is still there.
    Watches,
}

const PING_EVERY: Duration = Duration::from_secs(30);
/// What a watch may send ahead of its reader, and what all on one connection may.
const WINDOW_BYTES: u32 = 256 << 10;
const WINDOWS_BYTES: u32 = 2 << 20;

fn clients(config: Config, proxy: Option<Proxy>) -> Result<(Client, Watchers), kube::Error> {
    // Each of these may run the credential plugin: once is enough for all clients.
    let tls = config.rustls_client_config()?;
    let auth = config.auth_layer()?;
    let stack = Stack { config, tls, auth };
    let client = client(&stack, proxy.as_ref(), Purpose::Requests)?;
    Ok((client, Watchers { stack, proxy, clients: Mutex::default() }))
}

struct Stack {
    config: Config,
    tls: rustls::ClientConfig,
    auth: Option<AuthLayer>,
}

/// kube's own stack, but for two things: kube leaves Nagle's algorithm on, and then the first request of each connection
/// waits for a delayed acknowledgement, 40 ms; and it follows proxy variables of the environment. Whoever may see a
/// cluster's Secrets is not left to them.
fn client(stack: &Stack, proxy: Option<&Proxy>, purpose: Purpose) -> Result<Client, kube::Error> {
    #[expect(clippy::disallowed_methods, reason = "the address of the cluster is its operator's to choose")]
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    if purpose == Purpose::Watches {
        tcp.set_keepalive(Some(PING_EVERY));
    }
    let Some(proxy) = proxy else {
        return stack.over(stack.https(tcp, purpose)?, purpose);
    };
    match proxy.kind() {
        ProxyKind::Http => stack.over(stack.https(proxy.tunnel(tcp), purpose)?, purpose),
        ProxyKind::Https => {
            let to_proxy = stack.https(tcp, Purpose::Requests)?;
            stack.over(stack.https(proxy.tunnel(to_proxy), purpose)?, purpose)
        }
        ProxyKind::Socks5 => stack.over(stack.https(proxy.socks(tcp), purpose)?, purpose),
    }
}

impl Stack {
    fn https<C>(&self, connector: C, purpose: Purpose) -> Result<HttpsConnector<C>, kube::Error> {
        let mut builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http();
        if let Some(name) = self.config.tls_server_name.clone() {
            let name = name.try_into().map_err(|error| kube::Error::Service(BoxError::from(error)))?;
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        Ok(match purpose {
            Purpose::Requests => builder.enable_http1().wrap_connector(connector),
            Purpose::Watches => builder.enable_http1().enable_http2().wrap_connector(connector),
        })
    }

    fn over<C>(&self, connector: C, purpose: Purpose) -> Result<Client, kube::Error>
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Connection + Read + Write + Send + Sync + Unpin,
        C::Future: Send,
        C::Error: Into<BoxError>,
    {
        let config = &self.config;
        let mut connector = TimeoutConnector::new(connector);
        connector.set_connect_timeout(config.connect_timeout);
        connector.set_write_timeout(config.write_timeout);
        #[expect(
            clippy::disallowed_methods,
            reason = "the cluster's client is kube's, with its credentials and proxies"
        )]
        let mut http = hyper_util::client::legacy::Builder::new(TokioExecutor::new());
        match purpose {
            Purpose::Requests => connector.set_read_timeout(config.read_timeout),
            // The timeout of a connection would end all watches on it where nothing happens for a minute.
            Purpose::Watches => {
                http.timer(TokioTimer::new())
                    .http2_keep_alive_interval(PING_EVERY)
                    .http2_keep_alive_timeout(PING_EVERY)
                    .http2_initial_stream_window_size(WINDOW_BYTES)
                    .http2_initial_connection_window_size(WINDOWS_BYTES);
            }
        }
        // A compressed watch is one gzip member an event since 1.37, of which the layer reads only the first.
        let compressed = purpose == Purpose::Requests && !config.disable_compression;
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .layer(DecompressionLayer::new().gzip(compressed))
            .option_layer(self.auth.as_ref())
            .layer(config.extra_headers_layer()?)
            .map_err(BoxError::from)
            .service(http.build(connector));
        Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
    }
}

impl ConnectOptions {
    /// Host and port that a client would dial, the proxy's where there is one; `None` for the Pod's own cluster. Nothing
    /// is connected to.
    pub fn dialled(&self) -> Result<Option<(String, u16)>, ClusterError> {
        if self.in_cluster {
            return Ok(None);
        }
        let read = self.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from);
        let kubeconfig = read.map_err(|error| ClusterError::Kubeconfig(reason::of_kubeconfig(&error)))?;
        let context = self.context.clone().or(kubeconfig.current_context).unwrap_or_default();
        let contexts = kubeconfig.contexts.into_iter();
        let cluster = contexts.filter(|c| c.name == context).find_map(|c| Some(c.context?.cluster));
        let named = kubeconfig.clusters.into_iter().find(|named| Some(&named.name) == cluster.as_ref());
        let of = named.and_then(|named| named.cluster);
        let url = of.and_then(|of| of.proxy_url.filter(|url| !url.is_empty()).or(of.server));
        let server = url.as_deref().and_then(server_of);
        server.map(Some).ok_or_else(|| ClusterError::Kubeconfig(format!("context {context:?} names no server")))
    }
}

/// Host, an IPv6 address without brackets, and port.
fn server_of(url: &str) -> Option<(String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let usual = match uri.scheme_str() {
        Some("http") => 80,
        Some("socks5") => 1080,
        _ => 443,
    };
    Some((uri.host()?.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(usual)))
}

async fn configure(options: &ConnectOptions) -> Result<Configured, ClusterError> {
    if options.in_cluster {
        let config = Config::incluster().map_err(|error| ClusterError::Kubeconfig(error.to_string()))?;
        return Ok(Configured { config, name: "in-cluster".to_owned(), proxy: None, plugin: None });
    }
    let file = options.kubeconfig.as_ref().map(|path| path.display().to_string());
    let file = file.or_else(|| std::env::var("KUBECONFIG").ok().filter(|files| !files.is_empty()));
    let file = file.unwrap_or_else(|| "~/.kube/config".to_owned());
    let fail = |error| {
        let reason = reason::of_kubeconfig(&error);
        let named = matches!(error, KubeconfigError::ReadConfig(..));
        ClusterError::Kubeconfig(if named { reason } else { format!("{file}: {reason}") })
    };
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
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &chosen).await.map_err(fail)?;
    if let Some(exec) = &mut config.auth_info.exec {
        // Else its words would come between ours, and it could wait for somebody to type.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    let exec = config.auth_info.exec.as_ref().and_then(|exec| exec.command.as_deref());
    let plugin = exec.and_then(|command| Some(Path::new(command).file_name()?.to_string_lossy().into_owned()));
    Ok(Configured { config, name, proxy, plugin })
}

/// True where compressing would cost the API server more than the network gains.
fn is_near(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(user: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: {{server: \"https://127.0.0.1:1\"}}\ncontexts:\n- name: c\n  context: {{cluster: c, user: u}}\nusers:\n- name: u\n  user: {user}\n"
        );
        std::fs::write(&file, text).unwrap();
        let options = ConnectOptions { kubeconfig: Some(file.clone()), context: None, in_cluster: false };
        let error = Cluster::connect(&options).await.unwrap_err().to_string();
        error.replace(&file.display().to_string(), "FILE")
    }

    #[tokio::test]
    async fn a_kubeconfig_that_cannot_be_used_is_named_and_its_key_is_not_told() {
        assert!(refused("{").await.starts_with("cannot use the kubeconfig: FILE: it is no kubeconfig"));
        // The second is `-----BEGIN hunter2`.
        for (data, said) in [
            ("aHVu!GVyMg==", "cannot set up the connection to c: its client key cannot be read: it is no base64"),
            ("LS0tLS1CRUdJTiBodW50ZXIyCg==", "cannot set up the connection to c: identity PEM is invalid"),
        ] {
            let user = format!("{{client-certificate-data: \"\", client-key-data: \"{data}\"}}");
            let user = user.replace("certificate-data: \"\"", "certificate-data: \"Cg==\"");
            assert_eq!(refused(&user).await, said);
        }
    }

    /// The clock jumps to the limit as soon as nothing else happens.
    #[tokio::test(start_paused = true)]
    async fn a_credential_plugin_that_hangs_is_named() {
        let user = r#"{exec: {apiVersion: client.authentication.k8s.io/v1, command: sleep, args: ["5"]}}"#;
        let said = "cannot set up the connection to c: the credential plugin sleep printed nothing within 30 s";
        assert_eq!(refused(user).await, said);
    }

    #[tokio::test]
    async fn what_takes_too_long_is_not_waited_for() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        assert_eq!(within(Duration::from_millis(20), move || held.recv().is_ok()).await, None);
        drop(release);
        assert_eq!(within(Duration::from_secs(30), || 5).await, Some(5));
    }
}
