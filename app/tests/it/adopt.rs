//! Adopting into a repository: one commit, on a branch of its own or on the one that is followed, however often it is asked for and
//! wherever it is killed; and the service that does so, and tells when Git has it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use anchorwatch_testbed::{Chat, Receiver, Reply, Service};
use serde_json::{Value, json};

use crate::world::{Run, World, list, live_config_map, managed};

const FILE: &str = "# The shop's settings.
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop} # by hand
data:
  k: v   # the old one
  gone: x
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b, namespace: shop}
data: {k: v}
";
/// The same as the cluster has `a`.
const ADOPTED: &str = "# The shop's settings.
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop} # by hand
data:
  k: w   # the old one
  more: \"yes\"
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b, namespace: shop}
data: {k: v}
";

/// A bare repository, a recorded state that differs from it, and people who have told Git who they are.
struct Shop {
    world: World,
    /// What a service's configuration says beside the source.
    beside: String,
}

impl Shop {
    fn new() -> Self {
        let world = World::new();
        world.write("tree/deploy/all.yaml", FILE);
        world.write("tree/readme", "");
        world.commit("tree");
        world.write("live.json", live("w"));
        fs::write(world.work().join("../home/.gitconfig"), "[user]\n\tname = Ann\n\temail = ann@example.com\n")
            .unwrap();
        let shop = Self { world, beside: String::new() };
        shop.git(&["clone", "--quiet", "--bare", "tree", "shop.git"]);
        shop
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.world.work())
            .env("HOME", self.world.work().join("../home"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What Git says in the repository.
    fn remote(&self, args: &[&str]) -> String {
        self.git(&[&["--git-dir", "shop.git"], args].concat())
    }

    fn branches(&self) -> Vec<String> {
        let all = self.remote(&["for-each-ref", "--format=%(refname:strip=2)", "refs/heads"]);
        all.lines().map(str::to_owned).collect()
    }

    /// The one branch beside `main`.
    fn branch(&self) -> String {
        let mut others = self.branches().into_iter().filter(|name| name != "main");
        let (only, more) = (others.next().unwrap(), others.next());
        assert_eq!(more, None);
        only
    }

    fn file(&self, branch: &str) -> String {
        self.remote(&["cat-file", "-p", &format!("{branch}:deploy/all.yaml")]) + "\n"
    }

    /// Somebody else pushes a commit onto a branch.
    fn somebody_pushes(&self, branch: &str, path: &str, text: &str) {
        let _ = fs::remove_dir_all(self.world.work().join("other"));
        self.git(&["clone", "--quiet", "--branch", branch, "shop.git", "other"]);
        self.world.write(&format!("other/{path}"), text);
        self.git(&["-C", "other", "add", "--all"]);
        self.git(&["-C", "other", "commit", "--quiet", "-m", "theirs"]);
        self.git(&["-C", "other", "push", "--quiet"]);
    }

    fn command(&self, more: &[&str]) -> Command {
        let flags = ["--source", "shop.git//deploy?ref=main", "--live", "live.json", "--lang", "en"];
        self.world.command(&[&["adopt", "ConfigMap/a"], &flags[..], more].concat())
    }

    fn adopt(&self, more: &[&str]) -> Run {
        self.world.run_with(self.command(more))
    }
}

fn live(value: &str) -> String {
    list(&[live_config_map("a", &json!({"k": value, "more": "yes"})), live_config_map("b", &json!({"k": "v"}))])
}

#[test]
fn a_repository_gets_one_commit_with_exactly_what_is_meant() {
    let shop = Shop::new();
    let planned = shop.adopt(&["--dry-run"]);
    planned.ends(0, &[]).shows(&["Adopts 3 fields into 1 file", "  deploy/all.yaml", "+  k: w   # the old one"]);
    planned.shows(&["One commit on main, pushed to the branch anchorwatch/adopt-"]);
    assert_eq!(shop.branches(), ["main"]);
    shop.adopt(&[]).ends(2, &["nobody is here to confirm it"]);
    shop.adopt(&["--yes", "--signoff"]).ends(0, &[]).shows(&["Pushed commit ", "open a pull request onto main"]);
    let branch = shop.branch();
    assert_eq!((shop.file(&branch), shop.file("main")), (ADOPTED.to_owned(), FILE.to_owned()));
    assert_eq!(shop.remote(&["diff", "--stat", "--name-only", "main", &branch]), "deploy/all.yaml");
    assert_eq!(shop.remote(&["rev-list", "--count", &format!("main..{branch}")]), "1");
    let said = shop.remote(&["log", "-1", "--format=%an <%ae>%n%B", &branch]);
    for part in [
        "Ann <ann@example.com>\nAdopt ConfigMap/a in shop from the cluster\n",
        "- ConfigMap/a in shop: data.gone (",
        "- ConfigMap/a in shop: data.k (",
        ", by kubectl-edit at 2026-11-01T10:00:00Z)",
        "\nAnchorwatch-Plan: ",
        "\nSigned-off-by: Ann <ann@example.com>",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    // Ids, paths, managers and times; values stand in the file.
    assert!(!said.contains("yes"), "{said}");

    // Asked for again, nothing else comes of it.
    let tip = shop.remote(&["rev-parse", &branch]);
    let again = shop.adopt(&["--yes", "--output", "json"]).json();
    assert_eq!(
        (again["done"]["commit"].as_str(), again["done"]["state"].as_str()),
        (Some(tip.as_str()), Some("pushed"))
    );
    assert_eq!(shop.remote(&["rev-parse", &shop.branch()]), tip);
    shop.world.run(&["undo", again["done"]["change_id"].as_str().unwrap()]).ends(2, &["is a commit", "git revert "]);

    shop.adopt(&["--yes", "--direct"]).ends(0, &[]).shows(&["Pushed commit ", " to main of "]);
    assert_eq!(shop.file("main"), ADOPTED);
    shop.adopt(&["--yes"]).ends(2, &["nothing differs that is ConfigMap/a"]);
}

/// What a person has made with `kubectl create deployment`, as the server fills it in.
fn made_by_hand() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "probe", "namespace": "shop", "uid": "0", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "2026-11-01T10:00:00Z", "labels": {"app": "probe"},
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "managedFields": [managed("kubectl-create", &json!({"f:spec": {"f:replicas": {}}}))],
        },
        "spec": {
            "progressDeadlineSeconds": 600, "replicas": 2, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "probe"}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": {"app": "probe"}},
                "spec": {
                    "containers": [{
                        "image": "probe:1", "imagePullPolicy": "IfNotPresent", "name": "probe", "resources": {},
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                    "securityContext": {}, "terminationGracePeriodSeconds": 30,
                },
            },
        },
        "status": {"replicas": 2},
    })
}

