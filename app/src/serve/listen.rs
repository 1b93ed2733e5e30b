//! Listens for people and programs: on loopback; elsewhere only with TLS, or behind a proxy that has it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_edge::tls::{Tls, TlsStream};
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::either::Either;

use super::Service;
use crate::failure::Failure;
use crate::{api, gateway, ui};

/// How often is looked whether there is another certificate.
const RENEW: Duration = Duration::from_secs(30);
/// How long is waited where no connection can be taken, as when there are no more files.
const PAUSE: Duration = Duration::from_millis(200);
/// Connections that may wait to be answered.
const WAITING: usize = 64;

/// A socket that is bound.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
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
        let tls = config.tls.as_ref().map(|(certificate, key)| Tls::open(certificate, key)).transpose();
        let tls = tls.map_err(|error| {
            Failure::because(&error).hint("tls: {cert_file: CHAIN.pem, key_file: KEY.pem}, readable for the service")
        })?;
        let fail = |error: std::io::Error| {
            Failure::new(format!("cannot listen on {}", config.listen))
                .detail(error.to_string())
                .hint("another program may have the port; choose one with --listen ADDRESS:PORT (port 0: any free one)")
        };
        let socket = TcpListener::bind(config.listen).await.map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        Ok(Self { socket, address, tls: tls.map(Arc::new) })
    }

    /// Where people find it.
    pub(super) fn base_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Answers until it is told to stop, and then ends what has begun.
    pub(super) async fn run(self, service: Arc<Service>) {
        let hosts = Arc::new(hosts(&service, self.address));
        let routes = api::routes(&service).merge(ui::routes()).merge(gateway::routes(&service));
        let app = api::guarded(routes, service.clone(), hosts).into_make_service_with_connect_info::<Peer>();
        let door = Door::open(self, service.clone());
        let stop = service.stop.clone();
        let served = axum::serve(door, app).with_graceful_shutdown(async move { stop.cancelled().await }).await;
        if let Err(error) = served {
            tracing::error!(%error, "stopped listening");
            service.stop.cancel();
        }
    }
}

type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Connections that are ready to be answered. A handshake that takes its time keeps nobody else waiting.
struct Door {
    ready: mpsc::Receiver<(Stream, SocketAddr)>,
    address: SocketAddr,
}

/// The address that somebody comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Door {
    fn open(listener: Listener, service: Arc<Service>) -> Self {
        let (send, ready) = mpsc::channel(WAITING);
        let address = listener.address;
        tokio::spawn(take(listener, service, send));
        Self { ready, address }
    }
}

async fn take(listener: Listener, service: Arc<Service>, send: mpsc::Sender<(Stream, SocketAddr)>) {
    let Listener { socket, address: _, tls } = listener;
    let mut renew = tokio::time::interval(RENEW);
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = renew.tick() => {
                match tls.as_deref().map(Tls::renew) {
                    Some(Ok(true)) => tracing::info!("the certificate was read again"),
                    Some(Err(error)) => tracing::error!(%error, "the new certificate cannot be used; the one before it stays"),
                    _ => {}
                }
                continue;
            }
            () = service.stop.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (tls, send) = (tls.clone(), send.clone());
        tokio::spawn(async move {
            let stream = match tls {
                Some(tls) => match tls.accept(stream).await {
                    Some(stream) => Either::Right(stream),
                    None => return,
                },
                None => Either::Left(stream),
            };
            // Nobody listens any more where this fails.
            let _ = send.send((stream, peer)).await;
        });
    }
}

impl axum::serve::Listener for Door {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // It stops: nobody comes any more.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// The names by which it may be called: what else a browser was made to call it by is a trick (DNS rebinding).
fn hosts(service: &Service, address: SocketAddr) -> Vec<String> {
    let config = service.config();
    let port = address.port();
    let mut hosts = vec![address.to_string()];
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        hosts.extend([format!("127.0.0.1:{port}"), format!("localhost:{port}")]);
    }
    hosts.extend(config.hosts.iter().cloned());
    let public = config.public_url.as_deref().and_then(|url| url.split_once("://"));
    hosts.extend(public.map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_owned()));
    hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect()
}
