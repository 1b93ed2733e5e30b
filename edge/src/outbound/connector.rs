//! Connects, where that is allowed: a name is looked up once, all that it leads to is judged, and nothing else is dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anchorwatch_core::route::locality::{Endpoint, Networks, NotLocal, reachable};
use futures::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::CONNECT_LIMIT;
use super::name_servers::NameServers;
use super::resolver::{Machine, Resolver};

/// Connects, where that is allowed.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    /// Anywhere where none are named.
    networks: Option<Arc<Networks>>,
    resolver: Arc<dyn Resolver>,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connector {
    pub(super) fn anywhere() -> Self {
        Self { networks: None, resolver: Arc::new(Machine) }
    }

    pub(super) fn inside(networks: Networks) -> Self {
        Self { networks: Some(Arc::new(networks)), resolver: Arc::new(NameServers) }
    }

    pub(super) fn asking(self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self }
    }

    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let endpoint = Endpoint::parse(&uri.to_string()).map_err(io::Error::other)?;
        let addresses = self.addresses(&endpoint).await?;
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            let address = SocketAddr::new(address, endpoint.port());
            #[expect(clippy::disallowed_methods, reason = "this is where calls to the outside are connected")]
            match TcpStream::connect(address).await {
                Ok(stream) => return self.checked(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// What may be dialled. A name that leads outside with one of its addresses is not to be believed in the others.
    async fn addresses(&self, endpoint: &Endpoint) -> io::Result<Vec<IpAddr>> {
        if let Some(networks) = &self.networks {
            reachable(endpoint, networks).map_err(io::Error::other)?;
        }
        let addresses = match (endpoint.address(), endpoint.name()) {
            (Some(address), _) => vec![address],
            (None, Some(name)) => self.resolver.addresses(name).await?,
            (None, None) => Vec::new(),
        };
        addresses.into_iter().map(|address| self.judge(address)).collect()
    }

    fn checked(&self, stream: TcpStream) -> io::Result<Stream> {
        let peer = stream.peer_addr()?;
        let peer = SocketAddr::new(self.judge(peer.ip())?, peer.port());
        stream.set_nodelay(true)?;
        Ok(Stream { stream: TokioIo::new(stream), peer })
    }

    fn judge(&self, address: IpAddr) -> io::Result<IpAddr> {
        let Some(networks) = &self.networks else { return Ok(address.to_canonical()) };
        networks.judge(address).map_err(|outside| io::Error::other(NotLocal::Address(outside)))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async {
            tokio::time::timeout(CONNECT_LIMIT, connecting).await.unwrap_or_else(|_| {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("not within {} s", CONNECT_LIMIT.as_secs())))
            })
        })
    }
}

/// A connection that knows who is at its other end, and says so with each answer.
#[derive(Debug)]
pub(super) struct Stream {
    stream: TokioIo<TcpStream>,
    peer: SocketAddr,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.stream.inner().connected().extra(Peer(self.peer))
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }
}
