//! Addresses that are never inside, whatever a configuration says, and why.
//!
//! Addresses that somebody else translates or tunnels (NAT64, 6to4, Teredo, ISATAP, IPv4-compatible) are among them: where
//! their packets come out is decided by a machine on the way, not by the address. What cannot be seen from an address is a
//! translator behind a prefix of one's own: name its network in [`Networks::without`](super::Networks::without).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why an address is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// None of the networks has it.
    NotNamed,
    /// A configuration takes it out.
    TakenOut,
    /// It is no address of anybody: `0.0.0.0/8`, `::`.
    Unspecified,
    /// It is good on one link only, and clouds keep their metadata there: `169.254.0.0/16`, `fe80::/10`.
    LinkLocal,
    /// It is many.
    Multicast,
    /// It is everybody.
    Broadcast,
    /// A cloud tells its machines about themselves there, credentials too.
    Metadata,
    /// Somebody else translates it or tunnels it.
    Translated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotNamed => "is in none of the networks that are inside",
            Self::TakenOut => "is in a network that the configuration takes out",
            Self::Unspecified => "is no address of anybody",
            Self::LinkLocal => "is a link-local address",
            Self::Multicast => "is a multicast address",
            Self::Broadcast => "is a broadcast address",
            Self::Metadata => "is where a cloud keeps metadata",
            Self::Translated => "is translated or tunnelled by somebody else",
        })
    }
}

pub(super) const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length))
}

pub(super) const fn v6(segments: [u16; 8], length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), length))
}

/// Never inside. The first that has an address says why, so single addresses stand before their networks.
pub(super) const NEVER: &[(IpNet, Reason)] = &[
    (v4(169, 254, 169, 254, 32), Reason::Metadata),
    (v4(169, 254, 170, 0, 24), Reason::Metadata), // credentials of tasks and Pods on AWS
    (v4(169, 254, 42, 42, 32), Reason::Metadata), // Scaleway
    (v4(169, 254, 0, 23, 32), Reason::Metadata),  // Tencent
    (v4(100, 100, 100, 200, 32), Reason::Metadata), // Alibaba
    (v4(192, 0, 0, 192, 32), Reason::Metadata),   // Oracle
    (v4(168, 63, 129, 16, 32), Reason::Metadata), // Azure
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), Reason::Metadata), // AWS
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Reason::Metadata), // Google
    (v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), Reason::Metadata), // Oracle
    (v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128), Reason::Metadata), // Scaleway
    (v6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), Reason::Metadata), // OpenStack
    (v4(0, 0, 0, 0, 8), Reason::Unspecified),
    (v6([0; 8], 128), Reason::Unspecified),
    (v4(169, 254, 0, 0, 16), Reason::LinkLocal),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Reason::LinkLocal),
    (v4(224, 0, 0, 0, 4), Reason::Multicast),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Reason::Multicast),
    (v4(255, 255, 255, 255, 32), Reason::Broadcast),
    (v4(192, 88, 99, 0, 24), Reason::Translated), // relays of 6to4, RFC 7526
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), Reason::Translated), // NAT64, RFC 6052
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Reason::Translated), // NAT64, RFC 8215
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Reason::Translated), // 6to4, RFC 3056
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), Reason::Translated), // Teredo, RFC 4380
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), Reason::Translated), // SIIT, RFC 2765
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), Reason::Translated), // mapped; a single address is judged by the one in it
];

/// IPv4-compatible, RFC 4291: `::1` is of that form and is not meant.
const COMPATIBLE: IpNet = v6([0; 8], 96);

/// Why an address is never inside, where it is not.
pub(super) fn never(address: IpAddr) -> Option<Reason> {
    if let Some((_, reason)) = NEVER.iter().find(|(network, _)| network.contains(&address)) {
        return Some(*reason);
    }
    let IpAddr::V6(six) = address else { return None };
    let is_compatible = COMPATIBLE.contains(&address) && !six.is_loopback();
    (is_compatible || is_isatap(six)).then_some(Reason::Translated)
}

/// An interface as RFC 5214 makes them: `…:0:5efe:a.b.c.d`, whatever the network.
fn is_isatap(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[4] & 0xfcff == 0 && segments[5] == 0x5efe
}
