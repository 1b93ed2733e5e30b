//! The same limits for the network: a NetworkPolicy that lets the service's Pods out to what its configuration names.
//!
//! Policies know addresses and no names. Where a name is configured, the policy opens all networks that are inside, at that
//! one port; the address that it leads to is judged when it is connected to. What is outside by a name only is left out, and a
//! comment says so. Loopback is no policy's affair.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::locality::{Endpoint, IpNet, Networks};

/// Telegram's own networks, <https://core.telegram.org/resources/cidr.txt>, the same 14 as in copies of that list.
const TELEGRAM: [&str; 14] = [
    "91.105.192.0/23",
    "91.108.4.0/22",
    "91.108.8.0/22",
    "91.108.12.0/22",
    "91.108.16.0/22",
    "91.108.20.0/22",
    "91.108.56.0/22",
    "149.154.160.0/20",
    "185.76.151.0/24",
    "2001:67c:4e8::/48",
    "2001:b28:f23c::/48",
    "2001:b28:f23d::/48",
    "2001:b28:f23f::/48",
    "2a0a:f280::/32",
];

/// What a policy is made of.
#[derive(Debug, Clone)]
pub struct PolicyFacts<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// Where the Pods are.
    pub namespace: &'a str,
    /// The labels of the Pods.
    pub pods: &'a BTreeMap<String, String>,
    /// What is inside.
    pub networks: &'a Networks,
    /// Where the Pods go.
    pub destinations: &'a [Destination],
}

/// Somebody who is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Who that is.
    pub who: Who,
    /// Where.
    pub place: Place,
    /// At which port, as it is behind a Service.
    pub port: u16,
}

/// Who is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The API server of a cluster, by the cluster's name.
    ApiServer(String),
    /// A provider of answers, by its name.
    Provider(String),
    /// A provider outside, by its name.
    Cloud(String),
    /// The database.
    Store,
    /// Telegram, or a Bot API server of one's own.
    Telegram,
    /// Something else of the configuration, by its name.
    Other(String),
}

/// Where somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At an address.
    Address(IpAddr),
    /// In a network that somebody says its name leads to.
    Network(IpNet),
    /// Wherever a name leads to inside.
    Inside,
    /// Wherever a name leads to outside.
    Outside,
    /// In Telegram's own networks.
    Telegram,
    /// Nowhere that a policy could say, or that anybody asked to be opened: why, and what to do.
    LeftOut(String),
}

impl Destination {
    /// Somebody inside, whose address or name is configured.
    pub fn inside(who: Who, endpoint: &Endpoint) -> Self {
        let place = endpoint.address().map_or(Place::Inside, Place::Address);
        Self { who, place, port: endpoint.port() }
    }

    /// Telegram; or where the configuration says that its server is one's own.
    pub fn telegram(endpoint: &Endpoint) -> Self {
        match endpoint.name().map(|name| name.trim_end_matches('.')) {
            Some("api.telegram.org") => Self { who: Who::Telegram, place: Place::Telegram, port: endpoint.port() },
            _ => Self::inside(Who::Telegram, endpoint),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiServer(cluster) => write!(f, "The API server of {}", on_one_line(cluster)),
            Self::Provider(name) => write!(f, "Provider {}", on_one_line(name)),
            Self::Cloud(name) => write!(f, "The cloud {}, which no private chain has", on_one_line(name)),
            Self::Store => f.write_str("The store"),
            Self::Telegram => f.write_str("Telegram"),
            Self::Other(name) => f.write_str(&on_one_line(name)),
        }
    }
}

/// A comment ends where its line does.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address(_) => "at its address",
            Self::Network(_) => "in the network that was named for it",
            Self::Inside => "wherever its name leads, as long as that is inside",
            Self::Outside => "wherever its name leads, as long as that is outside",
            Self::Telegram => "in its own networks (core.telegram.org/resources/cidr.txt)",
            Self::LeftOut(why) => return f.write_str(&on_one_line(why)),
        })
    }
}

