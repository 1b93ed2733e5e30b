//! Which addresses are inside, and which never are, whatever a configuration says.
//!
//! Inside are loopback, the private networks (RFC 1918), unique local addresses (RFC 4193), and what a configuration
//! names. An address that was mapped to IPv6 (`::ffff:a.b.c.d`) is judged by the one in it, as the kernel sends to that.

use std::net::IpAddr;

pub use ipnet::IpNet;

pub use super::never::Reason;
use super::never::{NEVER, never, v4, v6};

/// Networks, none of which leads outside unless somebody said that it is his.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    inside: Vec<IpNet>,
    without: Vec<IpNet>,
}

/// A network that a configuration names, such as that of the Pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedNetwork {
    /// Its address and length.
    pub network: IpNet,
    /// It is public by its address, and somebody says that it is his and stays inside.
    pub is_ours_though_public: bool,
}

impl From<IpNet> for NamedNetwork {
    fn from(network: IpNet) -> Self {
        Self { network, is_ours_though_public: false }
    }
}

/// Why a network cannot be inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// More is written than its length says: a single address may be meant.
    #[error("{0} says more than its length: write {network} or {address}/{all}",
        network = .0.trunc(), address = .0.addr(), all = .0.max_prefix_len())]
    HostBits(IpNet),
    /// All of it is what never is inside.
    #[error("{network} is never inside: {reason}")]
    Never {
        /// The network.
        network: IpNet,
        /// What it is.
        reason: Reason,
    },
    /// It is public.
    #[error("{0} is a public network: if it is yours and stays inside, say so")]
    Public(IpNet),
    /// It is said to be one's own, and is wider than such a network is.
    #[error("{network} is too wide to be somebody's own: name networks of /{shortest} or longer")]
    TooWide {
        /// The network.
        network: IpNet,
        /// The shortest length that is taken.
        shortest: u8,
    },
}

/// An address that may not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} {reason}")]
pub struct Outside {
    /// The address; the one inside of a mapped one.
    pub address: IpAddr,
    /// Why.
    pub reason: Reason,
}

const LOOPBACK: [IpNet; 2] = [v4(127, 0, 0, 0, 8), v6([0, 0, 0, 0, 0, 0, 0, 1], 128)];

/// RFC 1918 and RFC 4193.
const PRIVATE: [IpNet; 4] =
    [v4(10, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16), v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7)];

/// Routed by nobody on the internet, and shared with strangers in some places: inside only where they are named. Pods
/// have such addresses in some clusters.
const NAMEABLE: [IpNet; 3] = [v4(100, 64, 0, 0, 10), v4(198, 18, 0, 0, 15), v4(240, 0, 0, 0, 4)];

/// The shortest length of a public network that somebody may call his own. What providers hand to one customer is
/// longer, and `0.0.0.0/1` is nobody's.
const OWN_IPV4_LENGTH: u8 = 16;
const OWN_IPV6_LENGTH: u8 = 48;

impl Default for Networks {
    /// Loopback and the private networks.
    fn default() -> Self {
        Self { inside: LOOPBACK.into_iter().chain(PRIVATE).collect(), without: Vec::new() }
    }
}

impl Networks {
    /// This machine only.
    pub fn loopback() -> Self {
        Self { inside: LOOPBACK.to_vec(), without: Vec::new() }
    }

    /// These and no others, not even loopback.
    pub fn only(named: &[NamedNetwork]) -> Result<Self, NetworkError> {
        let inside = named.iter().map(checked).collect::<Result<_, _>>()?;
        Ok(Self { inside, without: Vec::new() })
    }

    /// These too.
    pub fn and(mut self, named: &[NamedNetwork]) -> Result<Self, NetworkError> {
        self.inside.extend(Self::only(named)?.inside);
        Ok(self)
    }

    /// Not these, though others hold them: such as the network of a translator (NAT64) with a prefix of one's own.
    #[must_use]
    pub fn without(mut self, networks: &[IpNet]) -> Self {
        self.without.extend(networks);
        self
    }

