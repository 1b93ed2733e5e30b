//! Each ban of `clippy.toml` that keeps calls to the outside behind one door, seen to fire: a path that names nothing is
//! ignored in silence. The lint says so by `expect`, which is a warning where there was nothing to expect.

use std::net::SocketAddr;

use http_body_util::Full;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::{TokioExecutor, TokioIo};

type Body = Full<bytes::Bytes>;
type Io = TokioIo<tokio::net::TcpStream>;

#[test]
fn each_ban_is_seen_to_fire() {
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = hyper::client::conn::http1::handshake::<Io, Body>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = hyper::client::conn::http2::handshake::<TokioExecutor, Io, Body>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = hyper_util::client::legacy::Client::builder::<TokioExecutor>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = hyper_util::client::legacy::Builder::new::<TokioExecutor>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = hyper_util::client::legacy::connect::HttpConnector::new;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = hyper_util::client::legacy::connect::HttpConnector::<GaiResolver>::new_with_resolver;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = kube::Client::try_default;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = kube::Config::infer;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = tokio::net::TcpStream::connect::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = tokio::net::TcpSocket::connect;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = tokio::net::UdpSocket::bind::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = tokio::net::lookup_host::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = std::net::TcpStream::connect::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = std::net::TcpStream::connect_timeout;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = std::net::UdpSocket::bind::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = <SocketAddr as std::net::ToSocketAddrs>::to_socket_addrs;
}