/// A network, and what is cut out of it.
struct Block {
    network: IpNet,
    except: Vec<IpNet>,
}

/// Makes the manifest, as YAML with a comment for each rule.
pub fn manifest(facts: &PolicyFacts<'_>) -> String {
    let PolicyFacts { name, namespace, pods, networks, destinations } = facts;
    let rules: String = destinations.iter().map(|destination| rule(destination, networks)).collect();
    format!(
        "# Where the Pods of {namespace} go, from the configuration that they run with. Policies add up: the egress rules of\n\
         # others for the same Pods open what they say, whatever stands here. Most networks look at a packet after its\n\
         # Service was translated, so ports and addresses are those behind Services. Policies know no names: where only a name\n\
         # is configured, all that is inside is opened at its port. If it leads outside, say --address NAME=NETWORK.\n\
         apiVersion: networking.k8s.io/v1\n\
         kind: NetworkPolicy\n\
         metadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  podSelector:\n    matchLabels: {pods}\n  policyTypes: [Egress]\n  egress:\n\
         {DNS}{rules}",
        namespace = quoted(namespace),
        name = quoted(name),
        pods = serde_json::to_string(pods).expect("a map of strings is JSON"),
    )
}

/// A cache of names on each node has a link-local address, and is no Pod of kube-system.
const DNS: &str = "  # Names are looked up: in the cluster's own DNS, or its cache on each node (NodeLocal DNSCache).
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    - ipBlock: {cidr: \"169.254.20.10/32\"}
    ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
";

fn rule(destination: &Destination, networks: &Networks) -> String {
    let Destination { who, place, port } = destination;
    if let Place::LeftOut(_) = place {
        return format!("  # {who} is left out: {place}.\n");
    }
    let blocks = blocks(place, networks);
    if blocks.is_empty() {
        // An empty list of peers would be everybody.
        return format!("  # {who} is on this machine: there is nothing to open.\n");
    }
    let peers: String = blocks.iter().map(ToString::to_string).collect();
    format!("  # {who}, {place}.\n  - to:\n{peers}    ports:\n    - {{port: {port}, protocol: TCP}}\n")
}

impl fmt::Display for Block {
    /// One line of a list of peers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, except } = self;
        let except: Vec<String> = except.iter().map(|network| format!("\"{network}\"")).collect();
        match except.as_slice() {
            [] => writeln!(f, "    - ipBlock: {{cidr: \"{network}\"}}"),
            except => writeln!(f, "    - ipBlock: {{cidr: \"{network}\", except: [{}]}}", except.join(", ")),
        }
    }
}

fn blocks(place: &Place, networks: &Networks) -> Vec<Block> {
    let whole = |network| Block { network, except: Vec::new() };
    match place {
        Place::LeftOut(_) => Vec::new(),
        Place::Network(network) => vec![whole(network.trunc())],
        Place::Outside => ["0.0.0.0/0", "::/0"].map(|all| outside(all, networks)).into(),
        Place::Address(address) if address.to_canonical().is_loopback() => Vec::new(),
        Place::Address(address) => vec![whole(address.to_canonical().into())],
        Place::Telegram => TELEGRAM.iter().map(|text| whole(text.parse().expect("the table holds networks"))).collect(),
        Place::Inside => {
            let reachable = IpNet::aggregate(&networks.inside().to_vec());
            let mut blocks: Vec<Block> = reachable.into_iter().filter_map(|network| cut(network, networks)).collect();
            blocks.sort_by_key(|block| block.network);
            blocks
        }
    }
}

