//! Git ahead of the cluster: what an earlier commit said is not a person's doing.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::shop;
use crate::world::{Folder, World, text};

/// A real repository, a commit at a time.
pub(crate) struct Repository(Folder);

impl Repository {
    pub(crate) fn new() -> Self {
        let repository = Self(Folder::with(&[]));
        repository.git(&["init", "--quiet", "--initial-branch=main"], 0);
        repository
    }

    /// Commits these manifests as made so many minutes ago; gives the commit's id.
    pub(crate) fn commit(&self, minutes_ago: u64, manifests: &str) -> String {
        self.0.write("deploy/shop.yaml", manifests);
        self.git(&["add", "--all"], 0);
        self.git(&["commit", "--quiet", "--message=change"], minutes_ago);
        self.git(&["rev-parse", "HEAD"], 0)
    }

    fn git(&self, arguments: &[&str], minutes_ago: u64) -> String {
        let then = SystemTime::now().checked_sub(Duration::from_mins(minutes_ago)).unwrap();
        let time = format!("{} +0800", then.duration_since(UNIX_EPOCH).unwrap().as_secs());
        let mut command = Command::new("git");
        command.arg("-C").arg(self.0.path()).args(arguments);
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Alice Chen");
            command.env(format!("GIT_{role}_EMAIL"), "alice.chen@shop.example");
            command.env(format!("GIT_{role}_DATE"), &time);
        }
        // Nobody's own settings: signing, hooks, another default branch.
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let output = anchorwatch_testbed::run(command, b"", Duration::from_secs(30)).unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    }

    pub(crate) fn source(&self) -> String {
        format!("{}//deploy?ref=main", self.0.source())
    }
}

/// A cluster that has the first commit, and a second commit so many minutes old.
fn behind(world: &World, namespace: &str, minutes_ago: u64) -> (Repository, [String; 2]) {
    world.namespace(namespace);
    let before = shop::manifests(namespace);
    let repository = Repository::new();
    let first = repository.commit(600, &before);
    world.deliver_as_argo_cd(&before);
    let second = repository.commit(minutes_ago, &next(namespace));
    (repository, [first, second])
}

/// The next version: another image, a setting less, another object.
fn next(namespace: &str) -> String {
    let image = shop::manifests(namespace).replace("shop/web:1.4.2", "shop/web:1.5.0");
    let setting = image.replace("  level: info\n", "");
    format!(
        "{setting}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: new, namespace: {namespace}}}\ndata: {{a: b}}\n"
    )
}

#[test]
fn a_fresh_commit_that_was_not_applied_is_medium_and_names_the_commits() {
    let world = World::shared();
    let (repository, [first, second]) = behind(&world, "commit-fresh", 5);
    let scan = world.scan(repository.source());
    scan.finds(&[
        "medium stale ConfigMap/conf extra data.level by argocd-controller",
        "medium stale ConfigMap/new missing_object",
        "medium stale Deployment/web changed spec.template.spec.containers[name=web].image by argocd-controller",
    ]);
    let image = scan.at("spec.template.spec.containers[name=web].image");
    assert_eq!(image["rule"], "not-yet-applied");
    assert_eq!(image["was_in_git"]["commit"], first.as_str());
    assert_eq!(image["was_in_git"]["changed_in"], second.as_str());
    assert_eq!(image["source"]["commit"], second.as_str());
    let left_over = scan.at("data.level");
    assert_eq!(left_over["was_in_git"]["commit"], first.as_str());
}

#[test]
fn a_field_that_a_commit_added_is_late_if_nobody_delivered_since() {
    let world = World::shared();
    let (repository, _) = behind(&world, "commit-added", 600);
    world.deliver_as_argo_cd(&next("commit-added"));
    // Times in managedFields and in commits are whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let added = "value: info\n            - name: NEW\n              value: \"1\"\n";
    let second = repository.commit(0, &next("commit-added").replace("value: info\n", added));
    let scan = world.scan(repository.source());
    scan.finds(&["medium stale Deployment/web removed spec.template.spec.containers[name=web].env[name=NEW]"]);
    assert_eq!(scan.items().next().unwrap()["was_in_git"]["changed_in"], second.as_str());
}

