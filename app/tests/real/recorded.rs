//! Recorded cases, made again on a real API server: adopted, Git is as the cluster; rolled back they are clean, and undone they are
//! as they were; and what was adopted, applied from Git, changes nothing that differs.
//!
//! `ANCHORWATCH_CASES=FOLDER` tries more of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::rollback::{json as answered, run, values};
use crate::world::{Folder, World, text};

/// How each way of delivering is spelled in a case.
const WAYS: &[(&str, &[&str])] = &[
    ("ssa", &["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller"]),
    ("flux", &["apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller"]),
    ("csa", &["apply"]),
    ("create", &["create"]),
];

struct Case {
    name: String,
    git: String,
    live: Vec<Value>,
    arguments: &'static [&'static str],
}

impl Case {
    fn read(folder: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let expected: Value = serde_json::from_str(&read("expected.json")?).unwrap();
        if expected["items"].as_array()?.is_empty() {
            return None;
        }
        let way = expected["applied_by"].as_str().unwrap_or("ssa");
        let name = folder.file_name()?.to_str()?.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        // Each case has a namespace of its own here.
        let recorded_in = expected["namespace"].as_str()?;
        let here = |text: String| {
            text.replace(&format!("namespace: {recorded_in}\n"), &format!("namespace: case-{name}\n"))
                .replace(&format!("\"namespace\": \"{recorded_in}\""), &format!("\"namespace\": \"case-{name}\""))
        };
        let live: Value = serde_json::from_str(&here(read("live.json")?)).unwrap();
        let live = live["items"].as_array().cloned().unwrap_or_else(|| vec![live]);
        Some(Self {
            git: here(read("git.yaml")?),
            name,
            live,
            arguments: WAYS.iter().find(|(name, _)| *name == way)?.1,
        })
    }
}

fn identity(object: &Value) -> (&str, &str) {
    (object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"].as_str().unwrap_or_default())
}

/// Makes the object in the cluster what was recorded, as a person would who edits it.
fn edit(world: &World, namespace: &str, recorded: &Value, name: (&str, &str)) -> Result<(), String> {
    let target = format!("{}/{}", name.0, name.1);
    let get = ["get", &target, "--namespace", namespace, "--output=json"];
    let got = world.kubectl_as(anchorwatch_testbed::Person::Admin, &get, "");
    let now: Value = serde_json::from_slice(&got.stdout).map_err(|_| text(&got.stderr))?;
    let mut wanted = recorded.clone();
    wanted.as_object_mut().unwrap().remove("status");
    let metadata = wanted["metadata"].as_object_mut().unwrap();
    for gone in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences"] {
        metadata.remove(gone);
    }
    metadata.insert("namespace".to_owned(), namespace.into());
    metadata.insert("resourceVersion".to_owned(), now["metadata"]["resourceVersion"].clone());
    // What the server has allocated here stays, and so does what its tools have noted.
    for path in ["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort"] {
        if let (Some(here), Some(there)) = (now.pointer(path), wanted.pointer_mut(path)) {
            *there = here.clone();
        }
    }
    let noted = "kubectl.kubernetes.io/last-applied-configuration";
    if let Some(note) = now["metadata"]["annotations"].get(noted) {
        wanted["metadata"]["annotations"][noted] = note.clone();
    }
    // Not by `kubectl replace`, which writes down what it is given as applied.
    let whole = json!([{"op": "replace", "path": "", "value": wanted}]).to_string();
    let patch = ["patch", &target, "--type=json", "--patch-file=/dev/stdin", "--field-manager=kubectl-edit"];
    let arguments = [&patch[..], &["--namespace", namespace]].concat();
    let output = world.kubectl_as(anchorwatch_testbed::Person::Alice, &arguments, &whole);
    if output.status.success() { Ok(()) } else { Err(text(&output.stderr)) }
}