/// All addresses of a family but those that are inside, and those that are nobody's.
fn outside(all: &str, networks: &Networks) -> Block {
    let network: IpNet = all.parse().expect("all addresses are a network");
    // API servers take no mapped addresses, and no packet has one.
    let is_mapped = |other: &IpNet| matches!(other, IpNet::V6(six) if six.addr().to_ipv4_mapped().is_some());
    let closed = networks.inside().iter().copied().chain(networks.never());
    let except = IpNet::aggregate(&closed.filter(|other| network.contains(other) && !is_mapped(other)).collect());
    Block { network, except }
}

/// A network without what is never inside of it; none where nothing is left, and none of loopback.
fn cut(network: IpNet, networks: &Networks) -> Option<Block> {
    let never: Vec<IpNet> = networks.never().collect();
    if network.addr().is_loopback() || never.iter().any(|never| never.contains(&network)) {
        return None;
    }
    let except = IpNet::aggregate(&never.into_iter().filter(|never| network.contains(never)).collect());
    Some(Block { network, except })
}

/// YAML reads what JSON writes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::source;

    fn made(networks: &Networks, destinations: &[Destination]) -> (String, Json) {
        let pods = BTreeMap::from([("app.kubernetes.io/name".to_owned(), "anchorwatch".to_owned())]);
        let facts = PolicyFacts { name: "anchorwatch-egress", namespace: "watch", pods: &pods, networks, destinations };
        let text = manifest(&facts);
        let read = source::to_json(&text).unwrap();
        assert_eq!(read.len(), 1);
        let json = serde_json::from_str(&read[0]).unwrap();
        (text, json)
    }

    fn provider(url: &str) -> Destination {
        Destination::inside(Who::Provider("nim".into()), &Endpoint::parse(url).unwrap())
    }

    #[test]
    fn each_destination_is_one_rule_with_a_comment() {
        let telegram = |url| Destination::telegram(&Endpoint::parse(url).unwrap());
        let destinations = [
            Destination {
                who: Who::ApiServer("prod".into()),
                place: Place::Address("10.96.0.1".parse().unwrap()),
                port: 6443,
            },
            provider("http://10.1.2.3:8000/v1"),
            provider("http://[::ffff:10.1.2.4]/v1"),
            Destination { who: Who::Store, place: Place::Address("fd00::5".parse().unwrap()), port: 5432 },
            telegram("https://api.telegram.org"),
            telegram("http://10.9.9.9:8081"),
        ];
        let (text, policy) = made(&Networks::default(), &destinations);
        assert_eq!(policy["kind"], "NetworkPolicy");
        assert_eq!(policy["metadata"], json!({"name": "anchorwatch-egress", "namespace": "watch"}));
        assert_eq!(policy["spec"]["podSelector"], json!({"matchLabels": {"app.kubernetes.io/name": "anchorwatch"}}));
        assert_eq!(policy["spec"]["policyTypes"], json!(["Egress"]));
        let rules = policy["spec"]["egress"].as_array().unwrap();
        let first = |rule: &Json| (rule["to"][0]["ipBlock"]["cidr"].clone(), rule["ports"].clone());
        let tcp = |port: u16| json!([{"port": port, "protocol": "TCP"}]);
        let seen: Vec<_> = rules[1..].iter().map(first).collect();
        assert_eq!(
            seen,
            [
                (json!("10.96.0.1/32"), tcp(6443)),
                (json!("10.1.2.3/32"), tcp(8000)),
                (json!("10.1.2.4/32"), tcp(80)),
                (json!("fd00::5/128"), tcp(5432)),
                (json!("91.105.192.0/23"), tcp(443)),
                (json!("10.9.9.9/32"), tcp(8081)),
            ]
        );
        let comments = text.lines().filter(|line| line.starts_with("  # ")).count();
        assert_eq!(comments, rules.len());
        for comment in ["  # Provider nim, at its address.", "  # Telegram, in its own networks"] {
            assert!(text.contains(comment), "{text}");
        }
    }

    #[test]
    fn a_name_opens_what_is_inside_and_never_what_never_is() {
        let pods: IpNet = "100.64.0.0/10".parse().unwrap();
        let shop: IpNet = "10.5.0.0/16".parse().unwrap();
        let networks = Networks::default().and(&[pods.into(), shop.into()]).unwrap();
        let networks = networks.without(&["fd00:64::/96".parse().unwrap(), "192.168.0.0/16".parse().unwrap()]);
        let (_, policy) = made(&networks, &[provider("http://nim.models.svc:8000")]);
        let blocks = policy["spec"]["egress"][1]["to"].as_array().unwrap();
        let cidrs: Vec<_> = blocks.iter().map(|block| block["ipBlock"]["cidr"].as_str().unwrap()).collect();
        assert_eq!(cidrs, ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "fc00::/7"]);
        assert_eq!(blocks[1]["ipBlock"]["except"], json!(["100.100.100.200/32"]));
        let six = blocks[3]["ipBlock"]["except"].as_array().unwrap();
        for except in ["fd00:ec2::/32", "fd20:ce::254/128", "fd00:64::/96"] {
            assert!(six.contains(&json!(except)), "{six:?}");
        }
        assert_eq!(blocks[0]["ipBlock"].get("except"), None);
    }

    /// A rule without peers would open everything.
    #[test]
    fn no_rule_is_without_a_peer_or_a_port() {
        let nothing = Networks::only(&[]).unwrap();
        for (networks, url) in [
            (&Networks::default(), "http://127.0.0.1:8000"),
            (&Networks::default(), "http://[::1]:8000"),
            (&Networks::loopback(), "http://nim.models.svc:8000"),
            (&nothing, "http://nim.models.svc:8000"),
        ] {
            let (text, policy) = made(networks, &[provider(url)]);
            let rules = policy["spec"]["egress"].as_array().unwrap();
            assert_eq!(rules.len(), 1, "only names: {text}");
            assert!(text.contains("# Provider nim is on this machine: there is nothing to open."), "{text}");
        }
    }

    #[test]
    fn what_is_left_out_is_a_comment_with_the_way_to_open_it() {
        let place = Place::LeftOut("it is outside; say --with-clouds".into());
        let (text, policy) =
            made(&Networks::default(), &[Destination { who: Who::Cloud("x".into()), place, port: 443 }]);
        assert_eq!(policy["spec"]["egress"].as_array().unwrap().len(), 1, "{text}");
        assert!(
            text.contains("x, which no private chain has is left out: it is outside; say --with-clouds.\n"),
            "{text}"
        );
    }

    #[test]
    fn outside_is_everything_but_what_is_inside_or_nobodys() {
        let destination = Destination { who: Who::Cloud("x".into()), place: Place::Outside, port: 443 };
        let (_, policy) = made(&Networks::default(), &[destination]);
        let blocks = policy["spec"]["egress"][1]["to"].as_array().unwrap();
        let read = |text: &Json| text.as_str().unwrap().parse::<IpNet>().unwrap();
        let is_open = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            blocks.iter().any(|block| {
                let except = block["ipBlock"]["except"].as_array().unwrap();
                read(&block["ipBlock"]["cidr"]).contains(&address) && !except.iter().any(|e| read(e).contains(&address))
            })
        };
        for open in ["1.1.1.1", "2606:4700::1"] {
            assert!(is_open(open), "{open}");
        }
        for closed in
            ["10.1.2.3", "192.168.0.1", "127.0.0.1", "169.254.169.254", "fd00::1", "::1", "fe80::1", "64:ff9b::1"]
        {
            assert!(!is_open(closed), "{closed}");
        }
    }

    #[test]
    fn no_name_gets_out_of_its_comment() {
        let destination =
            Destination { who: Who::Other("x\n  - {}\r\u{2028}# y".into()), ..provider("http://10.0.0.1") };
        let (text, policy) = made(&Networks::default(), &[destination]);
        assert_eq!(policy["spec"]["egress"].as_array().unwrap().len(), 2, "{text}");
    }
}
