//! Streams of a real API server, through a wire that can be cut.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anchorwatch_edge::cluster::{Cluster, ConnectOptions, Event, Watches};
use anchorwatch_testbed::{ControlPlane, Options, PatchKind, Person};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Only for tests that would never end.
const LIMIT: Duration = Duration::from_mins(2);

/// The shared one: Secrets are read from etcd, which forgets old versions after seconds.
fn plane() -> Arc<ControlPlane> {
    static SHARED: Mutex<Weak<ControlPlane>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(plane) = shared.upgrade() {
        return plane;
    }
    let flags = ["--watch-cache-sizes=secrets#0", "--etcd-compaction-interval=2s"];
    let options = flags.into_iter().fold(Options::api_only(), Options::server_flag);
    let plane = Arc::new(ControlPlane::start(&options).unwrap());
    *shared = Arc::downgrade(&plane);
    plane
}

/// A way to the API server that can be cut and mended.
struct Wire {
    folder: tempfile::TempDir,
    whole: watch::Sender<bool>,
    /// Those that are open.
    connections: Arc<AtomicUsize>,
}

impl Wire {
    async fn to(plane: &ControlPlane) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let here = format!("https://{}", listener.local_addr().unwrap());
        let kubeconfig = std::fs::read_to_string(plane.kubeconfig(Person::Admin)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.replace(&plane.server_url(), &here)).unwrap();
        let server = plane.server_url().replace("https://", "");
        let (whole, state) = watch::channel(true);
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (mut state, server, count) = (state.clone(), server.clone(), Arc::clone(&count));
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    #[expect(clippy::disallowed_methods, reason = "it stands between a cluster and its client")]
                    let mut to = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = state.wait_for(|whole| !whole) => {}
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                    }
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { folder, whole, connections }
    }

    fn cut(&self) {
        self.whole.send_replace(false);
    }

    fn mend(&self) {
        self.whole.send_replace(true);
    }

    async fn watch(&self, paths: impl IntoIterator<Item = String>) -> Watches {
        let kubeconfig: Option<PathBuf> = Some(self.folder.path().join("kubeconfig"));
        Cluster::connect(&ConnectOptions { kubeconfig, context: None, in_cluster: false }).await.unwrap().watch(paths)
    }
}

async fn next(watches: &mut Watches) -> (usize, Event) {
    tokio::time::timeout(LIMIT, watches.next()).await.expect("an event").unwrap()
}

/// What comes up to an event that fits, a word each.
async fn until(watches: &mut Watches, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let (index, event) = next(watches).await;
        let told = word(index, &event);
        all.push(told);
        if all.last().is_some_and(|told| fits(told)) {
            return all;
        }
    }
}

fn word(index: usize, event: &Event) -> String {
    match event {
        Event::Listing => format!("{index} listing"),
        Event::Page(_) => format!("{index} page"),
        Event::Listed { .. } => format!("{index} listed"),
        Event::Applied(raw) => format!("{index} applied {}", name(raw)),
        Event::Deleted(raw) => format!("{index} deleted {}", name(raw)),
        Event::Lost { .. } => format!("{index} lost"),
        Event::Restored => format!("{index} restored"),
        Event::Reached(probe) => format!("{index} reached {probe}"),
    }
}

