//! Where names lead.

use std::fmt;
use std::io;
use std::net::IpAddr;

use futures::future::BoxFuture;

/// Looks names up.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// All addresses of a name; it is asked once for a connection.
    fn addresses(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As this machine looks names up: its hosts file, its name servers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine;

impl Resolver for Machine {
    fn addresses(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(async move {
            #[expect(clippy::disallowed_methods, reason = "this is where names are looked up")]
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