/// Whether a webhook, which nobody answers for here, is asked about objects that other tests of this cluster create.
fn stops_others(object: &Value) -> bool {
    let items = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let groups = items(object, "webhooks").into_iter().flat_map(|webhook| items(&webhook, "rules"));
    groups
        .flat_map(|rule| items(&rule, "apiGroups"))
        .any(|group| !group.as_str().is_some_and(|name| name.ends_with(".example.com")))
}

/// What is wrong with one case, and what was left as it is; or why it cannot be made again here.
fn check(world: &World, case: &Case) -> Result<(Vec<String>, Vec<String>), String> {
    let namespace = format!("case-{}", case.name);
    world.namespace(&namespace);
    let arguments = [case.arguments, &["--namespace", &namespace, "-f", "-"]].concat();
    if case.git.contains("kind: CustomResourceDefinition") && case.arguments[0] == "create" {
        return Err("its kind is defined already".to_owned());
    }
    let objects: Vec<Value> = serde_saphyr::from_multiple(&case.git).map_err(|error| error.to_string())?;
    if objects.iter().any(stops_others) {
        return Err("its webhook would refuse what other tests create: give it a kind that nobody has".to_owned());
    }
    let delivered = world.kubectl_as(anchorwatch_testbed::Person::Admin, &arguments, &case.git);
    if !delivered.status.success() {
        return Err(text(&delivered.stderr));
    }
    let git = Folder::with(&[("git.yaml", &case.git)]);
    // managedFields know seconds: who edits in the one in which an object is made could be taken for who made it.
    std::thread::sleep(Duration::from_millis(1100));
    // The cluster has one definition of a kind, and other cases use it.
    for object in objects.iter().filter(|object| object["kind"] != "CustomResourceDefinition") {
        let name = identity(object);
        if let Some(recorded) = case.live.iter().find(|live| identity(live) == name) {
            edit(world, &namespace, recorded, name)?;
        } else {
            let delete = ["delete", &format!("{}/{}", name.0, name.1), "--namespace", &namespace];
            world.kubectl_as(anchorwatch_testbed::Person::Alice, &delete, "");
        }
    }
    let state = Folder::with(&[]);
    let scan = || world.scan_as(anchorwatch_testbed::Person::Admin, git.source(), &["--namespace", &namespace]);
    let before: Vec<Value> = scan().items().cloned().collect();
    if before.is_empty() {
        return Err("nothing differs here".to_owned());
    }
    let (mut faults, mut refused) = (Vec::new(), Vec::new());
    let adopted = adopt(world, case, &state, &mut faults);
    let source = git.source();
    let all = ["rollback", "--all", "--source", &source, "--namespace", &namespace, "--output=json", "--yes"];
    let output = run(world, &state, &all);
    let Ok(done) = serde_json::from_slice::<Value>(&output.stdout) else {
        return Ok((vec![format!("no answer: {}", text(&output.stderr))], refused));
    };
    let left: Vec<Value> = done["left"].as_array().unwrap().iter().map(|left| left["item"].clone()).collect();
    let reasons: Vec<&Value> = done["left"].as_array().unwrap().iter().map(|left| &left["reason"]).collect();
    for step in done["done"]["steps"].as_array().into_iter().flatten().filter(|step| step["state"] != "proven") {
        faults.push(format!("{step}"));
    }
    let after: Vec<Value> = scan().items().cloned().collect();
    if values(&after) != values(&left) {
        faults.push(format!("left {:?} for {reasons:?}, and still differs {:?}", values(&left), values(&after)));
    } else if !left.is_empty() {
        refused.push(format!("{:?}: {reasons:?}", values(&left)));
    }
    if let Some(change) = done["done"]["change_id"].as_str() {
        let output = run(world, &state, &["undo", change, "--yes", "--output=json"]);
        if output.status.code() != Some(0) {
            let is_secret = text(&output.stderr).contains("not kept");
            if !is_secret {
                faults.push(format!("undo: {} {}", text(&output.stdout), text(&output.stderr)));
            }
            return Ok((faults, refused));
        }
        answered(&output, 0);
        let again: Vec<Value> = scan().items().cloned().collect();
        if values(&again) != values(&before) {
            faults.push(format!("undone: {:?}, before {:?}", values(&again), values(&before)));
        }
    }
    if case.arguments[0] == "apply"
        && let Some(Adopted { git, left }) = adopted
    {
        let text = fs::read_to_string(git.path().join("git.yaml")).unwrap();
        let applied = world.kubectl_as(anchorwatch_testbed::Person::Admin, &arguments, &text);
        let items = world.scan_as(anchorwatch_testbed::Person::Admin, git.source(), &["--namespace", &namespace]);
        let after: Vec<Value> = items.items().cloned().collect();
        let is_new = |value: &&String| !values(&left).contains(value);
        if !applied.status.success() || values(&after).iter().any(|value| is_new(&value)) {
            faults.push(format!("applied from Git: {} {:?}", self::text(&applied.stderr), values(&after)));
        }
    }
    Ok((faults, refused))
}

