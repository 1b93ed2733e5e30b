//! Listens for people and programs: on loopback; elsewhere only with TLS, or behind a proxy that has it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::Service;
use crate::failure::Failure;
use crate::{api, ui};

/// A socket that is bound.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    pub(super) async fn bind(service: &Service) -> Result<Self, Failure> {
        let config = service.config();
        let open = !config.listen.ip().is_loopback();
        if open && config.tls.is_none() && !config.behind_proxy {
            return Err(Failure::new(format!("will not listen on {} without TLS", config.listen))
                .detail("tokens and cookies would go over the network in clear")
                .hint("set tls, or behind_proxy: true where a proxy speaks TLS, or listen on 127.0.0.1"));
        }
        let fail = |error: std::io::Error| {
            Failure::new(format!("cannot listen on {}", config.listen))
                .detail(error.to_string())
                .hint("another program may have the port; choose one with --listen ADDRESS:PORT (port 0: any free one)")
        };
        let socket = TcpListener::bind(config.listen).await.map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        Ok(Self { socket, address })
    }

    /// Where people find it.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers until it is told to stop, and then ends what has begun.
    pub(super) async fn run(self, service: Arc<Service>) {
        let hosts = Arc::new(hosts(&service, self.address));
        let routes = api::routes(&service).merge(ui::routes());
        let app = api::guarded(routes, service.clone(), hosts).into_make_service_with_connect_info::<SocketAddr>();
        let stop = service.stop.clone();
        let served = axum::serve(self.socket, app).with_graceful_shutdown(async move { stop.cancelled().await }).await;
        if let Err(error) = served {
            tracing::error!(%error, "stopped listening");
            service.stop.cancel();
        }
    }
}

/// The names by which it may be called: what else a browser was made to call it by is a trick (DNS rebinding).
fn hosts(service: &Service, address: SocketAddr) -> Vec<String> {
    let config = service.config();
    let mut hosts = vec![address.to_string()];
    if address.ip().is_loopback() {
        hosts.push(format!("localhost:{}", address.port()));
    }
    if matches!(address.ip(), IpAddr::V4(ip) if ip.is_unspecified()) {
        hosts.push(format!("127.0.0.1:{}", address.port()));
        hosts.push(format!("localhost:{}", address.port()));
    }
    hosts.extend(config.hosts.iter().cloned());
    let public = config.public_url.as_deref().and_then(|url| url.split_once("://"));
    hosts.extend(public.map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_owned()));
    hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect()
}