const PROBE: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: probe
  labels:
    app: probe
  namespace: shop
spec:
  replicas: 2
  selector:
    matchLabels:
      app: probe
  template:
    metadata:
      labels:
        app: probe
    spec:
      containers:
      - name: probe
        image: probe:1
        ports:
        - containerPort: 80
";

#[test]
fn an_object_that_git_does_not_have_is_written_as_somebody_would_write_it() {
    let shop = Shop::new();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {"k": "dg=="}});
    let token = ["gh", "p_", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"].concat();
    let config = live_config_map("c", &json!({"token": token}));
    let items = [live_config_map("b", &json!({"k": "v"})), made_by_hand(), secret, config];
    shop.world.write("live.json", list(&items));
    let adopt = |what: &str, source: &str, more: &[&str]| {
        let flags = ["adopt", what, "--source", source, "--live", "live.json", "--unmanaged", "--lang", "en", "--yes"];
        shop.world.run(&[&flags[..], more].concat())
    };
    let read = |path: &str| fs::read_to_string(shop.world.work().join(path)).unwrap();
    // Into a folder, a file of its own; into a file, at its end.
    adopt("Deployment/probe", "tree/deploy", &[]).ends(0, &[]).shows(&["tree/deploy/deployment-probe.yaml"]);
    assert_eq!(read("tree/deploy/deployment-probe.yaml"), PROBE);
    shop.world.write("one.yaml", FILE);
    adopt("Deployment/probe", "one.yaml", &[]).ends(0, &[]);
    assert_eq!(read("one.yaml"), format!("{FILE}---\n{PROBE}"));
    adopt("Deployment/probe", "one.yaml", &[]).ends(2, &["nothing differs that is Deployment/probe"]);
    // Into a repository.
    adopt("Deployment/probe", "shop.git//deploy?ref=main", &[]).ends(0, &[]);
    assert_eq!(
        shop.remote(&["cat-file", "-p", &format!("{}:deploy/deployment-probe.yaml", shop.branch())]) + "\n",
        PROBE
    );
    for what in ["Secret/s", "ConfigMap/c"] {
        let refused = adopt(what, "tree/deploy", &[]);
        refused.ends(1, &[]).shows(&["is not written into Git in clear"]).hides(&["ghp_", "dg=="]);
    }
    assert!(!shop.world.work().join("tree/deploy/configmap-c.yaml").exists());
    shop.world.write("kust/kustomization.yaml", "resources: [a.yaml]\n");
    shop.world.write("kust/a.yaml", FILE);
    // It renders what it did before, whatever it is given.
    shop.world.program("kubectl", "cat WORK/kust/a.yaml");
    adopt("Deployment/probe", "kust", &[]).ends(1, &[]).shows(&["it would not be there by this name and namespace"]);
}

#[test]
fn what_cannot_be_committed_is_refused_with_what_to_do() {
    let shop = Shop::new();
    shop.git(&["--git-dir", "shop.git", "tag", "v1", "main"]);
    let adopt = |source: &str, more: &[&str]| {
        let flags = ["adopt", "--all", "--source", source, "--live", "live.json", "--yes"];
        shop.world.run(&[&flags[..], more].concat())
    };
    adopt("shop.git//deploy?ref=v1", &[]).ends(2, &["names no branch", "hint: name a branch"]);
    adopt("tree/deploy", &["--direct"]).ends(2, &["files on disk get none"]);
    let refusing = shop.world.work().join("shop.git/hooks/update");
    fs::create_dir_all(refusing.parent().unwrap()).unwrap();
    shop.world.program("hook", "echo 'a review is asked for' >&2; exit 1");
    fs::copy(shop.world.work().join("../bin/hook"), &refusing).unwrap();
    let refused = adopt("shop.git//deploy?ref=main", &[]);
    refused.ends(2, &["refuses the push to anchorwatch/adopt-", "a review is asked for"]);
    assert_eq!(shop.branches(), ["main"]);
    fs::remove_file(refusing).unwrap();
    fs::remove_file(shop.world.work().join("../home/.gitconfig")).unwrap();
    adopt("shop.git//deploy?ref=main", &[]).ends(2, &["does not know who you are", "git config"]);
}

