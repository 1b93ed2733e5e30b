//! Each ban of `clippy.toml` that keeps calls to the outside behind one door, seen to fire: a path that names nothing is
//! ignored in silence. The lint says so by `expect`, which is a warning where there was nothing to expect.

use std::net::SocketAddr;

#[test]
fn each_ban_is_seen_to_fire() {
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = std::net::TcpStream::connect::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = std::net::TcpStream::connect_timeout;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = std::net::UdpSocket::bind::<SocketAddr>;
    #[expect(clippy::disallowed_methods, reason = "it is to be found")]
    let _ = <SocketAddr as std::net::ToSocketAddrs>::to_socket_addrs;
}