/// What Git says once it is adopted, and what was left as it is.
struct Adopted {
    git: Folder,
    left: Vec<Value>,
}

/// Adopts all that differs into a copy of what Git says, which then differs in what was left alone.
fn adopt(world: &World, case: &Case, state: &Folder, faults: &mut Vec<String>) -> Option<Adopted> {
    let namespace = format!("case-{}", case.name);
    let git = Folder::with(&[("git.yaml", &case.git)]);
    let source = git.source();
    let all = ["adopt", "--all", "--source", &source, "--namespace", &namespace, "--output=json", "--yes"];
    let output = run(world, state, &all);
    let Ok(done) = serde_json::from_slice::<Value>(&output.stdout) else {
        faults.push(format!("adopt gave no answer: {}", text(&output.stderr)));
        return None;
    };
    let left: Vec<Value> = done["left"].as_array().unwrap().iter().map(|left| left["item"].clone()).collect();
    let is_of_secret = |name: &str| name.starts_with("secret-");
    let is_left = |kind: &str| left.iter().any(|item| item["resource_kind"] == kind);
    if is_of_secret(&case.name) && !is_left("Secret") {
        faults.push(format!("adopted of a Secret: {done}"));
    }
    let after = world.scan_as(anchorwatch_testbed::Person::Admin, git.source(), &["--namespace", &namespace]);
    let after: Vec<Value> = after.items().cloned().collect();
    if values(&after) != values(&left) {
        let reasons: Vec<&Value> = done["left"].as_array().unwrap().iter().map(|left| &left["reason"]).collect();
        faults.push(format!("adopted, left {:?} for {reasons:?}, and differs {:?}", values(&left), values(&after)));
    }
    Some(Adopted { git, left })
}

#[test]
fn recorded_cases_are_rolled_back_and_undone() {
    let world = World::shared();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/cases/drift");
    let more = std::env::var_os("ANCHORWATCH_CASES").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = [Some(own), more]
        .into_iter()
        .flatten()
        .flat_map(|root| fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    folders.sort();
    let cases: Vec<Case> = folders.iter().filter_map(|folder| Case::read(folder)).collect();
    let (mut tried, mut faults, mut refused, mut not_here) = (0, Vec::new(), Vec::new(), Vec::new());
    for case in &cases {
        match check(&world, case) {
            Ok((found, left)) => {
                tried += 1;
                let named = |fault: String| format!("{}: {fault}", case.name);
                faults.extend(found.into_iter().map(named));
                refused.extend(left.into_iter().map(named));
            }
            Err(why) => not_here.push(format!("{}: {}", case.name, why.trim())),
        }
    }
    let report = json!({"tried": tried, "faults": faults, "refused": refused, "not_here": not_here});
    assert!(faults.is_empty() && tried > 4 * not_here.len(), "{report:#}");
}