fn name(raw: &str) -> String {
    let object: Value = serde_json::from_str(raw).unwrap();
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

fn configmaps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

#[tokio::test(flavor = "multi_thread")]
async fn creation_edits_and_deletion_are_seen_in_order() {
    let plane = plane();
    plane.kubectl(&["create", "namespace", "order"]).unwrap();
    let wire = Wire::to(&plane).await;
    let deployments = "/apis/apps/v1/namespaces/order/deployments".to_owned();
    let mut watches = wire.watch([configmaps("order"), deployments]).await;
    for _ in 0..2 {
        until(&mut watches, |told| told.ends_with("listed")).await;
    }
    let kubectl = |line: &str| {
        let words: Vec<&str> = line.split(' ').chain(["--namespace", "order"]).collect();
        plane.kubectl(&words).unwrap();
    };
    kubectl("create configmap settings --from-literal=color=green");
    kubectl("label configmap settings tier=web");
    kubectl("delete configmap settings");
    let told = until(&mut watches, |told| told == "0 deleted settings").await;
    assert_eq!(told, ["0 applied settings", "0 applied settings", "0 deleted settings"]);
    kubectl("create deployment web --image=nginx");
    kubectl("scale deployment web --replicas=3");
    kubectl("delete deployment web");
    let told = until(&mut watches, |told| told == "1 deleted web").await;
    assert_eq!(told, ["1 applied web", "1 applied web", "1 deleted web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_a_probe_is_told_before_it_is_reached() {
    let plane = plane();
    plane.kubectl(&["create", "namespace", "probed"]).unwrap();
    let wire = Wire::to(&plane).await;
    let mut watches = wire.watch([configmaps("probed")]).await;
    until(&mut watches, |told| told == "0 listed").await;
    plane.kubectl(&["create", "configmap", "settings", "--namespace", "probed"]).unwrap();
    until(&mut watches, |told| told == "0 applied settings").await;
    let client = Arc::new(plane.client_as(Person::Admin, "probed/1").unwrap());
    for round in 0..50 {
        let client = Arc::clone(&client);
        let edit = move || {
            let patch = json!({"data": {"round": round.to_string()}});
            client.patch(&format!("{}/settings", configmaps("probed")), PatchKind::Merge, &patch).unwrap();
        };
        tokio::task::spawn_blocking(edit).await.unwrap();
        let reached = format!("0 reached {}", watches.probe());
        let told = until(&mut watches, |told| told == reached).await;
        assert_eq!(told[0], "0 applied settings", "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_while_the_wire_is_cut() {
    let plane = plane();
    plane.kubectl(&["create", "namespace", "cut"]).unwrap();
    let wire = Wire::to(&plane).await;
    let mut watches = wire.watch([configmaps("cut")]).await;
    until(&mut watches, |told| told == "0 listed").await;
    wire.cut();
    plane.kubectl(&["create", "configmap", "made", "--namespace", "cut"]).unwrap();
    plane.kubectl(&["delete", "configmap", "made", "--namespace", "cut"]).unwrap();
    until(&mut watches, |told| told == "0 lost").await;
    wire.mend();
    let told = until(&mut watches, |told| told == "0 deleted made").await;
    let told: Vec<&String> = told.iter().filter(|told| *told != "0 lost").collect();
    assert_eq!(told, ["0 restored", "0 applied made", "0 deleted made"], "and no list was needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_etcd_has_forgotten_is_listed_anew() {
    let plane = plane();
    plane.kubectl(&["create", "namespace", "old"]).unwrap();
    let wire = Wire::to(&plane).await;
    let path = "/api/v1/namespaces/old/secrets";
    let mut watches = wire.watch([path.to_owned()]).await;
    let version = loop {
        if let (_, Event::Listed { resource_version }) = next(&mut watches).await {
            break resource_version;
        }
    };
    wire.cut();
    let end = Instant::now() + LIMIT;
    let probe = format!("{path}?watch=true&timeoutSeconds=1&resourceVersion={version}");
    let is_forgotten = || {
        let output = plane.kubectl_as(Person::Admin, &["get", "--raw", &probe], "").unwrap();
        [output.stdout, output.stderr].iter().any(|said| String::from_utf8_lossy(said).contains("too old"))
    };
    plane.kubectl(&["create", "secret", "generic", "made", "--namespace", "old"]).unwrap();
    while !is_forgotten() {
        assert!(Instant::now() < end, "etcd still knows {version}");
        plane.kubectl(&["annotate", "namespace", "old", "--overwrite", "at=now"]).unwrap();
        plane.kubectl(&["annotate", "namespace", "old", "--overwrite", "at=then"]).unwrap();
    }
    wire.mend();
    let told = until(&mut watches, |told| told == "0 listed").await;
    let told: Vec<&String> = told.iter().filter(|told| *told != "0 lost" && *told != "0 restored").collect();
    assert_eq!(told, ["0 listing", "0 page", "0 listed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_burst_the_last_state_of_each_object_is_known() {
    const OBJECTS: usize = 10;
    const EDITS: usize = 50;
    let plane = plane();
    plane.kubectl(&["create", "namespace", "burst"]).unwrap();
    let wire = Wire::to(&plane).await;
    let mut watches = wire.watch([configmaps("burst")]).await;
    until(&mut watches, |told| told == "0 listed").await;
    let client = plane.client_as(Person::Admin, "burst/1").unwrap();
    let edits = tokio::task::spawn_blocking(move || {
        for edit in 1..=EDITS {
            for object in 0..OBJECTS {
                let path = format!("{}/n{object}?fieldManager=burst&force=true", configmaps("burst"));
                let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("n{object}")}, "data": {"edit": edit.to_string()}});
                client.patch(&path, PatchKind::Apply, &body).unwrap();
            }
        }
    });
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    while known.len() < OBJECTS || known.values().any(|edit| *edit < EDITS) {
        let (_, event) = next(&mut watches).await;
        let Event::Applied(raw) = event else { continue };
        let object: Value = serde_json::from_str(&raw).unwrap();
        let edit: usize = object["data"]["edit"].as_str().unwrap().parse().unwrap();
        let before = known.insert(name(&raw), edit).unwrap_or_default();
        assert!(edit > before, "{} went from {before} to {edit}", name(&raw));
        if edit == EDITS / 2 && before + 1 == edit {
            wire.cut();
            wire.mend();
        }
    }
    edits.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_streams_share_a_few_connections() {
    const STREAMS: usize = 300;
    let plane = plane();
    plane.kubectl(&["create", "namespace", "many"]).unwrap();
    let wire = Wire::to(&plane).await;
    let mut watches = wire.watch(std::iter::repeat_n(configmaps("many"), STREAMS)).await;
    let mut listed = 0;
    while listed < STREAMS {
        listed += usize::from(matches!(next(&mut watches).await.1, Event::Listed { .. }));
    }
    plane.kubectl(&["create", "configmap", "made", "--namespace", "many"]).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < STREAMS {
        let (index, event) = next(&mut watches).await;
        assert!(!matches!(event, Event::Lost { .. }), "{event:?}");
        seen.extend(matches!(event, Event::Applied(_)).then_some(index));
    }
    let connections = wire.connections.load(Ordering::SeqCst);
    assert!(connections <= 20, "{connections} connections for {STREAMS} streams");
}
