//! The configuration: one YAML file. Reading it touches nothing else; what it names is looked at when it is used.

mod cluster;
mod discover;
mod file;
mod git;
mod notifications;
pub(crate) mod route;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::delivery::Delivery;
use anchorwatch_core::drift::policy::{OwnRule, Policy};
use anchorwatch_core::guard::access::ClusterUser;
use anchorwatch_core::object::name::is_label;
use anchorwatch_edge::store::StoreAddress;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_saphyr::{Location, Spanned};

use crate::failure::Failure;
use crate::notify::channels::Notifications;
use crate::secret::Secret;
use cluster::Cluster;
pub(crate) use discover::Discover;
use file::File;
use git::GitHosts;
pub(crate) use route::Route;
pub(crate) use source::Source;

/// What was configured.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where the service listens.
    pub(crate) listen: SocketAddr,
    /// The names by which people call it, beside the address.
    pub(crate) hosts: Vec<String>,
    /// The address of the page for people elsewhere.
    pub(crate) public_url: Option<String>,
    /// True if a proxy before it speaks TLS with people.
    pub(crate) behind_proxy: bool,
    /// Certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Where it remembers.
    pub(crate) store: StoreAddress,
    /// The key of the fingerprints of Secrets.
    pub(crate) secret_key_file: PathBuf,
    /// In which times are shown.
    pub(crate) timezone: TimeZone,
    /// How many scans run at the same time.
    pub(crate) scans_at_once: usize,
    /// How long scans are kept.
    pub(crate) keep: Keep,
    /// The secret by which a forge says that somebody pushed.
    pub(crate) push_webhook: Option<Secret>,
    /// The collector that traces go to.
    pub(crate) traces: Option<String>,
    /// Who is told, and how.
    pub(crate) notifications: Notifications,
    /// Who answers prompts.
    pub(crate) route: Route,
    /// What is scanned: the sources that are written, and in a service those that were discovered.
    pub(crate) sources: Vec<Source>,
    /// Where sources are discovered.
    pub(crate) discover: Vec<Discover>,
    /// As whom people are known in clusters, by the names of their tokens.
    pub(crate) people: BTreeMap<String, ClusterUser>,
    /// People's own rules.
    pub(crate) policy: Arc<Policy>,
}

impl Config {
    /// True if it says otherwise than the one before of something that is looked at only when the service starts.
    pub(crate) fn needs_restart(&self, before: &Self) -> bool {
        let Self {
            listen,
            hosts,
            public_url,
            behind_proxy,
            tls,
            store,
            secret_key_file,
            timezone,
            scans_at_once,
            keep: _,
            push_webhook,
            traces,
            notifications,
            route,
            sources: _,
            discover: _,
            people: _,
            policy: _,
        } = self;
        *listen != before.listen
            || *hosts != before.hosts
            || *public_url != before.public_url
            || *behind_proxy != before.behind_proxy
            || *tls != before.tls
            || *store != before.store
            || *secret_key_file != before.secret_key_file
            || *timezone != before.timezone
            || *scans_at_once != before.scans_at_once
            || *push_webhook != before.push_webhook
            || *traces != before.traces
            || *notifications != before.notifications
            || *route != before.route
    }

    /// A source by its name.
    pub(crate) fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Has these discovered sources, and no others, beside the written ones.
    pub(crate) fn take_in(&mut self, found: impl Fn(&Discover) -> Vec<Delivery>) {
        self.sources.retain(|source| source.reading.delivered.is_none());
        for discover in &self.discover {
            self.sources.extend(found(discover).iter().map(|delivery| discover.source(delivery)));
        }
    }
}

/// How long scans and their reports are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// No older than this.
    pub(crate) age: Duration,
    /// No more than these.
    pub(crate) scans_per_source: u32,
}