    /// What is inside, but for what [never](Reason) is.
    pub fn inside(&self) -> &[IpNet] {
        &self.inside
    }

    /// What is outside though it may be a part of what is inside: what never is, and what is taken out.
    pub fn never(&self) -> impl Iterator<Item = IpNet> + '_ {
        NEVER.iter().map(|(network, _)| *network).chain(self.without.iter().copied())
    }

    /// Says whether an address is inside. It is to be connected to as it comes out of this: no longer mapped.
    pub fn judge(&self, address: IpAddr) -> Result<IpAddr, Outside> {
        let address = address.to_canonical();
        let holds = |network: &IpNet| network.contains(&address);
        let reason = match never(address) {
            Some(reason) => reason,
            None if self.without.iter().any(holds) => Reason::TakenOut,
            None if self.inside.iter().any(holds) => return Ok(address),
            None => Reason::NotNamed,
        };
        Err(Outside { address, reason })
    }
}

/// What is never inside may be a part of a network, and is left out when an address is judged.
fn checked(named: &NamedNetwork) -> Result<IpNet, NetworkError> {
    let NamedNetwork { network, is_ours_though_public } = *named;
    if network.trunc() != network {
        return Err(NetworkError::HostBits(network));
    }
    if let Some((_, reason)) = NEVER.iter().find(|(never, _)| never.contains(&network)) {
        return Err(NetworkError::Never { network, reason: *reason });
    }
    if LOOPBACK.iter().chain(&PRIVATE).chain(&NAMEABLE).any(|private| private.contains(&network)) {
        return Ok(network);
    }
    if !is_ours_though_public {
        return Err(NetworkError::Public(network));
    }
    let shortest = if network.addr().is_ipv4() { OWN_IPV4_LENGTH } else { OWN_IPV6_LENGTH };
    if network.prefix_len() < shortest {
        return Err(NetworkError::TooWide { network, shortest });
    }
    Ok(network)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn networks(names: &[&str]) -> Vec<NamedNetwork> {
        names.iter().map(|name| name.parse::<IpNet>().unwrap().into()).collect()
    }

    fn judged(networks: &Networks, address: &str) -> Result<String, Reason> {
        let judged = networks.judge(address.parse().unwrap());
        judged.map(|inside| inside.to_string()).map_err(|outside| outside.reason)
    }

    #[test]
    fn what_is_inside_without_a_word_is_loopback_and_private() {
        let inside = Networks::default();
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "10.0.0.1",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "fc00::1",
            "fdff:ffff::1",
            "fd12:3456:789a::5efe",
        ] {
            assert_eq!(judged(&inside, address), Ok(address.to_owned()));
        }
        for (address, reason) in [
            ("8.8.8.8", Reason::NotNamed),
            ("9.255.255.255", Reason::NotNamed),
            ("11.0.0.0", Reason::NotNamed),
            ("172.15.255.255", Reason::NotNamed),
            ("172.32.0.0", Reason::NotNamed),
            ("192.167.1.1", Reason::NotNamed),
            ("100.64.0.1", Reason::NotNamed),
            ("198.18.0.1", Reason::NotNamed),
            ("240.0.0.1", Reason::NotNamed),
            ("192.0.2.1", Reason::NotNamed),
            ("2001:db8::1", Reason::NotNamed),
            ("2606:4700::1111", Reason::NotNamed),
            ("fec0::1", Reason::NotNamed),
            ("fbff::1", Reason::NotNamed),
            ("::2", Reason::Translated),
        ] {
            assert_eq!(judged(&inside, address), Err(reason), "{address}");
        }
    }

    #[test]
    fn what_is_never_inside_is_not_even_where_it_is_named() {
        let all = ["10.0.0.0/8", "100.64.0.0/10", "240.0.0.0/4", "fc00::/7", "127.0.0.0/8"];
        let mut named = networks(&all);
        for public in ["169.0.0.0/16", "168.63.0.0/16", "192.0.0.0/16", "192.88.0.0/16"] {
            named.push(NamedNetwork { network: public.parse().unwrap(), is_ours_though_public: true });
        }
        let inside = Networks::default().and(&named).unwrap();
        assert_eq!(judged(&inside, "100.64.0.1"), Ok("100.64.0.1".to_owned()), "as it is named");
        assert_eq!(judged(&inside, "240.0.0.1"), Ok("240.0.0.1".to_owned()), "as it is named");
        for (address, reason) in [
            ("0.0.0.0", Reason::Unspecified),
            ("0.1.2.3", Reason::Unspecified),
            ("::", Reason::Unspecified),
            ("169.254.0.1", Reason::LinkLocal),
            ("fe80::1", Reason::LinkLocal),
            ("febf::1", Reason::LinkLocal),
            ("169.254.169.254", Reason::Metadata),
            ("169.254.170.2", Reason::Metadata),
            ("169.254.170.23", Reason::Metadata),
            ("100.100.100.200", Reason::Metadata),
            ("168.63.129.16", Reason::Metadata),
            ("192.0.0.192", Reason::Metadata),
            ("fd00:ec2::254", Reason::Metadata),
            ("fd00:ec2::23", Reason::Metadata),
            ("fd20:ce::254", Reason::Metadata),
            ("fe80::a9fe:a9fe", Reason::Metadata),
            ("::ffff:169.254.169.254", Reason::Metadata),
            ("::ffff:100.100.100.200", Reason::Metadata),
            ("224.0.0.1", Reason::Multicast),
            ("239.255.255.255", Reason::Multicast),
            ("ff02::1", Reason::Multicast),
            ("255.255.255.255", Reason::Broadcast),
            ("::ffff:255.255.255.255", Reason::Broadcast),
            ("192.88.99.1", Reason::Translated),
        ] {
            assert_eq!(judged(&inside, address), Err(reason), "{address}");
        }
    }

    #[test]
    fn a_mapped_address_is_judged_by_the_one_in_it_and_a_translated_one_not_at_all() {
        let inside = Networks::default();
        assert_eq!(judged(&inside, "::ffff:10.0.0.1"), Ok("10.0.0.1".to_owned()));
        assert_eq!(judged(&inside, "::ffff:127.0.0.1"), Ok("127.0.0.1".to_owned()));
        assert_eq!(judged(&inside, "::ffff:8.8.8.8"), Err(Reason::NotNamed));
        assert_eq!(judged(&inside, "::ffff:0.0.0.0"), Err(Reason::Unspecified));
        // Both what is translated from inside and what is translated from outside.
        for address in [
            "64:ff9b::8.8.8.8",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "64:ff9b:1:ffff::10.0.0.1",
            "2002:808:808::1",
            "2002:a00:1::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "::8.8.8.8",
            "::10.0.0.1",
            "::127.0.0.1",
            "::ffff:0:8.8.8.8",
            "::ffff:0:10.0.0.1",
            "fd00::5efe:8.8.8.8",
            "fd00::200:5efe:8.8.8.8",
            "fd00:1:2:3:100:5efe:a00:1",
        ] {
            assert_eq!(judged(&inside, address), Err(Reason::Translated), "{address}");
        }
    }

    #[test]
    fn a_network_that_leads_outside_is_taken_only_where_somebody_calls_it_his() {
        let refused = |name: &str, is_ours_though_public| {
            let network = name.parse().unwrap();
            Networks::only(&[NamedNetwork { network, is_ours_though_public }]).err().map(|error| error.to_string())
        };
        for name in
            ["10.42.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "240.0.0.0/4", "fd00:10:244::/56", "127.0.0.2/32"]
        {
            assert_eq!(refused(name, false), None, "{name}");
        }
        for name in ["8.8.8.0/24", "0.0.0.0/0", "::/0", "2000::/3", "10.0.0.0/7", "100.0.0.0/8", "2001:db8::/48"] {
            assert!(refused(name, false).unwrap().contains("is a public network"), "{name}");
        }
        assert_eq!(refused("8.8.8.0/24", true), None);
        assert_eq!(refused("203.0.0.0/16", true), None);
        assert_eq!(refused("2600:1f18::/48", true), None);
        for name in ["0.0.0.0/0", "8.0.0.0/8", "203.0.0.0/15", "::/0", "2600::/32"] {
            assert!(refused(name, true).unwrap().contains("too wide"), "{name}");
        }
        for name in ["169.254.0.0/16", "169.254.169.254/32", "fe80::/64", "ff00::/16", "0.0.0.0/8", "64:ff9b::/96"] {
            assert!(refused(name, true).unwrap().contains("never inside"), "{name}");
        }
        assert!(refused("::ffff:10.0.0.0/104", true).unwrap().contains("never inside"));
        assert_eq!(
            refused("10.1.2.3/8", false).unwrap(),
            "10.1.2.3/8 says more than its length: write 10.0.0.0/8 or 10.1.2.3/32"
        );
    }

    #[test]
    fn what_is_taken_out_is_outside_though_another_network_holds_it() {
        let translator = "fd00:64:ff9b::/96".parse().unwrap();
        let inside = Networks::default().without(&[translator]);
        assert_eq!(judged(&inside, "fd00:64:ff9b::8.8.8.8"), Err(Reason::TakenOut));
        assert!(judged(&inside, "fd00:64::1").is_ok());
    }

    #[test]
    fn nothing_is_inside_of_no_networks() {
        let nothing = Networks::only(&[]).unwrap();
        assert_eq!(judged(&nothing, "127.0.0.1"), Err(Reason::NotNamed));
    }

    /// By the standard library's words, not by this file's tables.
    fn is_public(address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(four) => {
                let [first, second, ..] = four.octets();
                let is_shared = (first, second & 0xc0) == (100, 64) || (first, second & 0xfe) == (198, 18);
                !(four.is_private() || four.is_loopback() || is_shared || first >= 240)
            }
            IpAddr::V6(six) => !(six.is_unique_local() || six.is_loopback()),
        }
    }

    /// Any address and any length, those of the tables more often than others.
    fn any_network() -> impl Strategy<Value = IpNet> {
        let tables: Vec<IpNet> = LOOPBACK
            .into_iter()
            .chain(PRIVATE)
            .chain(NAMEABLE)
            .chain(NEVER.iter().map(|(network, _)| *network))
            .collect();
        let near = (proptest::sample::select(tables), 0..=8_u8).prop_map(|(network, wider)| {
            IpNet::new_assert(network.addr(), network.prefix_len().saturating_sub(wider)).trunc()
        });
        let four = (any::<u32>(), 0..=32_u8)
            .prop_map(|(bits, length)| IpNet::new_assert(Ipv4Addr::from(bits).into(), length).trunc());
        let six = (any::<u128>(), 0..=128_u8)
            .prop_map(|(bits, length)| IpNet::new_assert(Ipv6Addr::from(bits).into(), length).trunc());
        prop_oneof![near, four, six]
    }

    proptest! {
        #[test]
        fn no_public_address_is_inside_unless_somebody_calls_its_network_his(
            named in proptest::collection::vec(any_network(), 0..8), elsewhere in any_network(), bits in any::<u128>(),
        ) {
            let taken: Vec<NamedNetwork> =
                named.iter().map(|network| (*network).into()).filter(|named| Networks::only(&[*named]).is_ok()).collect();
            let networks = Networks::default().and(&taken).unwrap();
            for network in named.iter().chain([&elsewhere]) {
                // The first, the last, and one between.
                let hosts = match network {
                    IpNet::V4(four) => IpAddr::from(Ipv4Addr::from(
                        u32::from(four.network()) | (u32::try_from(bits >> 96).unwrap() & u32::from(four.hostmask())),
                    )),
                    IpNet::V6(six) => Ipv6Addr::from(u128::from(six.network()) | (bits & u128::from(six.hostmask()))).into(),
                };
                for address in [network.network(), network.broadcast(), hosts] {
                    let judged = networks.judge(address);
                    prop_assert!(judged.is_err() || !is_public(address), "{address} in {taken:?}");
                }
            }
        }
    }
}
