//! The service rolls back what a source's `write` allows, for whoever may, and is not told of it again.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anchorwatch_testbed::{Answer, Chat, Person, Service};
use serde_json::{Value, json};

use crate::edits::WAYS;
use crate::world::{Folder, World, until};

const ROLLBACK: &str = "/api/v1/drift/rollback";

pub(crate) struct Writing {
    pub(crate) service: Service,
    pub(crate) folder: Folder,
    pub(crate) approver: String,
    pub(crate) operator: String,
    pub(crate) viewer: String,
}

fn program(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(arguments).env_clear().env("HOME", folder.path()).current_dir(folder.path());
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("ANCHORWATCH_LEASE_SECONDS", "2");
    anchorwatch_testbed::remember(&mut command, &folder.path()).unwrap();
    command
}

impl Writing {
    /// The shop, delivered by Flux, and a service that may write there what `write` says.
    pub(crate) fn start(world: &World, namespace: &str, write: &str) -> Self {
        Self::start_with(world, namespace, (write, "unmanaged: false"), "")
    }

    /// The same, with something more said of the source, and beside it.
    pub(crate) fn start_with(world: &World, namespace: &str, said: (&str, &str), beside: &str) -> Self {
        Self::start_having(world, namespace, said, |_| beside.to_owned())
    }

    /// The same, where what is said beside it needs files.
    fn start_having(
        world: &World,
        namespace: &str,
        (write, more): (&str, &str),
        beside: impl FnOnce(&Folder) -> String,
    ) -> Self {
        let folder = WAYS[1].deliver(world, namespace);
        let beside = beside(&folder);
        fs::create_dir(folder.path().join("git")).unwrap();
        fs::rename(folder.path().join("shop.yaml"), folder.path().join("git/shop.yaml")).unwrap();
        let kubeconfig = world.plane.kubeconfig(Person::Admin);
        let config = format!(
            "listen: 127.0.0.1:0\nclusters:\n- {{name: lab, kubeconfig: {}}}\nsources:\n\
             - {{name: shop, cluster: lab, address: git, watch: false, write: {write}, {more}}}\n{beside}",
            kubeconfig.display()
        );
        folder.write("anchorwatch.yaml", &config);
        let service = Self::serve(&folder, "");
        let token = |role: &str| {
            let made =
                program(&folder, &["token", "create", role, "--role", role, "--config", "anchorwatch.yaml"]).output();
            String::from_utf8(made.unwrap().stdout).unwrap().trim().to_owned()
        };
        let (approver, operator, viewer) = (token("approver"), token("operator"), token("viewer"));
        Self { service, folder, approver, operator, viewer }
    }

    fn serve(folder: &Folder, fail_points: &str) -> Service {
        let mut serve = program(folder, &["serve", "--config", "anchorwatch.yaml"]);
        serve.env("ANCHORWATCH_FAIL_POINTS", fail_points);
        Service::start("anchorwatch", serve, &folder.path().join("log")).unwrap()
    }