/// Reads and checks a configuration file.
#[expect(clippy::disallowed_methods, reason = "one small file that a person named")]
pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
    let failure = || Failure::new(format!("cannot use the configuration {}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|e| failure().detail(e.to_string()).hint("name a file that can be read"))?;
    let read = parse(&text, path.parent().unwrap_or(Path::new(""))).and_then(|mut config| {
        config.route.obey(|name| std::env::var(name).ok())?;
        Ok(config)
    });
    read.map_err(|reason| {
        failure()
            .detail(reason)
            .hint("anchorwatch.example.yaml shows every setting; check with: anchorwatch config check")
    })
}

/// The rules of a configuration file, as they are written.
#[expect(clippy::disallowed_methods, reason = "one small file that a person named")]
pub(crate) fn rules(path: &Path) -> Result<Vec<OwnRule>, Failure> {
    let failure = || Failure::new(format!("cannot use the configuration {}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| failure().detail(e.to_string()))?;
    let file: File = serde_saphyr::from_str(&text).map_err(|e| failure().detail(e.to_string()))?;
    Ok(file.rules)
}

/// `folder`: the one that files are named from.
pub(crate) fn parse(text: &str, folder: &Path) -> Result<Config, String> {
    let File {
        listen,
        hosts,
        public_url,
        behind_proxy,
        tls,
        store,
        secret_key_file,
        timezone,
        scans_at_once,
        git,
        push_webhook,
        traces,
        retention,
        notifications,
        route,
        clusters,
        sources,
        discover,
        people,
        rules,
    } = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let policy = Policy::new(rules).map_err(|e| e.to_string())?;
    // One that is absolute stays as it is.
    let from_here = |path: PathBuf| folder.join(path);
    let clusters = clusters.into_iter().map(|cluster| Cluster::read(cluster, folder)).collect::<Result<Vec<_>, _>>()?;
    unique(clusters.iter().map(|cluster| (cluster.name.as_str(), cluster.at)), "clusters")?;
    let store_address = store_address(&store, folder)?;
    let beside = store_address.file().and_then(Path::parent).unwrap_or(folder);
    let git = GitHosts::read(git, folder, beside)?;
    let sources = sources
        .into_iter()
        .map(|source| Ok((source.referenced, Source::read(source, &clusters, &git, folder)?)))
        .collect::<Result<Vec<_>, String>>()?;
    unique(sources.iter().map(|(at, source)| (source.name.as_str(), *at)), "sources")?;
    let discover = discover
        .into_iter()
        .map(|written| Ok((written.referenced, Discover::read(written, &clusters, &git)?)))
        .collect::<Result<Vec<_>, String>>()?;
    discover::check_apart(&discover)?;
    let (sources, discover): (Vec<Source>, Vec<Discover>) =
        (sources.into_iter().map(|(_, source)| source).collect(), discover.into_iter().map(|(_, list)| list).collect());
    let used: BTreeSet<&String> =
        sources.iter().map(|source| &source.cluster).chain(discover.iter().map(|list| &list.cluster)).collect();
    if let Some(unused) = clusters.iter().find(|cluster| !used.contains(&cluster.name)) {
        return Err(at(
            unused.at,
            &format!("no source uses the cluster {:?}; take it out, or add a source", unused.name),
        ));
    }
    if scans_at_once.value == 0 {
        return Err(at(scans_at_once.referenced, "scans_at_once: at least 1"));
    }
    if retention.age.value < SignedDuration::from_hours(1) {
        return Err(at(retention.age.referenced, "retention.age: at least 1h"));
    }
    if retention.scans_per_source.value == 0 {
        return Err(at(retention.scans_per_source.referenced, "retention.scans_per_source: at least 1"));
    }
    let traces = traces
        .map(|file::Traces { endpoint }| collector(&endpoint.value).map_err(|why| at(endpoint.referenced, &why)))
        .transpose()?;
    let public_url = public_url.map(|url| checked_url(&url)).transpose()?;
    let timezone = match timezone {
        Some(zone) => TimeZone::get(&zone.value)
            .map_err(|_| at(zone.referenced, &format!("no time zone is called {:?}; as in Asia/Taipei", zone.value)))?,
        None => TimeZone::system(),
    };
    let fetched_from = sources.iter().filter_map(|source| git::host_of(source.address()));
    if let Some(unused) = git.unused(&fetched_from.chain(discover.iter().flat_map(Discover::hosts)).collect()) {
        return Err(unused);
    }
    Ok(Config {
        listen,
        hosts,
        public_url,
        behind_proxy,
        tls: tls.map(|file::Tls { cert_file, key_file }| (from_here(cert_file), from_here(key_file))),
        secret_key_file: secret_key_file.map_or_else(|| beside.join("secret.key"), from_here),
        store: store_address,
        timezone,
        scans_at_once: scans_at_once.value,
        keep: Keep { age: retention.age.value.unsigned_abs(), scans_per_source: retention.scans_per_source.value },
        push_webhook: push_webhook.map(|file::PushWebhook { secret_file }| {
            secret_file.map_or(Secret::Variable("ANCHORWATCH_PUSH_SECRET"), |file| Secret::File(from_here(file)))
        }),
        traces,
        notifications: notifications::read(notifications, folder)?,
        route: route::read(route, folder)?,
        sources,
        discover,
        people,
        policy: Arc::new(policy),
    })
}

fn store_address(written: &Spanned<String>, folder: &Path) -> Result<StoreAddress, String> {
    let address: StoreAddress = written.value.parse().map_err(|error: anchorwatch_edge::store::StoreError| {
        at(written.referenced, &format!("store: {error}; {}", error.hint().unwrap_or_default()))
    })?;
    match address.file() {
        Some(file) => Ok(StoreAddress::of_file(&folder.join(file))),
        None => Ok(address),
    }
}

fn checked_url(written: &Spanned<String>) -> Result<String, String> {
    base_url(&written.value).ok_or_else(|| at(written.referenced, "public_url: as in https://anchorwatch.example.com"))
}

/// The address of a collector of traces, checked.
pub(crate) fn collector(endpoint: &str) -> Result<String, String> {
    base_url(endpoint).ok_or_else(|| "traces.endpoint: as in http://127.0.0.1:4318".to_owned())
}

/// A URL that paths are added to.
fn base_url(written: &str) -> Option<String> {
    let url = written.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    (!host.is_empty() && !host.contains(['@', '?', '#', ' '])).then(|| url.to_owned())
}

fn check_name(name: &str, place: Location) -> Result<(), String> {
    if is_label(name) {
        return Ok(());
    }
    Err(at(place, &format!("the name {name:?}: small letters, digits and dashes make a name, at most 63 of them")))
}

fn unique<'n>(names: impl Iterator<Item = (&'n str, Location)>, what: &str) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (name, place) in names {
        if !seen.insert(name) {
            return Err(at(place, &format!("two {what} are called {name:?}; rename one")));
        }
    }
    Ok(())
}

