//! Commits written out for renderers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anchorwatch_edge::files::{LinkFault, SkipReason, Skipped};
use anchorwatch_edge::git::GitError;

use crate::repository::{TestRepository, at};

#[tokio::test]
async fn the_whole_tree_is_written_read_only_and_goes_away() {
    let mut shop = TestRepository::new();
    shop.write(".gitattributes", "base/** export-ignore filter=evil\n");
    shop.write("base/a.yaml", "a: 1");
    shop.write("overlay/run.sh", "#!/bin/sh");
    shop.link("overlay/base", "../base");
    fs::set_permissions(shop.root().join("overlay/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    let export = repository.export(&commit, &at("overlay"), &shop.scratch()).await.unwrap();
    assert_eq!(export.folder(), export.root().join("overlay"));
    assert_eq!(fs::read_to_string(export.folder().join("base/a.yaml")).unwrap(), "a: 1");
    let mode = |path: &str| fs::metadata(export.root().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode("base/a.yaml"), mode("overlay/run.sh"), mode("base"), mode("")], [0o444, 0o555, 0o555, 0o555]);
    assert_eq!(export.skipped(), []);
    let root = export.root().to_owned();
    drop(export);
    assert!(!root.exists());
}

#[tokio::test]
async fn links_out_of_the_source_are_an_error_and_elsewhere_a_note() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "a: 1");
    shop.link("docs/out", "../../../etc");
    shop.link("docs/passwd", "/etc/passwd");
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    let export = repository.export(&commit, &at("deploy"), &shop.scratch()).await.unwrap();
    assert!(!export.root().join("docs").exists());
    let note = |path: &str, target: &str, fault| {
        let reason = SkipReason::Link { target: target.into(), fault };
        Skipped { path: path.into(), reason }
    };
    let expected = [
        note("docs/out", "../../../etc", LinkFault::LeavesRepository),
        note("docs/passwd", "/etc/passwd", LinkFault::Absolute),
    ];
    assert_eq!(export.skipped(), expected);
    let error = repository.export(&commit, &at("docs"), &shop.scratch()).await.unwrap_err();
    assert!(matches!(error, GitError::FindPath { .. } | GitError::FollowLink { .. }), "{error}");
}

#[tokio::test]
async fn a_large_file_matters_only_in_the_source() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "a: 1");
    shop.write("media/film.mp4", "version https://git-lfs.github.com/spec/v1\n");
    fs::create_dir_all(shop.root().join("media")).unwrap();
    let large = fs::File::create(shop.root().join("media/huge.bin")).unwrap();
    large.set_len(anchorwatch_edge::files::FILE_LIMIT + 1).unwrap();
    shop.commit("one");
    let (repository, commit) = shop.at("main").await;
    let export = repository.export(&commit, &at("deploy"), &shop.scratch()).await.unwrap();
    let reasons: Vec<&SkipReason> = export.skipped().iter().map(|skipped| &skipped.reason).collect();
    assert_eq!(reasons, [&SkipReason::LargeFilePointer, &SkipReason::TooLarge]);
    let error = repository.export(&commit, &at("media"), &shop.scratch()).await.unwrap_err();
    assert!(matches!(error, GitError::ReadLargeFile { .. } | GitError::FileTooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_tree_made_by_hand_cannot_write_elsewhere() {
    let shop = TestRepository::new();
    let blob = shop.git_with(&["hash-object", "-w", "--stdin"], b"evil: 1\n");
    let inner = shop.git_with(&["mktree"], format!("100644 blob {blob}\tevil.yaml\n").as_bytes());
    for name in ["..", ".git", ".GIT", "."] {
        // `mktree` takes any name; `fsck` would not.
        let tree = shop.git_with(&["mktree"], format!("040000 tree {inner}\t{name}\n").as_bytes());
        let commit = shop.git(&["commit-tree", "-m", "evil", &tree]);
        shop.git(&["update-ref", "refs/heads/main", &commit]);
        let (repository, commit) = shop.at("main").await;
        let error = repository.export(&commit, &at(""), &shop.scratch()).await.unwrap_err();
        assert!(matches!(error, GitError::ReadPath { .. }), "{name}: {error}");
        let error = repository.read_tree(&commit, &at("")).await.unwrap_err();
        assert!(matches!(error, GitError::ReadPath { .. }), "{name}: {error}");
    }
}