    /// Scans, and gives the fingerprints of the items at these paths.
    pub(crate) fn scanned(&self, paths: &[&str]) -> Vec<String> {
        let scanned = self.service.post("/api/v1/drift/scan", &self.approver, &json!({}));
        assert_eq!(scanned.status, 200, "{}", scanned.text);
        let items = self.items("pending");
        let at = |path: &&str| items.iter().find(|item| item["stable_path"] == **path).unwrap();
        paths.iter().map(|path| at(path)["fingerprint"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn items(&self, status: &str) -> Vec<Value> {
        let listed = self.service.get(&format!("/api/v1/drift/items?status={status}"), &self.approver).json();
        listed["items"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn roll_back(&self, token: &str, body: &Value) -> Answer {
        self.service.post(ROLLBACK, token, body)
    }
}

/// The hash of the plan that a page shows.
pub(crate) fn hash_of(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("name=\"plan_hash\" value=\"").expect("it shows a plan");
    rest[..64].to_owned()
}

const IMAGE: &str = "spec.template.spec.containers[name=web].image";

#[test]
fn a_plan_is_looked_at_confirmed_done_remembered_and_taken_back() {
    let world = World::shared();
    let writing = Writing::start(&world, "rb-served", "{kinds: [Deployment, ConfigMap]}");
    world.alice("rb-served", &["set", "image", "deployment/web", "web=shop/web:9"]);
    world.alice("rb-served", &["label", "configmap/conf", "by=hand"]);
    world.alice("rb-served", &["annotate", "service/web", "example.com/note=1"]);
    let items = writing.scanned(&[IMAGE, "metadata.labels.by", "metadata.annotations[\"example.com/note\"]"]);
    let image = || {
        world.kubectl(&[
            "get",
            "deployment/web",
            "-n=rb-served",
            "-o=jsonpath={.spec.template.spec.containers[0].image}",
        ])
    };

    assert_eq!(writing.roll_back(&writing.viewer, &json!({"items": items})).status, 403);
    assert_eq!(writing.roll_back(&writing.operator, &json!({})).status, 422);
    assert_eq!(writing.roll_back(&writing.operator, &json!({"items": ["0"]})).status, 404);
    let planned = writing.roll_back(&writing.operator, &json!({"items": items}));
    assert_eq!(planned.status, 200, "{}", planned.text);
    let planned = planned.json();
    assert_eq!(planned["done"], Value::Null);
    assert_eq!(planned["plan"]["changes"].as_array().unwrap().len(), 2, "{planned:#}");
    // A Service may not be written.
    assert!(planned["left"][0]["reason"].as_str().unwrap().contains("`write` does not name it"), "{planned:#}");
    let hash = &planned["plan"]["plan_hash"];
    // What is HIGH takes an approver, and what nobody has looked at is not done.
    assert_eq!(writing.roll_back(&writing.operator, &json!({"items": items, "plan_hash": hash})).status, 403);
    let other = writing.roll_back(&writing.approver, &json!({"items": items, "plan_hash": "0".repeat(64)}));
    assert_eq!((other.status, &other.json()["plan"]["plan_hash"]), (409, hash), "{}", other.text);
    assert_eq!(image(), "shop/web:9");

    let done = writing.roll_back(&writing.approver, &json!({"items": items, "plan_hash": hash}));
    assert_eq!(done.status, 200, "{}", done.text);
    let done = done.json();
    assert!(done["done"]["steps"].as_array().unwrap().iter().all(|step| step["state"] == "proven"), "{done:#}");
    assert_eq!((image().as_str(), writing.items("rolled_back").len()), ("shop/web:1.4.2", 2));
    let listed = writing.service.get("/api/v1/changes", &writing.viewer).json();
    assert_eq!((&listed["items"][0]["by"], &listed["items"][0]["steps"]), (&json!("approver"), &done["done"]["steps"]));

    let change = done["done"]["change_id"].as_str().unwrap();
    let path = format!("/api/v1/changes/{change}/undo");
    let planned = writing.service.post(&path, &writing.approver, &json!({})).json();
    let undone = writing.service.post(&path, &writing.approver, &json!({"plan_hash": planned["plan_hash"]}));
    assert_eq!(undone.status, 200, "{}", undone.text);
    assert_eq!((image().as_str(), undone.json()["done"]["steps"][0]["state"].as_str()), ("shop/web:9", Some("proven")));
    assert_eq!(writing.scanned(&[IMAGE]), items[..1], "it is the same item, and back");
    let listed = writing.service.get("/api/v1/changes", &writing.viewer).json();
    assert_eq!(listed["items"][0]["undoes"], change);
}

#[test]
fn the_command_line_has_a_service_roll_back_and_undo() {
    let world = World::shared();
    let writing = Writing::start(&world, "rb-asked", "{kinds: [Deployment]}");
    world.alice("rb-asked", &["set", "image", "deployment/web", "web=shop/web:9"]);
    world.alice("rb-asked", &["annotate", "service/web", "example.com/note=1"]);
    let items = writing.scanned(&[IMAGE]);
    let image = || {
        let path = "-o=jsonpath={.spec.template.spec.containers[0].image}";
        world.kubectl(&["get", "deployment/web", "-n=rb-asked", path])
    };
    let ask = |token: &str, arguments: &[&str]| {
        writing.folder.write("token", token);
        let asking = ["--server", writing.service.url(), "--token-file", "token", "--lang", "en"];
        let output = program(&writing.folder, &[arguments, &asking].concat()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };

    let (code, planned, _) = ask(&writing.operator, &["rollback", "--all", "--dry-run"]);
    assert_eq!(code, Some(1), "a Service may not be written");
    for shown in ["Rollback of 1 field in 1 object", "shop/web:9", "shop/web:1.4.2", "`write` does not name it"] {
        assert!(planned.contains(shown), "{shown:?} is not in {planned}");
    }
    let (code, _, said) = ask(&writing.operator, &["rollback", "Deployment/web:image", "--yes"]);
    assert!(code == Some(2) && said.contains("it takes the role approver"), "{said}");
    assert_eq!(image(), "shop/web:9");

    let (code, done, said) = ask(&writing.approver, &["rollback", "Deployment/web:image", "-n", "rb-asked", "--yes"]);
    assert_eq!((code, image().as_str()), (Some(0), "shop/web:1.4.2"), "{done}{said}");
    let (_, change) = done.split_once("Take it back with: anchorwatch undo ").unwrap();
    let (change, address) = change.trim().split_once(" --server ").unwrap();
    assert_eq!(address, writing.service.url());
    let (code, planned, said) = ask(&writing.approver, &["undo", &change[..30], "--dry-run"]);
    assert!(code == Some(0) && planned.contains("Takes back 1 field in 1 object"), "{planned}{said}");
    let (code, done, said) = ask(&writing.approver, &["undo", change, "--yes", "-o", "json"]);
    assert_eq!((code, image().as_str()), (Some(0), "shop/web:9"), "{done}{said}");
    let done: Value = serde_json::from_str(&done).unwrap();
    assert_eq!((&done["done"]["undoes"], &done["done"]["steps"][0]["state"]), (&json!(change), &json!("proven")));
    assert_eq!(writing.scanned(&[IMAGE]), items, "it is the same item, and back");
}

#[test]
fn an_approver_rolls_back_from_telegram_what_they_were_shown() {
    let world = World::shared();
    let chat = Chat::start().unwrap();
    let beside = chat.settings("bot.token", &[1], &[3]);
    let writing = Writing::start_having(&world, "rb-telegram", ("true", "unmanaged: false"), |folder| {
        folder.write("bot.token", "42:hidden");
        beside
    });
    world.alice("rb-telegram", &["set", "image", "deployment/web", "web=shop/web:9"]);
    writing.scanned(&[IMAGE]);
    // Files on disk get no commit.
    let sent = chat.message(0);
    assert_eq!(Chat::labels(&sent), ["Acknowledge", "Ignore…", "Roll back…"]);
    let roll_back = Chat::data(&sent, "Roll back…");
    assert_eq!(chat.press(3, &roll_back), "Look at the plan, and confirm it or cancel.");
    let shown = chat.message(1);
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains("\nRolling back writes 1 field to the cluster, as Git says: HIGH×1.\n"), "{text}");
    assert!(text.contains("\nHIGH spec.template.spec.containers[0].image\n") && !text.contains("shop/web:"), "{text}");
    let said = chat.press(3, &Chat::data(&shown, "Confirm"));
    assert!(said.starts_with("Rollback, confirmed by p3: as it was to be. Change "), "{said}");
    let settled = chat.message(3);
    assert!(settled["text"].as_str().unwrap().contains(&said), "{settled:#}");
    assert_eq!(Chat::labels(&settled), [""; 0]);
    let image = ["get", "deployment/web", "-n=rb-telegram", "-o=jsonpath={.spec.template.spec.containers[0].image}"];
    assert_eq!((world.kubectl(&image).as_str(), writing.items("rolled_back").len()), ("shop/web:1.4.2", 1));
    let listed = writing.service.get("/api/v1/changes", &writing.viewer).json();
    assert_eq!(listed["items"][0]["by"], "telegram:3/p3");
    assert_eq!(chat.press(3, &roll_back), "Somebody has dealt with it already.");
}

#[test]
fn without_write_nothing_is_written() {
    let world = World::shared();
    let writing = Writing::start(&world, "rb-readonly", "false");
    world.alice("rb-readonly", &["set", "image", "deployment/web", "web=shop/web:9"]);
    let items = writing.scanned(&[IMAGE]);
    let refused = writing.roll_back(&writing.approver, &json!({"items": items}));
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("is not written"), "{}", refused.text);
}

#[test]
fn what_a_service_that_was_killed_has_left_is_finished_by_the_next() {
    let world = World::shared();
    for (moment, is_written) in [("rollback-intended", false), ("rollback-sent", true), ("rollback-owned", true)] {
        let namespace = format!("rb-died-{moment}");
        let mut writing = Writing::start(&world, &namespace, "true");
        world.alice(&namespace, &["set", "image", "deployment/web", "web=shop/web:9"]);
        let items = writing.scanned(&[IMAGE]);
        let hash = writing.roll_back(&writing.approver, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
        let folder = &writing.folder;
        drop(std::mem::replace(&mut writing.service, Writing::serve(folder, &format!("{moment}:abort"))));
        let asking = json!({"items": items, "plan_hash": hash}).to_string();
        let bearer = format!("Bearer {}", writing.approver);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        assert!(writing.service.try_ask("POST", ROLLBACK, &headers, &asking).is_err(), "{moment}");
        drop(std::mem::replace(&mut writing.service, Writing::serve(folder, "")));
        let expected = if is_written { "proven" } else { "not_written" };
        until("what was left is looked after", || {
            let listed = writing.service.get("/api/v1/changes", &writing.viewer).json();
            listed["items"][0]["steps"][0]["state"] == expected
        });
        until("the item says so", || writing.items("rolled_back").len() == usize::from(is_written));
        let image = [
            "get",
            "deployment/web",
            "-o=jsonpath={.spec.template.spec.containers[0].image}",
            "--namespace",
            &namespace,
        ];
        assert_eq!(world.kubectl(&image), if is_written { "shop/web:1.4.2" } else { "shop/web:9" });
    }
}

#[test]
fn an_undo_that_was_killed_is_finished_and_leaves_open_what_it_brought_back() {
    let world = World::shared();
    let mut writing = Writing::start(&world, "rb-undo-died", "true");
    world.alice("rb-undo-died", &["set", "image", "deployment/web", "web=shop/web:9"]);
    let items = writing.scanned(&[IMAGE]);
    let hash = writing.roll_back(&writing.approver, &json!({"items": items})).json()["plan"]["plan_hash"].clone();
    let done = writing.roll_back(&writing.approver, &json!({"items": items, "plan_hash": hash})).json();
    let path = format!("/api/v1/changes/{}/undo", done["done"]["change_id"].as_str().unwrap());
    let hash = writing.service.post(&path, &writing.approver, &json!({})).json()["plan_hash"].clone();

    drop(std::mem::replace(&mut writing.service, Writing::serve(&writing.folder, "undo-written:abort")));
    let bearer = format!("Bearer {}", writing.approver);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let asking = json!({"plan_hash": hash}).to_string();
    assert!(writing.service.try_ask("POST", &path, &headers, &asking).is_err());
    drop(std::mem::replace(&mut writing.service, Writing::serve(&writing.folder, "")));
    assert_eq!(writing.scanned(&[IMAGE]), items);
    until("the undo is looked after", || {
        let listed = writing.service.get("/api/v1/changes", &writing.viewer).json();
        listed["items"][0]["undoes"].is_string() && listed["items"][0]["steps"][0]["state"] == "proven"
    });
    // Items are settled in the moment after.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((writing.items("rolled_back").len(), writing.items("pending").len()), (0, 1));
}

#[test]
fn the_page_shows_the_plan_has_it_confirmed_and_takes_it_back() {
    let world = World::shared();
    let writing = Writing::start(&world, "rb-page", "{kinds: [Deployment]}");
    world.alice("rb-page", &["set", "image", "deployment/web", "web=shop/web:9"]);
    world.alice("rb-page", &["annotate", "service/web", "example.com/note=1"]);
    let items = writing.scanned(&[IMAGE, "metadata.annotations[\"example.com/note\"]"]);
    let ask = |token: &str, method: &str, path: &str, body: &str| writing.service.page(method, path, token, body);
    let item = format!("/items/{}", items[0]);
    assert!(ask(&writing.operator, "GET", &item, "").text.contains("id=\"rollback\""));
    for (token, path) in [(&writing.viewer, &item), (&writing.approver, &format!("/items/{}", items[1]))] {
        assert!(!ask(token, "GET", path, "").text.contains("id=\"rollback\""), "{path}");
    }
    let path = format!("{item}/rollback");
    let plan = ask(&writing.operator, "GET", &path, "");
    assert!(plan.text.contains("shop/web:9") && plan.text.contains("shop/web:1.4.2"), "{}", plan.text);
    assert!(!plan.text.contains("id=\"confirm\""), "it is HIGH, and an operator looks");
    let plan = ask(&writing.approver, "GET", &path, "");
    assert!(plan.text.contains("id=\"confirm\""), "{}", plan.text);
    let another = ask(&writing.approver, "POST", &path, &format!("plan_hash={}", "0".repeat(64)));
    assert!(another.text.contains("nothing was written"), "{}", another.text);
    let done = ask(&writing.approver, "POST", &path, &format!("plan_hash={}", hash_of(&plan)));
    assert_eq!(done.status, 303, "{}", done.text);
    let change = done.header("location").unwrap().to_owned();
    let shown = ask(&writing.approver, "GET", &change, "");
    assert!(shown.text.contains("as it was to be") && shown.text.contains("id=\"undo\""), "{}", shown.text);
    assert!(!ask(&writing.viewer, "GET", &change, "").text.contains("id=\"undo\""));
    let undone = ask(&writing.approver, "POST", &format!("{change}/undo"), &format!("plan_hash={}", hash_of(&shown)));
    assert_eq!(undone.status, 303, "{}", undone.text);
    let listed = ask(&writing.viewer, "GET", "/changes?lang=zh-TW", "");
    assert_eq!(listed.status, 303);
    let listed = ask(&writing.viewer, "GET", "/changes", "").text;
    assert!(listed.contains("Taken back") && listed.contains("Rolled back"), "{listed}");
}