#[test]
fn what_others_push_meanwhile_is_kept_and_planned_with() {
    let shop = Shop::new();
    shop.adopt(&["--yes"]).ends(0, &[]);
    let branch = shop.branch();
    let first = shop.remote(&["rev-parse", &branch]);
    // Another line of the same file, on the branch that is followed: the same plan, on what is there now.
    shop.somebody_pushes("main", "deploy/all.yaml", &FILE.replace("# The shop's", "# Our"));
    shop.adopt(&["--yes"]).ends(0, &[]);
    assert_eq!((shop.branch(), shop.file(&branch)), (branch.clone(), ADOPTED.replace("# The shop's", "# Our")));
    assert_ne!(shop.remote(&["rev-parse", &branch]), first);
    // Somebody goes on with the branch: that is theirs now.
    shop.somebody_pushes(&branch, "readme", "more");
    let theirs = shop.remote(&["rev-parse", &branch]);
    shop.somebody_pushes("main", "readme", "also");
    shop.adopt(&["--yes"]).ends(2, &["somebody has added to it", "merge it, or delete it"]);
    assert_eq!(shop.remote(&["rev-parse", &branch]), theirs);
}

#[test]
fn a_commit_that_somebody_has_amended_is_theirs() {
    let shop = Shop::new();
    shop.adopt(&["--yes"]).ends(0, &[]);
    let branch = shop.branch();
    shop.git(&["clone", "--quiet", "--branch", &branch, "shop.git", "other"]);
    shop.world.write("other/deploy/all.yaml", ADOPTED.replace("\"yes\"", "\"no\""));
    shop.git(&["-C", "other", "commit", "--quiet", "--all", "--amend", "--no-edit"]);
    shop.git(&["-C", "other", "push", "--quiet", "--force"]);
    let theirs = shop.remote(&["rev-parse", &branch]);
    shop.adopt(&["--yes"]).ends(2, &["somebody has added to it"]);
    assert_eq!(shop.remote(&["rev-parse", &branch]), theirs);
}

#[test]
fn a_source_behind_a_link_is_not_committed_through_it() {
    let shop = Shop::new();
    std::os::unix::fs::symlink("deploy", shop.world.work().join("tree/current")).unwrap();
    shop.git(&["-C", "tree", "add", "--all"]);
    shop.git(&["-C", "tree", "commit", "--quiet", "-m", "link"]);
    shop.git(&["-C", "tree", "push", "--quiet", "../shop.git", "main"]);
    let flags = ["adopt", "--all", "--source", "shop.git//current?ref=main", "--live", "live.json", "--yes"];
    shop.world.run(&flags).ends(2, &["current/all.yaml", "symbolic link", "hint: name the folder"]);
    assert_eq!(shop.branches(), ["main"]);
}

