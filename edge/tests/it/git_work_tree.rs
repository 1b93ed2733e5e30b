//! Files on disk in a repository's working folder.

use std::fs;

use anchorwatch_edge::files::read_tree;
use anchorwatch_edge::git::{GitOptions, GitRepository, History};

use crate::repository::TestRepository;

/// Looks back from what lies in a folder of the working folder.
async fn history(shop: &TestRepository, folder: &str) -> History {
    let path = shop.root().join(folder);
    let (repository, inside) = GitRepository::around(&path, GitOptions::default()).await.unwrap().unwrap();
    let commit = repository.resolve(None).await.unwrap();
    let files = read_tree(&path).await.unwrap().files;
    repository.history_on_disk(&commit, &inside, &files).await.unwrap()
}

/// What was not committed yet: files, and whether the commit has them.
async fn uncommitted(history: &History) -> Vec<(String, bool)> {
    let changes = history.changes_in(None).await.unwrap();
    changes.iter().map(|change| (change.file.to_string(), change.before.is_some())).collect()
}

#[tokio::test]
async fn files_as_the_commit_has_them_are_committed() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "a: 1");
    shop.write("other.yaml", "1");
    shop.commit("one");
    shop.write("deploy/a.yaml", "a: 2");
    let id = shop.commit("two");
    // Not the source's.
    shop.write("other.yaml", "2");
    shop.write("deploy/notes.txt", "-");
    for folder in ["deploy", "deploy/a.yaml"] {
        let history = history(&shop, folder).await;
        assert!(history.is_committed(), "{folder}");
        assert_eq!(history.commit().id.as_str(), id);
        assert_eq!(history.changes_of("a.yaml").await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_is_not_committed_is_the_newest_change() {
    let mut shop = TestRepository::new();
    for name in ["changed", "gone", "same"] {
        shop.write(&format!("deploy/{name}.yaml"), "1");
    }
    shop.commit("one");
    shop.write("deploy/changed.yaml", "2");
    shop.write("deploy/new.yaml", "1");
    fs::remove_file(shop.root().join("deploy/gone.yaml")).unwrap();
    let history = history(&shop, "deploy").await;
    assert!(!history.is_committed());
    let expected = [("changed.yaml", true), ("gone.yaml", true), ("new.yaml", false)];
    assert_eq!(uncommitted(&history).await, expected.map(|(file, was)| (file.to_owned(), was)));
    let changes = history.changes_of("changed.yaml").await.unwrap();
    assert_eq!((changes.len(), changes[0].commit.is_none(), changes[1].commit.is_none()), (2, true, false));
    let before = changes[0].before.clone().unwrap();
    assert_eq!(&*history.read_blobs(&[before], usize::MAX).await.unwrap()[0], b"1");
}

#[tokio::test]
async fn what_lies_in_a_submodule_is_no_uncommitted_change() {
    let mut shop = TestRepository::new();
    shop.write("deploy/a.yaml", "1");
    let id = shop.commit("one");
    shop.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},deploy/module")]);
    shop.git(&["commit", "--quiet", "-m", "a submodule"]);
    shop.write("deploy/module/b.yaml", "1");
    let history = history(&shop, "deploy").await;
    assert_eq!(uncommitted(&history).await, []);
}

#[tokio::test]
async fn a_path_outside_of_every_repository_has_none_around_it() {
    let folder = tempfile::tempdir().unwrap();
    assert!(GitRepository::around(folder.path(), GitOptions::default()).await.unwrap().is_none());
}
