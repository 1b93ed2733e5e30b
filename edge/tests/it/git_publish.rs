//! Commits that are made in our own copy and pushed: what arrives, byte by byte, and what a remote keeps out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anchorwatch_edge::git::{
    Author, CommitWords, FileToWrite, GitError, GitLocation, GitOptions, GitRepository, ObjectId, Push, PushError,
};

use crate::permits::permit;
use crate::repository::TestRepository;

/// A bare repository, and the copy that is pushed from.
struct Remote {
    shop: TestRepository,
    bare: std::path::PathBuf,
    repository: GitRepository,
    base: ObjectId,
}

impl Remote {
    async fn new() -> Self {
        let mut shop = TestRepository::new();
        shop.write("deploy/a.yaml", "a: 1\n");
        shop.write("deploy/b.yaml", "b: 1\r\n# größe\r\n");
        shop.write("run.sh", "#!/bin/sh\n");
        fs::set_permissions(shop.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        shop.link("deploy/link.yaml", "a.yaml");
        let base = shop.commit("one").parse().unwrap();
        shop.git(&["tag", "v1"]);
        let bare = shop.bare_copy("shop.git");
        let repository = copy(&bare, &shop.scratch()).await;
        Self { shop, bare, repository, base }
    }

    /// What Git says in the remote.
    fn git(&self, args: &[&str]) -> String {
        self.shop.git(&[&["--git-dir", self.bare.to_str().unwrap()], args].concat())
    }

    fn tip(&self, branch: &str) -> String {
        self.git(&["rev-parse", &format!("refs/heads/{branch}")])
    }

    async fn commit(&self, path: &str, text: &str) -> ObjectId {
        self.repository.commit(&self.base, &[file(path, Some("a: 1\n"), text)], &words()).await.unwrap()
    }

    async fn push(&self, commit: &ObjectId, branch: &str, lease: Option<&ObjectId>) -> Result<(), PushError> {
        let push = Push { commit: commit.clone(), branch: branch.to_owned(), lease: lease.cloned() };
        self.repository.push(permit(self.repository.name(), branch, commit), &push).await
    }

    fn hook(&self, name: &str, script: &str) {
        let path = self.bare.join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

async fn copy(bare: &Path, scratch: &Path) -> GitRepository {
    let location: GitLocation = bare.to_str().unwrap().parse().unwrap();
    let options = GitOptions { personal: false, ..GitOptions::default() };
    GitRepository::open_to_push(&location, options, scratch).await.unwrap()
}

fn file(path: &str, before: Option<&str>, after: &str) -> FileToWrite {
    let bytes = |text: &str| text.as_bytes().to_vec();
    FileToWrite { path: path.to_owned(), before: before.map(bytes), after: bytes(after) }
}

fn words() -> CommitWords {
    CommitWords {
        author: "Anchor Watch <watch@example.com>".parse().unwrap(),
        time: 1_800_000_000,
        message: "Adopt\n\nAnchorwatch-Plan: 0815\n".to_owned(),
        signing_key: None,
    }
}

#[tokio::test]
async fn a_commit_has_what_was_written_and_all_else_as_it_was() {
    let remote = Remote::new().await;
    let files = [
        file("deploy/b.yaml", Some("b: 1\r\n# größe\r\n"), "b: 2\r\n# größe\r\n"),
        file("run.sh", Some("#!/bin/sh\n"), "#!/bin/sh\ntrue\n"),
        file("deploy/new/c.yaml", None, "c: 1"),
    ];
    let commit = remote.repository.commit(&remote.base, &files, &words()).await.unwrap();
    // Whoever does it again does the same.
    assert_eq!(remote.repository.commit(&remote.base, &files, &words()).await.unwrap(), commit);
    remote.push(&commit, "anchorwatch/one", None).await.unwrap();
    assert_eq!(remote.tip("anchorwatch/one"), commit.as_str());
    assert_eq!(
        remote.git(&["diff-tree", "-r", "--name-status", remote.base.as_str(), commit.as_str()]),
        "M\tdeploy/b.yaml\nA\tdeploy/new/c.yaml\nM\trun.sh"
    );
    assert_eq!(remote.git(&["cat-file", "-p", &format!("{commit}:deploy/b.yaml")]), "b: 2\r\n# größe");
    assert!(remote.git(&["ls-tree", commit.as_str(), "run.sh"]).starts_with("100755 "));
    let said = remote.git(&["log", "-1", "--format=%an <%ae> %at|%cn <%ce> %ct|%P|%B", commit.as_str()]);
    let by = "Anchor Watch <watch@example.com> 1800000000";
    assert_eq!(said, format!("{by}|{by}|{}|Adopt\n\nAnchorwatch-Plan: 0815", remote.base));
    assert_eq!(remote.repository.trailer(&commit, "Anchorwatch-Plan").await.unwrap().as_deref(), Some("0815"));
    assert_eq!(remote.repository.trailer(&remote.base, "Anchorwatch-Plan").await.unwrap(), None);
    assert_eq!(remote.repository.remote_tip("anchorwatch/one").await.unwrap(), Some(commit.clone()));
    assert_eq!(remote.repository.remote_tip("one").await.unwrap(), None);
    assert!(remote.repository.is_within(&remote.base, &commit).await.unwrap());
    assert!(!remote.repository.is_within(&commit, &remote.base).await.unwrap());
    let later = CommitWords { time: 1_800_000_099, ..words() };
    let again = remote.repository.commit(&remote.base, &files, &later).await.unwrap();
    assert!(again != commit && remote.repository.is_same(&again, &commit).await.unwrap());
    assert!(!remote.repository.is_same(&again, &remote.base).await.unwrap());
}

#[tokio::test]
async fn the_branch_is_the_one_that_is_followed_and_no_tag_or_commit() {
    let remote = Remote::new().await;
    for (revision, expected) in [
        (None, Some("main")),
        (Some("main"), Some("main")),
        (Some("refs/heads/main"), Some("main")),
        (Some("v1"), None),
        (Some(remote.base.as_str()), None),
        (Some("nothing"), None),
    ] {
        assert_eq!(remote.repository.branch(revision).await.unwrap().as_deref(), expected, "{revision:?}");
    }
}

#[tokio::test]
async fn what_somebody_else_has_pushed_meanwhile_is_never_lost() {
    let remote = Remote::new().await;
    let theirs = remote.commit("deploy/a.yaml", "a: 3\n").await;
    let ours = remote.commit("deploy/a.yaml", "a: 2\n").await;
    remote.push(&theirs, "main", Some(&remote.base)).await.unwrap();
    remote.push(&theirs, "anchorwatch/one", None).await.unwrap();
    for (branch, lease) in [
        ("main", Some(&remote.base)),
        ("anchorwatch/one", None),
        ("anchorwatch/one", Some(&remote.base)),
        ("anchorwatch/gone", Some(&remote.base)),
    ] {
        let moved = remote.push(&ours, branch, lease).await.unwrap_err();
        assert!(matches!(moved, PushError::Moved { .. }), "{branch} {lease:?}: {moved:?}");
    }
    assert_eq!([remote.tip("main"), remote.tip("anchorwatch/one")], [theirs.to_string(), theirs.to_string()]);
    // Somebody who knows where it stands may put another one there.
    remote.push(&ours, "anchorwatch/one", Some(&theirs)).await.unwrap();
    assert_eq!(remote.tip("anchorwatch/one"), ours.as_str());
}

#[tokio::test]
async fn a_hook_and_a_read_only_remote_say_why_they_refuse() {
    let remote = Remote::new().await;
    let commit = remote.commit("deploy/a.yaml", "a: 2\n").await;
    for hook in ["pre-receive", "update"] {
        remote.hook(hook, "echo 'a review is asked for' >&2; exit 1");
        let refused = remote.push(&commit, "main", Some(&remote.base)).await.unwrap_err();
        assert!(matches!(&refused, PushError::Refused { .. }), "{refused:?}");
        let said = refused.to_string();
        assert!(said.contains("refuses the push to main") && said.contains("a review is asked for"), "{said}");
        fs::remove_file(remote.bare.join("hooks").join(hook)).unwrap();
    }
    assert_eq!(remote.tip("main"), remote.base.as_str());
    // What our side would have run is not run.
    remote.hook("pre-push", "exit 1");
    remote.push(&commit, "main", Some(&remote.base)).await.unwrap();
    let gone = remote.bare.with_extension("away");
    fs::rename(&remote.bare, &gone).unwrap();
    let lost = remote.push(&commit, "two", None).await.unwrap_err();
    assert!(matches!(&lost, PushError::Git(GitError::Push { .. })), "{lost:?}");
}

#[tokio::test]
async fn nothing_is_pushed_by_a_permit_for_something_else() {
    let remote = Remote::new().await;
    let (one, two) = (remote.commit("deploy/a.yaml", "a: 2").await, remote.commit("deploy/a.yaml", "a: 3").await);
    let push = Push { commit: two.clone(), branch: "two".to_owned(), lease: None };
    let name = remote.repository.name();
    for other in [permit(name, "two", &one), permit(name, "one", &two), permit("elsewhere", "two", &two)] {
        let refused = remote.repository.push(other, &push).await.unwrap_err();
        assert!(refused.to_string().contains("the permit is for another push"), "{refused}");
    }
    assert_eq!(remote.git(&["for-each-ref", "--format=%(refname)", "refs/heads"]), "refs/heads/main");
}

#[tokio::test]
async fn only_what_was_read_is_written_over_and_nothing_through_a_link() {
    let mut remote = Remote::new().await;
    remote.shop.write("v1/a.yaml", "a: 1\n");
    remote.shop.write("v1/b.yaml", "b: 1\n");
    remote.shop.link("current", "v1");
    let base: ObjectId = remote.shop.commit("links").parse().unwrap();
    remote.shop.git(&["push", "--quiet", remote.bare.to_str().unwrap(), "main"]);
    let repository = copy(&remote.bare, &remote.shop.scratch()).await;
    for (path, before, why) in [
        ("deploy/link.yaml", Some("a: 1\n"), "symbolic link"),
        ("current/a.yaml", Some("a: 1\n"), "symbolic link"),
        ("current/new.yaml", None, "symbolic link"),
        ("v1/a.yaml/b.yaml", None, "symbolic link"),
        ("v1/a.yaml", Some("a: 2\n"), "something else than was read"),
        ("v1/a.yaml", None, "something else than was read"),
        ("v1/new.yaml", Some("a: 1\n"), "something else than was read"),
    ] {
        let refused = repository.commit(&base, &[file(path, before, "a: 3\n")], &words()).await.unwrap_err();
        assert!(matches!(&refused, GitError::WriteFile { .. }), "{path}: {refused:?}");
        assert!(refused.to_string().contains(why), "{path}: {refused}");
    }
    // What Git passes over in silence, and what changes nothing.
    for files in [&[file("../a.yaml", None, "a")][..], &[file("v1/a.yaml", Some("a: 1\n"), "a: 1\n")]] {
        let refused = repository.commit(&base, files, &words()).await.unwrap_err();
        assert!(matches!(&refused, GitError::Ask { .. }), "{files:?}: {refused:?}");
    }
}

#[tokio::test]
async fn a_commit_is_signed_by_a_key_of_ssh() {
    let remote = Remote::new().await;
    let key = remote.shop.root().join("../key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "watch@example.com", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        use std::io::Write as _;
        writeln!(std::io::stderr(), "skipped: ssh-keygen is not installed").unwrap();
        return;
    }
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = remote.shop.root().join("../signers");
    fs::write(&signers, format!("watch@example.com {public}")).unwrap();
    let signed = CommitWords { signing_key: Some(key), ..words() };
    let commit = remote.repository.commit(&remote.base, &[file("a.yaml", None, "a")], &signed).await.unwrap();
    remote.push(&commit, "signed", None).await.unwrap();
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    remote.git(&["-c", &setting, "verify-commit", commit.as_str()]);
    let lost = CommitWords { signing_key: Some("/nowhere/key".into()), ..words() };
    let unsigned = remote.repository.commit(&remote.base, &[file("a.yaml", None, "a")], &lost).await;
    assert!(matches!(unsigned, Err(GitError::Ask { .. })), "{unsigned:?}");
}

#[test]
fn an_author_is_a_name_and_an_address() {
    let author: Author = "Ann Lee <ann@example.com>".parse().unwrap();
    assert_eq!((author.name.as_str(), author.to_string().as_str()), ("Ann Lee", "Ann Lee <ann@example.com>"));
    for bad in ["", "ann", "<a@b>", "Ann <>", "Ann <a@b> and more", "Ann\n <a@b>", "A <b> <c>"] {
        assert!(bad.parse::<Author>().is_err(), "{bad:?}");
    }
}
