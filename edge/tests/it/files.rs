//! A path on disk as a source.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use anchorwatch_edge::files::{FILE_LIMIT, LinkFault, ReadTreeError, SkipReason, Skipped, read_tree};

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in files {
        let at = folder.path().join("source").join(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, path).unwrap();
    }
    folder
}

async fn paths(source: &Path) -> Vec<String> {
    read_tree(source).await.unwrap().files.into_iter().map(|file| file.path).collect()
}

#[tokio::test]
async fn manifests_are_read_sorted_and_hidden_folders_left_out() {
    let folder = folder(&["b.yaml", "a/z.yml", "a/.hidden/x.yaml", ".git/c.yaml", "a.json", "README.md", "a/b/c.yaml"]);
    assert_eq!(paths(&folder.path().join("source")).await, ["a.json", "a/b/c.yaml", "a/z.yml", "b.yaml"]);
}

#[tokio::test]
async fn a_file_is_a_source_by_its_name() {
    let folder = folder(&["x/odd.txt"]);
    let files = read_tree(&folder.path().join("source/x/odd.txt")).await.unwrap().files;
    assert_eq!((files[0].path.as_str(), files[0].bytes.as_slice()), ("odd.txt", &b"x/odd.txt"[..]));
}

#[tokio::test]
async fn links_inside_are_followed_each_file_once() {
    let folder = folder(&["a/one.yaml", "real/two.txt", ".data/three.yaml"]);
    let source = folder.path().join("source");
    for (target, link) in [
        ("a/one.yaml", "again.yaml"),
        ("real/two.txt", "two.yaml"),
        (".data/three.yaml", "three.yaml"),
        (".data", "shown"),
        ("..", "a/up"),
        ("a", "b"),
        ("nowhere", "dangling"),
        ("/etc/hostname", "outside.txt"),
    ] {
        symlink(target, source.join(link)).unwrap();
    }
    let found = paths(&source).await;
    assert!(found.contains(&"a/one.yaml".to_owned()) && found.contains(&"two.yaml".to_owned()), "{found:?}");
    assert_eq!(found.len(), 3, "{found:?}");
}

#[tokio::test]
async fn links_that_lead_out_or_nowhere_are_named_and_the_rest_is_read() {
    for (link, target, fault) in [
        ("link.yaml", "/etc/hostname", LinkFault::LeavesSource),
        ("sub/link.json", "../../outside/x.json", LinkFault::LeavesSource),
        ("sub/folder", "../../outside", LinkFault::LeavesSource),
        ("link.yaml", "none.yaml", LinkFault::Missing),
        ("link.yaml", "a.yaml/b", LinkFault::Missing),
        ("link.yaml", "link.yaml", LinkFault::Loop),
    ] {
        let folder = folder(&["a.yaml", "sub/b.yaml", "../outside/x.json"]);
        symlink(target, folder.path().join("source").join(link)).unwrap();
        let tree = read_tree(&folder.path().join("source")).await.unwrap();
        let reason = SkipReason::Link { target: target.into(), fault };
        assert_eq!(tree.skipped, [Skipped { path: link.into(), reason }]);
        let files: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(files, ["a.yaml", "sub/b.yaml"], "{link} to {target}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_told_and_never_opened() {
    let folder = folder(&["a.yaml"]);
    let source = folder.path().join("source");
    assert!(matches!(read_tree(&source.join("none")).await, Err(ReadTreeError::FindSource { .. })));
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket.yaml")).unwrap();
    let tree = read_tree(&source).await.unwrap();
    assert_eq!(tree.skipped, [Skipped { path: "socket.yaml".into(), reason: SkipReason::Special }]);
    assert_eq!(tree.files.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_named() {
    let folder = folder(&["a.yaml"]);
    let large = folder.path().join("source/large.yaml");
    fs::File::create(&large).unwrap().set_len(FILE_LIMIT + 1).unwrap();
    let error = read_tree(&folder.path().join("source")).await.unwrap_err();
    assert!(matches!(&error, ReadTreeError::FileTooLarge { path } if path.ends_with("large.yaml")), "{error}");
}

#[tokio::test]
async fn a_name_that_is_no_utf8_is_shown_with_its_bytes() {
    let folder = folder(&["a.yaml"]);
    fs::write(folder.path().join("source").join(OsStr::from_bytes(b"caf\xe9.yaml")), "x").unwrap();
    assert_eq!(paths(&folder.path().join("source")).await, ["a.yaml", r"caf\xe9.yaml"]);
}
