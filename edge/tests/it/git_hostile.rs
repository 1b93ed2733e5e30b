//! A repository whose configuration runs programs, wherever Git would let it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anchorwatch_edge::git::GitError;

use crate::repository::{TestRepository, at};

/// Sets every trap we know of; each leaves a file behind when it is sprung.
fn set_traps(shop: &TestRepository) -> std::path::PathBuf {
    let sprung = shop.root().with_file_name("sprung");
    let trap = shop.root().with_file_name("trap.sh");
    fs::write(&trap, format!("#!/bin/sh\necho \"$0 $@\" >> {}\n", sprung.display())).unwrap();
    fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
    let trap_path = trap.to_str().unwrap();
    let git = shop.root().join(".git");
    for hook in ["reference-transaction", "post-index-change", "post-checkout", "pre-auto-gc", "fsmonitor-watchman"] {
        fs::copy(&trap, git.join("hooks").join(hook)).unwrap();
    }
    for name in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "core.askPass",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "gpg.program",
        "gpg.ssh.program",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "filter.lfs.smudge",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "remote.origin.uploadpack",
        "pager.log",
        "pager.ls-tree",
        "interactive.diffFilter",
        "alias.ls-tree",
        "alias.cat-file",
    ] {
        let value = if name.starts_with("alias") { format!("!{trap_path}") } else { trap_path.to_owned() };
        shop.git(&["config", name, &value]);
    }
    shop.git(&["config", "log.showSignature", "true"]);
    shop.git(&["config", "core.hooksPath", git.join("hooks").to_str().unwrap()]);
    sprung
}

#[tokio::test]
async fn nothing_in_a_repository_is_executed() {
    let mut shop = TestRepository::new();
    shop.write(".gitattributes", "* diff=evil filter=evil\n");
    shop.write("a.yaml", "a: 1");
    shop.commit("one");
    shop.write("a.yaml", "a: 2");
    // A signature, so that somebody could want to look at it.
    let body = shop.git(&["cat-file", "commit", "HEAD"]);
    let signed =
        body.replacen("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\n", 1);
    shop.commit("two");
    let id = shop.git_with(&["hash-object", "-t", "commit", "-w", "--stdin"], signed.as_bytes());
    shop.git(&["update-ref", "refs/heads/signed", &id]);
    let sprung = set_traps(&shop);
    for revision in ["main", "signed"] {
        let (repository, commit) = shop.at(revision).await;
        repository.read_tree(&commit, &at("")).await.unwrap();
        repository.names(&commit, &at("")).await.unwrap();
        repository.history(&commit, &at("")).changes_of("a.yaml").await.unwrap();
        repository.export(&commit, &at(""), &shop.scratch()).await.unwrap();
        repository.resolve(Some("nothing")).await.unwrap_err();
    }
    assert!(!sprung.exists(), "{}", fs::read_to_string(&sprung).unwrap());
    shop.git(&["log", "-1", "signed"]);
    assert!(sprung.exists(), "the traps are no traps");
}

#[tokio::test]
async fn a_missing_object_is_not_fetched_the_way_the_repository_says() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    shop.commit("one");
    let blob = shop.git(&["rev-parse", "HEAD:a.yaml"]);
    fs::remove_file(shop.root().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let sprung = set_traps(&shop);
    for url in ["ssh://host/x.git", "file:///tmp", "ext::touch"] {
        for (name, value) in [
            ("core.repositoryformatversion", "1"),
            ("extensions.partialClone", "origin"),
            ("remote.origin.promisor", "true"),
            ("remote.origin.url", url),
            ("protocol.allow", "always"),
        ] {
            shop.git(&["config", name, value]);
        }
        let (repository, commit) = shop.at("main").await;
        let error = repository.read_tree(&commit, &at("")).await.unwrap_err();
        assert!(matches!(&error, GitError::ReadObject { path, .. } if path == "a.yaml"), "{error:?}");
        assert!(!sprung.exists(), "{url}: {}", fs::read_to_string(&sprung).unwrap());
    }
    shop.git(&["config", "remote.origin.url", "ssh://host/x.git"]);
    shop.git_fails(&["cat-file", "blob", &blob]);
    assert!(sprung.exists(), "the traps are no traps");
}

#[tokio::test]
async fn replaced_commits_are_read_as_they_were() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "a: 1");
    let first = shop.commit("one");
    shop.write("a.yaml", "a: 2");
    let second = shop.commit("two");
    shop.git(&["replace", &second, &first]);
    let (repository, commit) = shop.at("main").await;
    assert_eq!(repository.read_tree(&commit, &at("")).await.unwrap().files[0].bytes, b"a: 2");
}
