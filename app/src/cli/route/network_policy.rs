//! `anchorwatch route network-policy`: all that the configuration names, as the egress rules of a NetworkPolicy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::route::locality::{Endpoint, IpNet};
use anchorwatch_core::route::network_policy::{self, Destination, Place, PolicyFacts, Who};
use anchorwatch_edge::cluster::ConnectOptions;
use anchorwatch_edge::notify::telegram;

use crate::config::{self, Config};
use crate::failure::Failure;

/// The API server of the Pod's own cluster: at its Service, and behind it.
const OWN_API_SERVER: &str = "kubernetes.default.svc";
const OWN_API_PORTS: [u16; 2] = [443, 6443];
/// Where Slack's webhooks are. The address itself is a secret, and is not read for this.
const SLACK: &str = "hooks.slack.com";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PolicyArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", env = "ANCHORWATCH_CONFIG")]
    config: PathBuf,
    /// The namespace of the Pods.
    #[arg(short, long, value_name = "NS", default_value = "anchorwatch")]
    namespace: String,
    /// The policy's name.
    #[arg(long, default_value = "anchorwatch-egress")]
    name: String,
    /// A label of the Pods; may be said again.
    #[arg(
        long = "pod-label",
        value_name = "KEY=VALUE",
        default_values = ["app.kubernetes.io/name=anchorwatch", "app.kubernetes.io/component=service"]
    )]
    pod_labels: Vec<String>,
    /// Where a name of the configuration leads, as in git.example.com=203.0.113.7 or hooks.slack.com=0.0.0.0/0; may be said
    /// again. The API server of the Pod's own cluster is called kubernetes.default.svc.
    #[arg(long = "address", value_name = "NAME=NETWORK")]
    addresses: Vec<String>,
    /// Open the way to clouds too, which no private chain has: all that is outside, at their ports.
    #[arg(long)]
    with_clouds: bool,
}