fn at(place: Location, why: &str) -> String {
    match (place.line(), place.column()) {
        (0, _) => why.to_owned(),
        (line, column) => format!("{why}\nat line {line}, column {column}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, String> {
        parse(text, Path::new("/etc/anchorwatch"))
    }

    #[test]
    fn the_example_is_a_configuration() {
        parsed(include_str!("../../anchorwatch.example.yaml")).unwrap();
    }

    #[test]
    fn what_is_not_understood_names_its_line() {
        let cluster = "clusters:\n- name: prod\n";
        let discover = |cluster: &str, namespaces: &str, repository: &str| {
            format!(
                "clusters:\n- name: prod\ndiscover:\n- cluster: {cluster}\n  from: argo-cd\n  namespaces: {namespaces}\n  \
                 repositories: ['{repository}']\n"
            )
        };
        for (text, said) in [
            (
                "rules:\n- id: a\n  match: {kind: Job}\n  ignore: true\n  owner: x\n  reason: y\n  colour: red\n",
                "colour",
            ),
            ("rulez: []\n", "rulez"),
            ("rules:\n- id: a\n  match: {kind: Job}\n  level: severe\n  owner: x\n  reason: y\n", "severe"),
            ("rules:\n- id: a\n  match: {}\n  ignore: true\n  owner: x\n  reason: y\n", "matches everything"),
            ("rules:\n- id: a\n  match: {kind: Job}\n  owner: x\n  reason: y\n", "either a level or ignore"),
            ("listen: here\n", "line 1"),
            ("scans_at_once: 0\n", "at line 1, column 16"),
            ("timezone: Asia/Taipeh\n", "at line 1, column 11"),
            ("store: mysql://x\n", "sqlite:FILE"),
            ("public_url: ftp://x\n", "https://"),
            ("traces: {endpoint: 'collector:4317'}\n", "at line 1, column 20"),
            ("traces: {endpoint: 'http://user@collector:4318'}\n", "as in http://127.0.0.1:4318"),
            (cluster, "no source uses the cluster \"prod\""),
            (&format!("{cluster}sources:\n- name: a\n  cluster: prot\n  address: x\n"), "at line 5, column 12"),
            (&format!("{cluster}sources:\n- name: a_b\n  cluster: prod\n  address: x\n"), "a_b"),
            (&format!("{cluster}sources:\n- name: a\n  cluster: prod\n  address: x\n  interval: 1s\n"), "at least 10s"),
            (
                &format!("{cluster}sources: [{{name: a, cluster: prod, address: x, write: {{}}}}]\n"),
                "name at least one of",
            ),
            (
                &format!(
                    "{cluster}sources: [{{name: a, cluster: prod, address: x, write: {{kinds: [Job], namespaces: []}}}}]\n"
                ),
                "name at least one of",
            ),
            (
                &format!(
                    "{cluster}sources:\n- {{name: a, cluster: prod, address: x}}\n- {{name: a, cluster: prod, address: y}}\n"
                ),
                "two sources are called",
            ),
            ("git: {credentials: [{host: a.example.com}]}\n", "say a token_file or an ssh_key_file"),
            ("git: {credentials: [{host: a.example.com, token_file: t}]}\n", "no source is fetched from"),
            ("clusters:\n- name: prod\n  in_cluster: true\n  snapshot: x\n", "say one of"),
            (&format!("{cluster}discover:\n- {{cluster: prod, from: argo-cd}}\n"), "namespaces"),
            (&discover("prod", "[]", "https://h/*"), "name at least one of"),
            (&discover("prot", "[a]", "https://h/*"), "no cluster is called \"prot\""),
            (&discover("prod", "[a_b]", "https://h/*"), "at line 6, column 15"),
            (&discover("prod", "[a]", "https://*.example.com/ops"), "a whole host"),
            (&discover("prod", "[a]", "http://h/*"), "a whole host"),
            (&discover("prod", "[a]", "/srv/*"), "a whole host"),
            (&discover("prod", "[a]", "*"), "a whole host"),
            (
                "clusters: [{name: lab, snapshot: x}]\ndiscover: [{cluster: lab, from: flux, namespaces: [a], repositories: ['https://h/*']}]\n",
                "is a snapshot",
            ),
            (
                &format!(
                    "{cluster}discover:\n- &a {{cluster: prod, from: flux, namespaces: [a, b], repositories: ['https://h/*']}}\n\
                     - {{cluster: prod, from: flux, namespaces: [b], repositories: ['https://h/*']}}\n"
                ),
                "two of `discover` list prod/flux/b",
            ),
            ("notifications:\n  telegram:\n    chats: [-1]\n    approvers: [7, -1]\n", "-1 is nobody"),
            ("notifications:\n  telegram:\n    chats: [-1]\n    approvers: [7, -1]\n", "at line 4, column 20"),
            ("notifications:\n  telegram:\n    chats: [-1]\n    people: [ann]\n", "line 4"),
            ("route:\n  redaction: {internal_domains: [a.example, corp]}\n", "\"corp\" is no domain of two labels"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(said), "{text}\n{error}");
        }
    }

    #[test]
    fn files_are_named_from_the_files_folder() {
        let config = parsed(
            "store: sqlite:data/a.db\nclusters:\n- name: prod\n  snapshot: live.json\nsources:\n\
             - {name: a, cluster: prod, address: deploy}\n- {name: b, cluster: prod, address: 'https://git.example.com/shop.git//deploy'}\n\
             - {name: c, cluster: prod, address: 'shop.git//deploy?ref=main'}\n",
        )
        .unwrap();
        assert_eq!(config.secret_key_file, Path::new("/etc/anchorwatch/data/secret.key"));
        let addresses: Vec<&str> = config.sources.iter().map(Source::address).collect();
        assert_eq!(
            addresses,
            [
                "/etc/anchorwatch/deploy",
                "https://git.example.com/shop.git//deploy",
                "/etc/anchorwatch/shop.git//deploy?ref=main"
            ]
        );
    }

    #[test]
    fn only_repositories_that_are_allowed_are_fetched() {
        let config = parsed(
            "git: {credentials: [{host: git.example.com, token_file: t}]}\nclusters: [{name: prod}]\ndiscover:\n\
             - {cluster: prod, from: argo-cd, namespaces: [argocd], repositories: ['https://git.example.com/ops/*', 'git@git.example.com:ops/*']}\n",
        )
        .unwrap();
        let source = |repository: &str, path: &str, revision: &str| {
            let application = serde_json::json!({"metadata": {"namespace": "argocd", "name": "shop"}, "spec": {
                "destination": {"name": "in-cluster"},
                "source": {"repoURL": repository, "path": path, "targetRevision": revision},
            }});
            let delivery = anchorwatch_core::delivery::Tool::ArgoCd.deliveries(&[vec![application]]).remove(0);
            config.discover[0].source(&delivery)
        };
        for (repository, address) in [
            ("https://git.example.com/ops/shop.git", "https://git.example.com/ops/shop.git//deploy?ref=main"),
            ("https://git.example.com/ops/shop/", "https://git.example.com/ops/shop//deploy?ref=main"),
            ("git@git.example.com:ops/shop", "git@git.example.com:ops/shop//deploy?ref=main"),
        ] {
            let source = source(repository, "./deploy", "main");
            assert!(source.reading.is_read(), "{source:?}");
            assert_eq!((source.name.as_str(), source.address()), ("prod/argo-cd/argocd/shop", address));
            assert!(source.reading.git.unwrap().token.is_some());
        }
        for (repository, path, revision, shown) in [
            ("https://git.example.com/other/shop.git", "deploy", "main", "https://git.example.com/other/shop.git"),
            ("https://git.example.com/ops/../other/x", "deploy", "main", "https://git.example.com/ops/../other/x"),
            ("https://git.example.com/ops/%2e%2e/x", "deploy", "main", "https://git.example.com/ops/%2e%2e/x"),
            ("https://ann:secret@git.example.com/ops/x", "deploy", "main", ""),
            ("http://git.example.com/ops/x", "deploy", "main", "http://git.example.com/ops/x"),
            ("oci://git.example.com/ops/x", "deploy", "main", "oci://git.example.com/ops/x"),
            ("file:///srv/ops/x", "deploy", "main", "file:///srv/ops/x"),
            ("/srv/ops/x", "deploy", "main", "/srv/ops/x"),
            ("https://git.example.com/ops/x//other", "deploy", "main", "https://git.example.com/ops/x//other"),
            ("https://git.example.com/ops/x?ref=other", "deploy", "main", ""),
            ("https://git.example.com/ops/x", "../x", "main", "https://git.example.com/ops/x"),
            ("https://git.example.com/ops/x", "deploy", "--upload-pack=x", "https://git.example.com/ops/x"),
        ] {
            let source = source(repository, path, revision);
            assert!(!source.reading.is_read() && !source.is_watched(), "{source:?}");
            assert_eq!(source.address(), shown);
        }
    }
}