#[test]
fn a_commit_that_was_not_applied_for_long_is_a_sync_that_is_stuck() {
    let world = World::shared();
    let (repository, _) = behind(&world, "commit-stuck", 20);
    let scan = world.scan(repository.source());
    scan.finds(&[
        "medium stale ConfigMap/conf extra data.level by argocd-controller",
        "high unknown ConfigMap/new missing_object",
        "high stale Deployment/web changed spec.template.spec.containers[name=web].image by argocd-controller",
    ]);
    assert_eq!(scan.at("spec.template.spec.containers[name=web].image")["rule"], "sync-stuck");
}

#[test]
fn once_the_commit_is_applied_nothing_is_left() {
    let world = World::shared();
    let (repository, _) = behind(&world, "commit-applied", 20);
    world.deliver_as_argo_cd(&next("commit-applied"));
    world.scan(repository.source()).finds(&[]);
}

#[test]
fn a_person_who_goes_back_to_an_earlier_image_is_no_sync_that_is_late() {
    let world = World::shared();
    let (repository, _) = behind(&world, "commit-back", 20);
    world.deliver_as_argo_cd(&next("commit-back"));
    world.alice("commit-back", &["set", "image", "deployment/web", "web=shop/web:1.4.2"]);
    world
        .scan(repository.source())
        .finds(&["high human Deployment/web changed spec.template.spec.containers[name=web].image by kubectl-set"]);
}

#[test]
fn what_git_gave_up_and_an_earlier_manager_keeps_is_left_over_from_git() {
    let world = World::shared();
    world.namespace("commit-left-over");
    let after = shop::manifests("commit-left-over");
    let before = after.replace("    app: web\nspec:\n  replicas", "    app: web\n    tier: front\nspec:\n  replicas");
    assert_ne!(before, after);
    let repository = Repository::new();
    let first = repository.commit(900, &before);
    world.deliver(&["apply", "--server-side", "--field-manager=argocd-application-controller"], &before);
    repository.commit(800, &after);
    world.deliver_as_argo_cd(&after);
    let scan = world.scan(repository.source());
    scan.finds(&["medium stale Deployment/web extra metadata.labels.tier by argocd-application-controller"]);
    assert_eq!(scan.at("metadata.labels.tier")["was_in_git"]["commit"], first.as_str());
}

#[test]
fn a_commit_that_moves_a_file_and_changes_it_is_late_like_any_other() {
    let world = World::shared();
    world.namespace("commit-moved");
    let before = shop::manifests("commit-moved");
    let repository = Repository::new();
    let first = repository.commit(600, &before);
    world.deliver_as_argo_cd(&before);
    std::fs::remove_file(repository.0.path().join("deploy/shop.yaml")).unwrap();
    repository.0.write("deploy/front/web.yaml", &before.replace("shop/web:1.4.2", "shop/web:1.5.0"));
    repository.git(&["add", "--all"], 0);
    repository.git(&["commit", "--quiet", "--message=move"], 5);
    let scan = world.scan(repository.source());
    scan.finds(&[
        "medium stale Deployment/web changed spec.template.spec.containers[name=web].image by argocd-controller",
    ]);
    assert_eq!(scan.items().next().unwrap()["was_in_git"]["commit"], first.as_str());
}

#[test]
fn secrets_and_client_side_applied_objects_can_be_late_too() {
    let world = World::shared();
    world.namespace("commit-csa");
    let before = shop::manifests("commit-csa");
    let repository = Repository::new();
    repository.commit(600, &before);
    world.deliver(&["apply"], &before);
    let after = before.replace("shop/web:1.4.2", "shop/web:1.5.0").replace("not-a-real-password", "nor-is-this");
    repository.commit(5, &after.replace("  level: info\n", ""));
    world.scan(repository.source()).finds(&[
        "medium stale ConfigMap/conf extra data.level by kubectl-client-side-apply",
        "medium stale Deployment/web changed spec.template.spec.containers[name=web].image by kubectl-client-side-apply",
        "medium stale Secret/db changed data.password by kubectl-client-side-apply",
    ]);
}