pub(super) fn run(args: &PolicyArgs) -> Result<ExitCode, Failure> {
    let PolicyArgs { config, namespace, name, pod_labels, addresses, with_clouds } = args;
    let config = config::read(config)?;
    let pods = pod_labels.iter().map(|label| pair(label, "app.kubernetes.io/name=anchorwatch"));
    let pods: BTreeMap<String, String> = pods.collect::<Result<_, _>>()?;
    let mut destinations = Destinations { named: named(addresses)?, with_clouds: *with_clouds, all: Vec::new() };
    destinations.of(&config);
    for Destination { who, place, .. } in &destinations.all {
        if let Place::LeftOut(why) = place {
            crate::cli::tell(&format!("{who} is left out: {why}"));
        }
    }
    crate::cli::print(&network_policy::manifest(&PolicyFacts {
        name,
        namespace,
        pods: &pods,
        networks: &config.route.networks,
        destinations: &destinations.all,
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn pair(text: &str, example: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => {
            Err(Failure::new(format!("{text:?} is no pair of a name and what it is")).hint(format!("as in {example}")))
        }
    }
}

/// What somebody says that names lead to.
fn named(addresses: &[String]) -> Result<BTreeMap<String, Vec<IpNet>>, Failure> {
    let mut named: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
    for text in addresses {
        let (name, network) = pair(text, "git.example.com=203.0.113.7")?;
        let network = network.parse::<IpAddr>().map(IpNet::from).or_else(|_| network.parse::<IpNet>());
        let network = network.map_err(|_| {
            Failure::new(format!("{text:?} names no network")).hint("as in git.example.com=203.0.113.0/24")
        })?;
        named.entry(name.to_ascii_lowercase()).or_default().push(network);
    }
    Ok(named)
}

/// All that is called, once each, in the order of the configuration's sections.
struct Destinations {
    named: BTreeMap<String, Vec<IpNet>>,
    with_clouds: bool,
    all: Vec<Destination>,
}

impl Destinations {
    fn of(&mut self, config: &Config) {
        if let Some(server) = config.store.server() {
            self.at(&Who::Store, &server);
        }
        self.clusters(config);
        self.git(config);
        self.providers(config);
        self.told(config);
        if let Some(endpoint) = &config.traces {
            self.url(&Who::Other("The collector of traces".to_owned()), endpoint);
        }
    }

    fn clusters(&mut self, config: &Config) {
        let of_sources = config.sources.iter().filter_map(|source| Some((&source.cluster, source.connect()?)));
        let of_lists = config.discover.iter().map(|list| (&list.cluster, &list.connect));
        let clusters: BTreeMap<&String, &ConnectOptions> = of_sources.chain(of_lists).collect();
        for (name, connect) in clusters {
            let who = Who::ApiServer(name.clone());
            match connect.dialled() {
                Ok(Some(server)) => self.at(&who, &server),
                Ok(None) => {
                    for port in OWN_API_PORTS {
                        self.at(&who, &(OWN_API_SERVER.to_owned(), port));
                    }
                }
                Err(error) => {
                    let why = format!("its kubeconfig cannot be used here ({error}); run this where it can be read");
                    self.add(who, Place::LeftOut(why), 0);
                }
            }
        }
    }

    fn git(&mut self, config: &Config) {
        let of_sources = config.sources.iter().filter_map(config::Source::server);
        let of_lists = config.discover.iter().flat_map(config::Discover::servers);
        for server in of_sources.chain(of_lists).collect::<BTreeSet<_>>() {
            self.at(&Who::Other(format!("Git at {}", server.0)), &server);
        }
        let forges = config.sources.iter().filter_map(|source| source.committing().forge.as_ref());
        for api_url in forges.map(|forge| &forge.address.api_url).collect::<BTreeSet<_>>() {
            self.url(&Who::Other(format!("Pull requests at {api_url}")), api_url);
        }
        for source in config.sources.iter().filter(|source| source.reading().allow_remote_bases) {
            let why = "a kustomization says where they are; give their hosts as sources of their own, or write rules"
                .to_owned();
            self.add(
                Who::Other(format!("What source {} fetches as remote bases", source.name)),
                Place::LeftOut(why),
                0,
            );
        }
    }

    fn providers(&mut self, config: &Config) {
        for provider in &config.route.providers {
            let endpoint = &provider.endpoint;
            let server = (host(endpoint), endpoint.port());
            if !provider.is_cloud {
                self.at(&Who::Provider(provider.name.clone()), &server);
                continue;
            }
            let who = Who::Cloud(provider.name.clone());
            let is_known = endpoint.address().is_some() || self.named.contains_key(&server.0);
            match (self.with_clouds, is_known) {
                (false, _) => self.add(who, Place::LeftOut("--with-clouds opens the way to it".to_owned()), server.1),
                (true, true) => self.at(&who, &server),
                (true, false) => self.add(who, Place::Outside, server.1),
            }
        }
    }

    /// Who is told of drift.
    fn told(&mut self, config: &Config) {
        let notifications = &config.notifications;
        if let Some(settings) = &notifications.telegram {
            let url = settings.base_url.as_deref().unwrap_or(telegram::BASE_URL);
            match Endpoint::parse(url) {
                Ok(endpoint) if Destination::telegram(&endpoint).place == Place::Telegram => {
                    self.all.push(Destination::telegram(&endpoint));
                }
                _ => self.url(&Who::Telegram, url),
            }
        }
        if notifications.slack.is_some() {
            let who = Who::Other("Slack".to_owned());
            if self.named.contains_key(SLACK) {
                self.at(&who, &(SLACK.to_owned(), 443));
            } else {
                let why = format!(
                    "it is outside, by a name that leads to ever other addresses; say --address {SLACK}=NETWORK"
                );
                self.add(who, Place::LeftOut(why), 443);
            }
        }
        for (name, url, _) in &notifications.webhooks {
            self.url(&Who::Other(format!("Webhook {name}")), url);
        }
    }

    fn url(&mut self, who: &Who, url: &str) {
        match Endpoint::parse(url) {
            Ok(endpoint) => self.at(who, &(host(&endpoint), endpoint.port())),
            Err(error) => self.add(who.clone(), Place::LeftOut(error.to_string()), 0),
        }
    }

    /// Somebody at a host, which is an address or a name.
    fn at(&mut self, who: &Who, (host, port): &(String, u16)) {
        let places = match (host.parse::<IpAddr>(), self.named.get(host.trim_end_matches('.'))) {
            (Ok(address), _) => vec![Place::Address(address)],
            (Err(_), Some(networks)) => networks.iter().copied().map(Place::Network).collect(),
            (Err(_), None) if host == "localhost" => vec![Place::Address(Ipv4Addr::LOCALHOST.into())],
            (Err(_), None) => vec![Place::Inside],
        };
        for place in places {
            self.add(who.clone(), place, *port);
        }
    }

    fn add(&mut self, who: Who, place: Place, port: u16) {
        self.all.push(Destination { who, place, port });
    }
}

/// A name, or an address without brackets.
fn host(endpoint: &Endpoint) -> String {
    endpoint.address().map_or_else(
        || endpoint.name().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase(),
        |address| address.to_string(),
    )
}
