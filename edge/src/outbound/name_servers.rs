//! Names, looked up without the C library: that one, asked for a name with several addresses, connects a socket to each of
//! them to see which is the nearest. It sends nothing; but to whoever must not be connected to, nobody is to connect.

use std::io;
use std::net::IpAddr;

use futures::future::BoxFuture;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};

use super::resolver::Resolver;

/// The hosts file, and where a name is not in it the name servers and search domains of `/etc/resolv.conf`. Both are read
/// for each name, as they may have changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameServers;

impl Resolver for NameServers {
    fn addresses(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(async move {
            match in_hosts_file(&name) {
                Some(addresses) => Ok(addresses),
                None => of_servers(&name).await.map_err(|error| io::Error::other(reason(&error))),
            }
        })
    }
}

/// A name that is in the file with one address only has no other: it is not asked for on.
fn in_hosts_file(name: &str) -> Option<Vec<IpAddr>> {
    let hosts = Hosts::from_system().ok()?;
    let name = Name::from_utf8(name).ok()?;
    let found =
        [RecordType::A, RecordType::AAAA].map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)));
    let records = found.iter().flatten().flat_map(Lookup::answers);
    let addresses: Vec<IpAddr> = records.filter_map(|record| record.data.ip_addr()).collect();
    (!addresses.is_empty()).then_some(addresses)
}

async fn of_servers(name: &str) -> Result<Vec<IpAddr>, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    // All that a name leads to is to be judged, whichever is connected to.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Never;
    Ok(builder.build()?.lookup_ip(name).await?.iter().collect())
}

/// Why a name was not found. The library's words have the name in them.
fn reason(error: &NetError) -> &'static str {
    match error {
        NetError::Timeout => "no name server answers",
        NetError::Io(_) => "no name server can be asked",
        error if error.is_nx_domain() || error.is_no_records_found() => "the name leads nowhere",
        _ => "the name cannot be looked up",
    }
}
