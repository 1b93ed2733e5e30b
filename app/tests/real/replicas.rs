//! Several replicas on one database, killed and stopped while they work: what was due is done once, and told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anchorwatch_testbed::{Person, Postgres, Receiver, Reply, Service};
use serde_json::{Value, json};

use crate::commits::Repository;
use crate::world::{LIMIT, World as Cluster};

/// How long claims hold here, in seconds.
const LEASE: u64 = 5;
/// How often a replica is killed.
const KILLED_EVERY: Duration = Duration::from_secs(2);

/// A database, a Telegram, and a configuration that replicas share.
struct World {
    postgres: Postgres,
    telegram: Receiver,
    folder: tempfile::TempDir,
}

impl World {
    /// `None` where there is no PostgreSQL.
    fn new() -> Option<Self> {
        let Some(postgres) = Postgres::start().unwrap() else {
            writeln!(std::io::stderr().lock(), "skipped: PostgreSQL is not installed (Debian: postgresql-15)").unwrap();
            return None;
        };
        let telegram = Receiver::start(Reply::json(200, &json!({"ok": true, "result": {"message_id": 7}}))).unwrap();
        Some(Self { postgres, telegram, folder: tempfile::tempdir().unwrap() })
    }

    /// With so many sources, of which each fifth has drift that is told at once.
    fn with_sources(sources: usize) -> Option<Self> {
        let world = Self::new()?;
        let (mut live, mut config) = (Vec::new(), String::new());
        for source in 0..sources {
            let place = world.path().join(format!("git/{source}"));
            fs::create_dir_all(&place).unwrap();
            let web = |image: &str| {
                json!({"apiVersion": "apps/v1", "kind": "Deployment",
                       "metadata": {"name": format!("web-{source}"), "namespace": "shop"},
                       "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
            };
            fs::write(place.join("web.yaml"), web("web:1").to_string()).unwrap();
            live.push(web(if source % 5 == 0 { "web:2" } else { "web:1" }));
            config.extend([format!("- {{name: s{source}, cluster: lab, address: git/{source}, interval: 24h}}\n")]);
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": live});
        fs::write(world.path().join("live.json"), list.to_string()).unwrap();
        world.configure("{name: lab, snapshot: live.json}", &config);
        Some(world)
    }

    fn configure(&self, cluster: &str, sources: &str) {
        let config = format!(
            "listen: 127.0.0.1:0\nstore: {}\nclusters: [{cluster}]\nnotifications:\n  \
             telegram: {{token_file: token, base_url: '{}', chats: [-1], people: []}}\nsources:\n{sources}",
            self.postgres.url(),
            self.telegram.url()
        );
        fs::write(self.path().join("token"), "42:hidden").unwrap();
        fs::write(self.path().join("anchorwatch.yaml"), config).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn replica(&self, log: &str, fail_points: &str) -> Service {
        let mut command = self.program();
        command.args(["serve", "--config", "anchorwatch.yaml"]);
        command.env("ANCHORWATCH_LEASE_SECONDS", LEASE.to_string()).env("ANCHORWATCH_FAIL_POINTS", fail_points);
        Service::start("anchorwatch", command, &self.path().join(log)).unwrap()
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.current_dir(self.path());
        command.env_clear().env("HOME", self.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn count(&self, sql: &str) -> usize {
        self.postgres.query(sql).unwrap()[0][0].parse().unwrap()
    }

    /// True once nothing is left to do.
    fn is_idle(&self, sources: usize) -> bool {
        self.count("SELECT COUNT(*) FROM jobs WHERE state = 'done'") >= sources
            && self.count("SELECT COUNT(*) FROM tellings") == 0
            && self.count("SELECT COUNT(*) FROM notifications WHERE state IN ('queued', 'sending')") == 0
    }

    fn until(&self, what: &str, happened: impl Fn() -> bool) {
        let end = Instant::now() + LIMIT;
        while !happened() {
            assert!(Instant::now() < end, "{what} never came\n{}", self.left());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What is left to do, for a message.
    fn left(&self) -> String {
        let sql = "SELECT state, attempts::text, COALESCE(outcome, '') FROM jobs WHERE state <> 'done' UNION ALL \
                   SELECT state, attempts::text, COALESCE(last_error, '') FROM notifications WHERE state <> 'sent'";
        format!("{:?}", self.postgres.query(sql))
    }

    /// What was sent: the texts of each short id, in their order.
    fn sent(&self) -> BTreeMap<String, Vec<String>> {
        let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in self.telegram.received("/sendMessage") {
            let text = message.json()["text"].as_str().unwrap().to_owned();
            let short_id = text.rsplit_once('#').unwrap().1.split_whitespace().next().unwrap().to_owned();
            sent.entry(short_id).or_default().push(text);
        }
        sent
    }

    /// Checks what holds however the replicas fared.
    fn check(&self, sources: usize) {
        let none = |sql: &str| assert_eq!(self.postgres.query(sql).unwrap(), Vec::<Vec<String>>::new(), "{sql}");
        assert_eq!(self.count("SELECT COUNT(*) FROM jobs"), sources, "{}", self.left());
        none("SELECT job_id, state, outcome FROM jobs WHERE state <> 'done' OR attempts < 1");
        assert_eq!(self.count("SELECT COUNT(*) FROM scans"), sources);
        none("SELECT source FROM drift_reports GROUP BY source HAVING COUNT(*) <> 1");
        assert_eq!(self.count("SELECT COUNT(*) FROM drift_reports"), sources);
        assert_eq!(self.count("SELECT COUNT(*) FROM drift_items"), sources.div_ceil(5));
        none("SELECT fingerprint FROM drift_episodes GROUP BY fingerprint HAVING COUNT(*) <> 1");
        none("SELECT name FROM sources WHERE last_success_at IS NULL OR last_failure IS NOT NULL");
        none("SELECT notification_id, state, last_error FROM notifications WHERE state <> 'sent'");

        // Each drift is in one message, and each message was sent. Of many objects only the first are named.
        let (mut drifts, mut named) = (0, BTreeSet::new());
        let payloads = self.postgres.query("SELECT short_id, payload FROM notifications").unwrap();
        let sent = self.sent();
        for row in &payloads {
            let told: Value = serde_json::from_str(&row[1]).unwrap();
            drifts += told["high"].as_u64().unwrap() + told["medium"].as_u64().unwrap();
            for object in told["objects"].as_array().unwrap() {
                assert!(named.insert(object["resource_name"].as_str().unwrap().to_owned()), "told twice: {object}");
            }
            let texts = sent.get(&row[0]).unwrap_or_else(|| unreachable!("{} was never sent", row[0]));
            assert!(texts[1..].iter().all(|text| text.contains("repeated: it may have arrived before")), "{texts:?}");
        }
        assert_eq!(sent.len(), payloads.len(), "nobody knows of a message that was sent");
        assert_eq!(usize::try_from(drifts).unwrap(), sources.div_ceil(5), "each drift is told once");
    }

    /// How many messages came more than once, or once more again.
    fn repeats(&self) -> usize {
        self.sent().values().map(|texts| texts.len() - 1).sum()
    }
}

#[test]
fn replicas_that_are_killed_at_random_do_all_that_is_due_once() {
    const SOURCES: usize = 500;
    let Some(world) = World::with_sources(SOURCES) else { return };
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let seed = std::env::var("ANCHORWATCH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(seed);
    // A test that fails shows what it printed: the seed makes the same choices again.
    writeln!(std::io::stderr().lock(), "ANCHORWATCH_SEED={seed}").unwrap();
    let mut random = u64::try_from(seed & u128::from(u64::MAX)).unwrap() | 1;
    let mut start = 0;
    let mut replica = || {
        start += 1;
        // A scan takes a while, so that there is always one to be killed.
        world.replica(&format!("log-{start}"), "before-scan:400")
    };
    let mut replicas: Vec<Service> = (0..3).map(|_| replica()).collect();
    let (mut kills, end) = (0, Instant::now() + Duration::from_mins(1));
    while Instant::now() < end {
        std::thread::sleep(KILLED_EVERY);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let chosen = usize::try_from(random % 3).unwrap();
        replicas[chosen].kill();
        kills += 1;
        replicas[chosen] = replica();
    }
    world.until("the rest", || world.is_idle(SOURCES));
    world.check(SOURCES);
    let taken_over = world.count("SELECT COUNT(*) FROM jobs WHERE attempts > 1");
    writeln!(std::io::stderr().lock(), "{kills} kills, {taken_over} scans taken over, {} repeats", world.repeats())
        .unwrap();
    assert!(kills >= 10 && taken_over > 0, "{kills} kills, {taken_over} taken over: they met nothing");
    assert!(world.repeats() <= kills);
    let logs: String =
        (1..=start).map(|log| fs::read_to_string(world.path().join(format!("log-{log}"))).unwrap()).collect();
    assert!(!logs.contains("deadlock") && !logs.contains("ERROR"), "{logs}");
}

#[test]
fn a_message_whose_sender_dies_before_it_is_noted_comes_once_more_as_repeated() {
    let Some(world) = World::with_sources(1) else { return };
    let mut first = world.replica("first", "after-send:abort");
    world.until("the first message", || !world.sent().is_empty());
    let second = world.replica("second", "");
    world.until("its repetition", || world.is_idle(1));
    assert!(first.has_ended(), "{}", first.log());
    world.check(1);
    let texts = world.sent().into_values().next().unwrap();
    assert_eq!(texts.len(), 2, "{texts:?}\n{}", second.log());
}

#[test]
fn what_a_replica_writes_after_it_stood_still_past_its_lease_is_refused() {
    let Some(world) = World::with_sources(1) else { return };
    let slow = world.replica("slow", "before-scan:1500");
    world.until("a scan", || world.count("SELECT COUNT(*) FROM jobs WHERE state = 'running'") == 1);
    slow.freeze();
    let other = world.replica("other", "");
    world.until("the successor's scan", || world.is_idle(1));
    slow.thaw();
    world.until("its refusal", || slow.log().contains("another replica has taken this scan over"));
    world.check(1);
    assert_eq!(world.count("SELECT attempts FROM jobs"), 2);
    assert_eq!(world.repeats(), 0, "{}\n{}", slow.log(), other.log());
}

/// Of kinds that no replica has to watch together.
const WATCHED: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: it, namespace: spread}
---
apiVersion: v1
kind: Service
metadata: {name: it, namespace: spread}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: it, namespace: spread}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: it, namespace: spread}
";
const KINDS: [&str; 4] = ["configmap", "service", "serviceaccount", "role"];

#[test]
fn watches_are_spread_over_replicas_and_those_of_a_killed_one_are_taken_over() {
    let cluster = Cluster::shared();
    let Some(world) = World::new() else { return };
    cluster.namespace("spread");
    cluster.deliver_as_argo_cd(WATCHED);
    let repository = Repository::new();
    repository.commit(0, WATCHED);
    world.configure(
        &format!("{{name: lab, kubeconfig: {}}}", cluster.plane.kubeconfig(Person::Admin).display()),
        &format!("- {{name: shop, cluster: lab, address: '{}', interval: 24h, watch: true}}\n", repository.source()),
    );
    // Somebody puts a label on one object of each kind, and each is seen.
    let all_are_seen = |label: &str| {
        for kind in KINDS {
            cluster.alice("spread", &["label", kind, "it", &format!("{label}=1")]);
        }
        let sql = format!(
            "SELECT COUNT(*) FROM drift_items WHERE stable_path = 'metadata.labels.{label}' AND status = 'pending'"
        );
        world.until(label, || world.count(&sql) == KINDS.len());
    };
    // How many lots each replica holds.
    let held = || {
        let sql = "SELECT COUNT(*) FROM duties WHERE name LIKE 'watch/%' AND \
                   leased_until > EXTRACT(EPOCH FROM now()) * 1000000 GROUP BY holder ORDER BY 1";
        let rows = world.postgres.query(sql).unwrap();
        rows.into_iter().map(|row| row[0].parse().unwrap()).collect::<Vec<usize>>()
    };
    let mut first = world.replica("first", "");
    world.until("all to one", || held() == [8]);
    // The first scan is over, so that what is seen from here on is seen by the watch.
    world.until("the first scan", || world.is_idle(1));
    all_are_seen("one");
    let second = world.replica("second", "");
    world.until("half to each", || held() == [4, 4]);
    all_are_seen("two");

    // One of them scans the next commit; the other hears of it.
    repository.commit(0, &WATCHED.replace("port: 80", "port: 81"));
    let mut token = world.program();
    token.args(["token", "create", "op", "--role", "operator", "--config", "anchorwatch.yaml"]);
    let token = String::from_utf8(token.output().unwrap().stdout).unwrap();
    assert_eq!(second.post("/api/v1/drift/scan", token.trim(), &json!({})).status, 200);
    let says = |what: &str| [first.log(), second.log()].map(|log| log.contains(what));
    world.until("both to see it", || {
        let (scanned, heard) = (says("Git has changed; the watch begins anew"), says("as another replica has seen"));
        scanned.iter().zip(heard).all(|(scanned, heard)| scanned != &heard)
    });

    first.kill();
    all_are_seen("three");
    world.until("all to the other", || held() == [8]);
    all_are_seen("four");
}