/// Notes that this machine keeps, by their state.
fn noted(shop: &Shop) -> Vec<String> {
    let folder: PathBuf = shop.world.state().join("anchorwatch/changes");
    let mut files: Vec<_> =
        fs::read_dir(folder).map(|read| read.map(|file| file.unwrap().path()).collect()).unwrap_or_default();
    files.retain(|file: &PathBuf| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let state = |file: &PathBuf| {
        let note: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let state = &note["what"]["adopt"]["state"];
        state.as_str().map_or_else(|| state.as_object().unwrap().keys().next().unwrap().clone(), str::to_owned)
    };
    files.iter().map(state).collect()
}

#[test]
fn whoever_is_killed_leaves_one_commit_or_none() {
    for (point, direct, pushed, after) in [
        ("adopt-intended", false, false, vec!["not_pushed", "pushed"]),
        ("adopt-intended", true, false, vec!["not_pushed", "pushed"]),
        ("adopt-sent", false, true, vec!["pushed", "pushed"]),
        ("adopt-sent", true, true, vec!["pushed"]),
        ("adopt-pushed", false, true, vec!["pushed", "pushed"]),
        ("adopt-pushed", true, true, vec!["pushed"]),
    ] {
        let shop = Shop::new();
        let flags: &[&str] = if direct { &["--yes", "--direct"] } else { &["--yes"] };
        let mut killed = shop.command(flags);
        // What it left in the temporary folder nobody could take away.
        killed.env("ANCHORWATCH_FAIL_POINTS", format!("{point}:abort")).env("TMPDIR", shop.world.work());
        assert_eq!(
            anchorwatch_testbed::run(killed, b"", std::time::Duration::from_mins(1)).unwrap().status.code(),
            None
        );
        let tip = |shop: &Shop| if direct { shop.file("main") == ADOPTED } else { shop.branches().len() == 2 };
        assert_eq!(tip(&shop), pushed, "{point}");
        let again = shop.adopt(flags);
        if direct && pushed {
            again.ends(2, &["nothing differs"]);
        } else {
            again.ends(0, &[]);
        }
        let branch = if direct { "main".to_owned() } else { shop.branch() };
        assert_eq!(shop.file(&branch), ADOPTED, "{point}");
        assert_eq!(shop.remote(&["rev-list", "--count", &branch]), "2", "{point}");
        assert_eq!(noted(&shop), after, "{point} {direct}");
    }
}

/// How many moments are tried, as `ANCHORWATCH_MOMENTS` says.
fn moments() -> u32 {
    std::env::var("ANCHORWATCH_MOMENTS").map_or(8, |moments| moments.parse().unwrap())
}

#[test]
fn wherever_it_is_killed_each_adoption_is_one_commit() {
    let shop = Shop::new();
    let flags = ["--yes", "--direct"];
    let mut whole = std::time::Duration::from_secs(1);
    for moment in 0..=moments() {
        shop.world.write("live.json", live(&format!("w{moment}")));
        let started = std::time::Instant::now();
        if moment > 0 {
            let mut killed = shop.command(&flags);
            killed.env("TMPDIR", shop.world.work()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut killed = killed.spawn().unwrap();
            std::thread::sleep(whole.mul_f64(f64::from(moment) / f64::from(moments())));
            let _ = killed.kill();
            killed.wait().unwrap();
        }
        let again = shop.adopt(&flags);
        let is_done = again.err.contains("nothing differs that is ConfigMap/a");
        assert!(again.code == Some(0) || (moment > 0 && is_done), "{moment}: {again:?}");
        if moment == 0 {
            whole = started.elapsed();
        }
        assert_eq!(shop.file("main"), ADOPTED.replace("k: w ", &format!("k: w{moment} ")), "{moment}");
        assert_eq!(shop.remote(&["rev-list", "--count", "main"]), (moment + 2).to_string(), "{moment}");
    }
}

/// A service that may write the shop.
struct Served {
    shop: Shop,
    service: Service,
    approver: String,
    operator: String,
}

impl Served {
    fn start(settings: &str) -> Self {
        Self::on(Shop::new(), "shop.git", "", settings)
    }

    /// With the repository at this address, and these settings of Git.
    fn on(shop: Shop, repository: &str, git: &str, settings: &str) -> Self {
        let config = format!(
            "listen: 127.0.0.1:0\ngit: {{author: 'Watch <watch@example.com>'{git}}}\nclusters:\n- {{name: lab, snapshot: live.json}}\n\
             sources:\n- {{name: shop, cluster: lab, address: '{repository}//deploy?ref=main', {settings}}}\n{}",
            shop.beside
        );
        shop.world.write("anchorwatch.yaml", config);
        let service = Self::serve(&shop, "");
        let token = |role: &str| {
            shop.world
                .run(&["token", "create", role, "--role", role, "--config", "anchorwatch.yaml"])
                .out
                .trim()
                .to_owned()
        };
        let (approver, operator) = (token("approver"), token("operator"));
        Self { shop, service, approver, operator }
    }

    fn serve(shop: &Shop, fail_points: &str) -> Service {
        let mut serve = shop.world.command(&["serve", "--config", "anchorwatch.yaml"]);
        serve.env("ANCHORWATCH_LEASE_SECONDS", "2").env("ANCHORWATCH_FAIL_POINTS", fail_points);
        Service::start("anchorwatch", serve, &shop.world.work().join("log")).unwrap()
    }

    fn items(&self, status: &str) -> Vec<Value> {
        let listed = self.service.get(&format!("/api/v1/drift/items?status={status}"), &self.approver).json();
        listed["items"].as_array().cloned().unwrap_or_default()
    }

    /// Scans, and gives the fingerprints of what differs.
    fn scanned(&self) -> Vec<String> {
        let scanned = self.service.post("/api/v1/drift/scan", &self.approver, &json!({}));
        assert_eq!(scanned.status, 200, "{}", scanned.text);
        self.items("pending").iter().map(|item| item["fingerprint"].as_str().unwrap().to_owned()).collect()
    }

    fn adopt(&self, token: &str, body: &Value) -> anchorwatch_testbed::Answer {
        self.service.post("/api/v1/drift/adopt", token, body)
    }

    /// The program, asking this service by the token of a role.
    fn ask(&self, token: &str, arguments: &[&str]) -> Run {
        self.shop.world.write("token", token);
        let asking = ["--server", self.service.url(), "--token-file", "token", "--lang", "en"];
        self.shop.world.run(&[arguments, &asking].concat())
    }

    fn commits(&self) -> Vec<Value> {
        let listed = self.service.get("/api/v1/changes", &self.approver).json();
        listed["items"].as_array().unwrap().iter().map(|change| change["commit"].clone()).collect()
    }
}

#[test]
fn a_service_pushes_what_was_looked_at_and_says_when_git_has_it() {
    let served = Served::start("write: true");
    let items = served.scanned();
    assert_eq!(items.len(), 3);
    let planned = served.adopt(&served.operator, &json!({"items": items}));
    assert_eq!(planned.status, 200, "{}", planned.text);
    let planned = planned.json();
    let plan = &planned["plan"];
    assert!(plan["files"][0]["diff"].as_str().unwrap().contains("+  k: w   # the old one\n"), "{planned:#}");
    assert_eq!((plan["branch"].as_str(), &planned["done"]), (Some("main"), &Value::Null));
    assert_eq!(served.shop.branches(), ["main"]);
    let hash = &plan["plan_hash"];
    let other = served.adopt(&served.approver, &json!({"items": items, "plan_hash": "0".repeat(64)}));
    assert_eq!((other.status, &other.json()["plan"]["plan_hash"]), (409, hash), "{}", other.text);
    let done = served.adopt(&served.approver, &json!({"items": items, "plan_hash": hash}));
    assert_eq!(done.status, 200, "{}", done.text);
    let branch = served.shop.branch();
    assert_eq!(
        (done.json()["done"]["pushed_to"].as_str(), served.shop.file(&branch)),
        (Some(&*branch), ADOPTED.to_owned())
    );
    assert_eq!(served.shop.remote(&["log", "-1", "--format=%an", &branch]), "Watch");
    // It is pushed, and not yet Git's word.
    assert_eq!((served.items("pending").len(), served.commits()[0]["state"].as_str()), (3, Some("pushed")));
    // Who asks twice gets the same.
    let twice = served.adopt(&served.approver, &json!({"items": items, "plan_hash": hash})).json();
    assert_eq!(twice["done"]["commit"], done.json()["done"]["commit"]);

    served.shop.remote(&["update-ref", "refs/heads/main", &branch]);
    served.service.until("the items are adopted", || served.items("adopted").len() == 3);
    // Both that were asked for are known to be there.
    served.service.until("all is known", || served.commits().iter().all(|commit| commit["state"] == "adopted"));
}

#[test]
fn the_command_line_has_a_service_adopt_in_two_steps() {
    let served = Served::start("write: true");
    let items = served.scanned();
    let ask = |arguments: &[&str]| served.ask(&served.operator, &[&["adopt"], arguments].concat());
    let planned = ask(&["ConfigMap/a", "--dry-run"]);
    planned.ends(0, &[]).shows(&["Adopts 3 fields into 1 file", "  deploy/all.yaml", "+  k: w   # the old one"]);
    planned.shows(&["One commit on main, pushed to the branch anchorwatch/adopt-"]);
    assert_eq!(ask(&[&items[0][..12], "--dry-run", "-o", "json"]).ends(0, &[]).json()["done"], Value::Null);
    ask(&["ConfigMap/a:data.k"]).ends(2, &["nobody is here to confirm it"]).shows(&["Adopts 1 field "]);
    assert_eq!(served.shop.branches(), ["main"]);

    ask(&["ConfigMap/b"]).ends(2, &["nothing differs that is ConfigMap/b", "3 open items of http", "hint: "]);
    ask(&["ConfigMap/a", "--source", "shpo"]).ends(2, &["nothing differs that is ConfigMap/a"]);
    ask(&["ConfigMap/a", "-n", "web, bank"]).ends(2, &["nothing differs that is ConfigMap/a"]);
    ask(&["--all", "-n", "web"]).ends(0, &[]).shows(&["Nothing that is meant is open at http"]);

    // What somebody knows of is open, too.
    served.service.post(&format!("/api/v1/drift/items/{}/acknowledge", items[0]), &served.operator, &json!({}));
    let done = ask(&["--all", "--source", "shop", "-n", "web,shop", "--yes"]);
    done.ends(0, &[]).shows(&["Adopts 3 fields", "Pushed commit ", "open a pull request onto main"]);
    assert_eq!(served.shop.file(&served.shop.branch()), ADOPTED);
    let again = ask(&["--all", "--yes", "--output", "json"]).ends(0, &[]).json();
    assert_eq!(again["done"]["state"], "pushed", "{again:#}");
    let change = again["done"]["change_id"].as_str().unwrap();
    served.ask(&served.operator, &["undo", change]).ends(2, &["is a commit", "git revert "]);
    served.ask(&served.operator, &["undo", "x"]).ends(2, &["no change is called x", "hint: "]);
    served
        .ask(&served.operator, &["rollback", "--all"])
        .ends(2, &["a recorded state cannot be rolled back", "hint: leave --live out"]);
}

#[test]
fn the_status_says_whose_it_is_that_nothing_was_done() {
    let served = Served::start("write: true");
    let items = served.scanned();
    let asked = json!({"items": [items[0]]});
    let says = |answer: anchorwatch_testbed::Answer, status: u16, detail: &str| {
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().contains(detail), "{}", answer.text);
    };
    let rolled_back = served.service.post("/api/v1/drift/rollback", &served.operator, &asked);
    says(rolled_back, 422, "a recorded state cannot be rolled back");
    // A branch that is somebody else's, too, by now is no other plan: the page says so, and does not ask again.
    let mut confirmed = asked.clone();
    confirmed["plan_hash"] = served.adopt(&served.approver, &asked).json()["plan"]["plan_hash"].clone();
    assert_eq!(served.adopt(&served.approver, &confirmed).status, 200);
    served.shop.somebody_pushes(&served.shop.branch(), "note", "theirs");
    says(served.adopt(&served.approver, &confirmed), 409, "somebody has added to it");
    let form = format!("plan_hash={}", confirmed["plan_hash"].as_str().unwrap());
    let page = served.service.page("POST", &format!("/items/{}/adopt", items[0]), &served.approver, &form);
    assert!(page.status == 409 && page.text.contains("somebody has added to it"), "{} {}", page.status, page.text);
    served.shop.world.write("live.json", list(&[live_config_map("b", &json!({"k": "v"}))]));
    says(served.adopt(&served.operator, &asked), 409, "nothing differs that is ");
    fs::rename(served.shop.world.work().join("shop.git"), served.shop.world.work().join("gone.git")).unwrap();
    says(served.adopt(&served.operator, &asked), 502, "shop.git");
}

#[test]
fn what_a_service_refuses_or_leaves_is_said_with_what_to_do() {
    let served = Served::start("write: {kinds: [Deployment]}");
    served.scanned();
    let left = served.ask(&served.operator, &["adopt", "--all", "--dry-run"]);
    left.ends(1, &[]).shows(&["Nothing is to be written into ", "Left as it is:", "`write` does not name it"]);
    let viewer = served.shop.world.run(&["token", "create", "v", "--role", "viewer", "--config", "anchorwatch.yaml"]);
    let refused = served.ask(&viewer.out, &["adopt", "--all", "--yes"]);
    refused.ends(2, &["refuses: v may not do this", "role operator", "hint: "]);
    drop(served);
    let served = Served::start("write: false");
    served.scanned();
    let refused = served.ask(&served.approver, &["adopt", "--all", "--yes"]);
    refused.ends(2, &["the source shop is not written", "hint: "]);
}

/// An open item, as a service tells it.
fn told(fingerprint: &str, source: &str, change: &str) -> Value {
    json!({"fingerprint": fingerprint, "resource_kind": "ConfigMap", "resource_name": source, "namespace": "shop",
        "stable_path": "data.k", "field_path": "data.k", "change": change, "drift_level": "medium", "origin": "human",
        "source_name": source, "git_value": "v", "actual_value": "w\u{1b}[31m", "more": 1})
}

#[test]
fn all_pages_are_read_one_source_is_meant_and_another_plan_is_shown_and_not_done() {
    let world = World::new();
    world.write("token", "aw_hidden");
    let receiver = Receiver::start(Reply::json(200, &json!({"items": []}))).unwrap();
    let open = || {
        let pages = [
            ("status=pending", json!({"items": [told("aa", "shop", "changed")], "next": "aa"})),
            (
                "status=pending&after=aa",
                json!({"items": [told("bb", "web", "changed"), told("cc", "shop", "unmanaged_object")]}),
            ),
            ("status=acknowledged", json!({"items": [told("dd", "shop", "removed")]})),
        ];
        for (path, page) in pages {
            receiver.next(path, Reply::json(200, &page));
        }
    };
    let url = receiver.url();
    let ask = |arguments: &[&str]| {
        open();
        let asking = ["rollback", "--all", "--server", &url, "--token-file", "token", "--lang", "en"];
        world.run(&[&asking, arguments].concat())
    };
    ask(&["--yes"]).ends(2, &["of several sources", "shop, web", "hint: name one of them with --source"]);

    let plan = |hash: &str, path: &str| {
        let mut item = told("aa", "shop", "changed");
        item["stable_path"] = json!(path);
        let target = json!({"api_version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "shop"});
        json!({"plan_hash": hash, "cluster": "lab", "source": "git", "changes": [{"target": target, "action": "patch",
            "dependants": [], "not_listed": [], "write": null, "items": [item]}]})
    };
    let left = json!([{"item": told("dd", "shop", "removed"), "reason": "nobody's"}]);
    let planned = json!({"plan": plan("1", "data.k"), "left": left, "recovered": [], "is_partial": false});
    receiver.next("/drift/rollback", Reply::json(200, &planned));
    let problem = json!({"title": "another", "status": 409, "plan": plan("2", "data.other")});
    receiver.next("/drift/rollback", Reply::json(409, &problem));
    let run = ask(&["--source", "shop", "--recreate", "--even-if", "paused", "--yes"]);
    run.ends(2, &["error: the plan is another one by now, and nothing was written", "hint: "]);
    run.shows(&["data.k\n", "now  \"w", "then v", "nobody's", "data.other\n"]).hides(&["\u{1b}", "aw_hidden"]);
    let bodies: Vec<Value> =
        receiver.received("/drift/rollback").iter().map(anchorwatch_testbed::Received::json).collect();
    // What Git does not have is named, or stays.
    let meant = json!({"items": ["aa", "dd"], "uid": null, "recreate": true, "even_if": ["paused"]});
    let mut confirmed = meant.clone();
    confirmed["plan_hash"] = json!("1");
    assert_eq!(bodies, [meant, confirmed]);

    open();
    receiver.next("/drift/rollback", Reply::json(200, &planned));
    let deletion = ["rollback", "ConfigMap/web", "--uid", "u-1", "--cascade", "orphan", "--dry-run"];
    world.run(&[&deletion[..], &["--server", &url, "--token-file", "token"]].concat()).ends(1, &[]);
    let said = receiver.received("/drift/rollback").last().unwrap().json();
    let named = json!({"items": ["bb"], "uid": "u-1", "propagation": "Orphan", "recreate": false, "even_if": []});
    assert_eq!(said, named);

    // What is left makes a dry run's exit status.
    receiver.next("/drift/rollback", Reply::json(200, &planned));
    assert_eq!(ask(&["--source", "shop", "--dry-run", "-o", "json"]).ends(1, &[]).json(), planned);
}

#[test]
fn what_a_service_decides_itself_is_no_flag() {
    let world = World::new();
    world.write("token", "aw_hidden");
    for command in [&["rollback", "ConfigMap/a"][..], &["adopt", "ConfigMap/a"], &["undo", "x"]] {
        let asking = [command, &["--server", "https://127.0.0.1:1"]].concat();
        world.run(&asking).ends(2, &["--token-file"]);
        let with_token = [&asking[..], &["--token-file", "token"]].concat();
        world.run(&with_token).ends(2, &["cannot ask the service", "hint: "]).hides(&["aw_hidden"]);
        let flags =
            [&["--context", "x"][..], &["--kubeconfig", "x"], &["--live", "x"], &["--config", "x"], &["--unmanaged"]];
        let of_undo = if command[0] == "undo" { 2 } else { flags.len() };
        for flag in &flags[..of_undo] {
            world.run(&[&with_token[..], flag].concat()).ends(2, &["cannot be used with"]);
        }
    }
    for flag in ["--direct", "--signoff"] {
        let asking = ["adopt", "--all", "--server", "https://127.0.0.1:1", "--token-file", "token", flag];
        world.run(&asking).ends(2, &["cannot be used with"]);
    }
}

#[test]
fn a_service_writes_only_what_it_may_and_knows_when_nobody_wants_it() {
    let served = Served::start("write: {kinds: [Deployment]}");
    let items = served.scanned();
    let planned = served.adopt(&served.approver, &json!({"items": items})).json();
    assert_eq!(planned["plan"]["files"], json!([]));
    assert!(planned["left"][0]["reason"].as_str().unwrap().contains("`write` does not name it"), "{planned:#}");
    drop(served);

    let served = Served::start("write: {kinds: [ConfigMap]}, push: direct");
    let items = served.scanned();
    let hash = served.adopt(&served.approver, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
    let done = served.adopt(&served.approver, &json!({"items": items, "plan_hash": hash}));
    assert_eq!((done.status, served.shop.file("main")), (200, ADOPTED.to_owned()), "{}", done.text);
    served.service.until("the items are adopted", || served.items("adopted").len() == 3);
    drop(served);

    let served = Served::start("write: true");
    let items = served.scanned();
    let hash = served.adopt(&served.approver, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
    served.adopt(&served.approver, &json!({"items": items, "plan_hash": hash}));
    served.shop.remote(&["branch", "-D", &served.shop.branch()]);
    served.service.until("it is dropped", || served.commits()[0]["state"] == "dropped");
    assert_eq!(served.items("pending").len(), 3);
}

#[test]
fn a_service_that_was_killed_finds_what_it_had_pushed() {
    for (point, state) in [("adopt-intended", "not_pushed"), ("adopt-sent", "pushed"), ("adopt-pushed", "pushed")] {
        let mut served = Served::start("write: true");
        let items = served.scanned();
        let hash = served.adopt(&served.approver, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
        served.service = Served::serve(&served.shop, &format!("{point}:abort"));
        let body = json!({"items": items, "plan_hash": hash}).to_string();
        let bearer = format!("Bearer {}", served.approver);
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        assert!(served.service.try_ask("POST", "/api/v1/drift/adopt", &headers, &body).is_err());
        served.service = Served::serve(&served.shop, "");
        served.service.until("it is known", || served.commits().first().is_some_and(|commit| commit["state"] == state));
        assert_eq!(served.shop.branches().len(), if state == "pushed" { 2 } else { 1 }, "{point}");
    }
}

/// A Forgejo that has one pull request at most, in a state that the test says; with none it makes one.
fn forgejo() -> (Receiver, Arc<Mutex<&'static str>>) {
    let state = Arc::new(Mutex::new("down"));
    let held = Arc::clone(&state);
    let branch = Arc::new(Mutex::new(String::new()));
    let receiver = Receiver::answering(move |request| {
        let mut state = held.lock().unwrap();
        assert!(request.headers.contains(&("authorization".to_owned(), "token s3cret-of-the-forge".to_owned())));
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let list = "/api/v1/repos/ops/shop/pulls";
        let pull = |branch: &str, state: &str| {
            json!({"number": 7, "html_url": "https://forge.test/ops/shop/pulls/7",
                   "state": if state == "open" { "open" } else { "closed" }, "merged": state == "merged",
                   "head": {"label": branch, "repo_id": 1}, "base": {"label": "main", "repo_id": 1}})
        };
        let branch = &mut *branch.lock().unwrap();
        let answer = |status, body: &Value| Reply::json(status, body);
        match (request.method.as_str(), &**state) {
            (_, "down") => Reply::json(503, &json!("away")),
            ("POST", "none") if path == list => {
                let asked = request.json();
                assert!(asked["title"].as_str().unwrap().starts_with("Adopt ConfigMap/a in shop"), "{asked:#}");
                assert!(asked["body"].as_str().unwrap().contains("Anchorwatch-Plan: "), "{asked:#}");
                asked["head"].as_str().unwrap().clone_into(branch);
                *state = "open";
                answer(201, &pull(branch, "open"))
            }
            ("GET", now) if path == list => {
                let fits = now != "none"
                    && query.contains(&format!("state={}", if now == "open" { "open" } else { "closed" }));
                let first = query.ends_with("page=1");
                answer(200, &if fits && first { json!([pull(branch, now)]) } else { json!([]) })
            }
            ("GET", now) if now != "none" && path.starts_with(list) => answer(200, &pull(branch, now)),
            ("GET", _) => answer(404, &json!({"message": "not found"})),
            _ => answer(409, &json!({"message": "pull request already exists for these targets"})),
        }
    });
    (receiver.unwrap(), state)
}

#[test]
fn a_pull_request_is_opened_when_the_forge_is_there_and_followed_until_it_is_merged() {
    let (receiver, state) = forgejo();
    let shop = Shop::new();
    shop.world.write("token", "s3cret-of-the-forge");
    // It plays the host: what is asked for is done in this folder.
    shop.world.program("ssh", "for last; do :; done; cd WORK && eval \"$(echo \"$last\" | sed 's#/ops/##')\"");
    let git = format!(
        ", credentials: [{{host: forge.test, token_file: token, forge: forgejo, api_url: '{}/api/v1'}}]",
        receiver.url()
    );
    let served = Served::on(shop, "ssh://git@forge.test/ops/shop.git", &git, "write: true");
    let items = served.scanned();
    let hash = served.adopt(&served.operator, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
    let done = served.adopt(&served.approver, &json!({"items": items, "plan_hash": hash}));
    assert_eq!(done.status, 200, "{}", done.text);
    let done = &done.json()["done"];
    assert_eq!((&done["state"], &done["proposal"]), (&json!("pushed"), &Value::Null));
    assert!(done["reason"].as_str().unwrap().contains("503"), "{done:#}");
    *state.lock().unwrap() = "none";
    let proposal = "https://forge.test/ops/shop/pulls/7";
    served.service.until("it is proposed", || served.commits()[0]["proposal"] == proposal);
    // Whoever squashes makes another commit, and the branch goes.
    let branch = served.shop.branch();
    served.shop.somebody_pushes("main", "deploy/all.yaml", ADOPTED);
    served.shop.remote(&["branch", "-D", &branch]);
    *state.lock().unwrap() = "merged";
    served.service.until("the items are adopted", || served.items("adopted").len() == 3);
    assert!(!served.service.log().contains("s3cret-of-the-forge"));
}

#[test]
fn a_pull_request_that_is_closed_is_dropped() {
    let (receiver, state) = forgejo();
    let shop = Shop::new();
    shop.world.write("token", "s3cret-of-the-forge");
    shop.world.program("ssh", "for last; do :; done; cd WORK && eval \"$(echo \"$last\" | sed 's#/ops/##')\"");
    let git = format!(
        ", credentials: [{{host: forge.test, token_file: token, forge: forgejo, api_url: '{}/api/v1'}}]",
        receiver.url()
    );
    *state.lock().unwrap() = "none";
    let served = Served::on(shop, "ssh://git@forge.test/ops/shop.git", &git, "write: true");
    let items = served.scanned();
    let hash = served.adopt(&served.operator, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
    let done = served.adopt(&served.approver, &json!({"items": items, "plan_hash": hash})).json();
    assert_eq!(done["done"]["proposal"], "https://forge.test/ops/shop/pulls/7", "{done:#}");
    *state.lock().unwrap() = "closed";
    served.service.until("it is dropped", || served.commits()[0]["state"] == "dropped");
    assert_eq!(served.items("pending").len(), 3);
}

#[test]
fn an_approver_adopts_from_telegram_what_they_were_shown_and_once() {
    let chat = Chat::start().unwrap();
    let one = |value: &str| {
        list(&[live_config_map("a", &json!({"k": value, "gone": "x"})), live_config_map("b", &json!({"k": "v"}))])
    };
    let mut shop = Shop::new();
    shop.world.write("live.json", one("yesterday"));
    shop.world.write("bot.token", "42:hidden");
    shop.beside = chat.settings("bot.token", &[1], &[3, 4])
        + "rules:\n- {id: urgent, match: {kind: ConfigMap}, level: high, owner: ann, reason: a test}\n";
    let served = Served::on(shop, "shop.git", "", "write: true");
    served.scanned();
    // A recorded state cannot be rolled back.
    let sent = chat.message(0);
    assert_eq!(Chat::labels(&sent), ["Acknowledge", "Ignore…", "Adopt…"]);
    let adopt = Chat::data(&sent, "Adopt…");
    let roll_back = adopt.replace("adopt:", "roll:");
    assert_eq!(chat.press(1, &adopt), "Only an approver may do this.");
    assert_eq!(chat.press(3, &roll_back), "This cannot be done from here; the page may say why.");
    assert_eq!(Chat::labels(&chat.message(1)), Chat::labels(&sent));

    assert_eq!(chat.press(3, &adopt), "Look at the plan, and confirm it or cancel.");
    let shown = chat.message(2);
    let text = shown["text"].as_str().unwrap();
    for part in [
        "\nAdopting commits 1 field, as the cluster has it, and pushes to anchorwatch/adopt-",
        ": HIGH×1.\nHIGH ConfigMap/a in shop · 1 difference\nHIGH data.k\nPlan ",
        ": p3 may confirm it, once, until ",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("yesterday"), "{text}");
    let confirm = Chat::data(&shown, "Confirm");
    assert_eq!(chat.press(4, &confirm), "Only the person who was shown this plan may confirm it.");
    assert_eq!(chat.press(1, &confirm), "Only an approver may do this.");
    served.shop.world.write("live.json", one("today"));
    assert_eq!(chat.press(3, &confirm), "The plan is another one now, and nothing was written. Look again.");
    assert_eq!(served.shop.branches(), ["main"]);

    // That it is being done was said, and then that it was not.
    let shown = chat.message(4);
    let gone = "This was confirmed already, or is not known any more.";
    assert_eq!(chat.press(3, &confirm), gone);
    let confirm = Chat::data(&shown, "Confirm");
    let said = chat.press(3, &confirm);
    let branch = served.shop.branch();
    let expected = format!("Adoption, confirmed by p3: pushed, not merged yet, on {branch}. Change ");
    assert!(said.starts_with(&expected), "{said}");
    let settled = chat.message(6);
    assert!(settled["text"].as_str().unwrap().contains(&format!("\n{said}\n")), "{settled:#}");
    assert_eq!(Chat::labels(&settled), [""; 0]);
    assert_eq!(served.shop.file(&branch), FILE.replace("k: v   #", "k: today   #"));
    assert_eq!(chat.press(3, &confirm), gone);
    let listed = served.service.get("/api/v1/changes", &served.approver).json();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["by"]), (1, &json!("telegram:3/p3")));
}
