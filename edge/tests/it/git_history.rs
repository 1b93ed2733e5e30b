//! What files were before.

use std::fmt::Write as _;

use anchorwatch_edge::git::{HISTORY_LIMIT, History};

use crate::repository::{TestRepository, at, open};

/// What a file held before each change, newest first; `-` where it was not there.
async fn texts(history: &History, file: &str) -> Vec<String> {
    let changes = history.changes_of(file).await.unwrap();
    let mut texts = Vec::new();
    for change in changes {
        let blobs = history.read_blobs(change.before.as_slice(), usize::MAX).await.unwrap();
        texts.push(blobs.first().map_or("-".to_owned(), |blob| String::from_utf8_lossy(blob).into_owned()));
    }
    texts
}

/// The commits that changed a file, newest first.
async fn commits(history: &History, file: &str) -> Vec<String> {
    history
        .changes_of(file)
        .await
        .unwrap()
        .iter()
        .map(|change| change.commit.as_ref().unwrap().id.to_string())
        .collect()
}

#[tokio::test]
async fn changes_come_newest_first_with_what_they_found() {
    let mut shop = TestRepository::new();
    let mut made = Vec::new();
    for number in 1..=3 {
        shop.write("deploy/sub/a.yaml", &format!("a: {number}"));
        made.insert(0, shop.commit("change"));
        shop.write("other.yaml", &format!("{number}"));
        shop.commit("elsewhere");
    }
    let (repository, commit) = shop.at("main").await;
    let history = repository.history(&commit, &at("deploy"));
    assert_eq!(texts(&history, "sub/a.yaml").await, ["a: 2", "a: 1", "-"]);
    assert_eq!(commits(&history, "sub/a.yaml").await, made);
    assert_eq!(history.changes_of("sub/a.yaml").await.unwrap()[1].commit.as_ref().unwrap().time, 1_700_000_180);
    assert!(history.changes_of("never.yaml").await.unwrap().is_empty());
    let file = repository.history(&commit, &at("deploy/sub/a.yaml"));
    assert_eq!(texts(&file, "a.yaml").await, ["a: 2", "a: 1", "-"]);
}

#[tokio::test]
async fn merges_removals_and_modes_are_understood() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "1");
    shop.write("gone.yaml", "was here");
    let first = shop.commit("one");
    shop.git(&["checkout", "--quiet", "-b", "side"]);
    shop.write("a.yaml", "between");
    shop.commit("side 1");
    shop.write("a.yaml", "2");
    shop.commit("side 2");
    shop.git(&["checkout", "--quiet", "main"]);
    shop.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    let merge = shop.git(&["rev-parse", "HEAD"]);
    shop.git(&["rm", "--quiet", "gone.yaml"]);
    shop.git(&["update-index", "--chmod=+x", "a.yaml"]);
    shop.git(&["commit", "--quiet", "-m", "mode"]);
    let last = shop.git(&["rev-parse", "HEAD"]);
    let (repository, commit) = shop.at("main").await;
    let history = repository.history(&commit, &at(""));
    assert_eq!(texts(&history, "a.yaml").await, ["1", "-"]);
    assert_eq!(commits(&history, "a.yaml").await, [merge, first.clone()]);
    assert_eq!(texts(&history, "gone.yaml").await, ["was here", "-"]);
    assert_eq!(commits(&history, "gone.yaml").await, [last, first]);
}

#[tokio::test]
async fn where_a_shallow_clone_ends_nothing_is_known() {
    let mut shop = TestRepository::new();
    for number in 1..=3 {
        shop.write("a.yaml", &number.to_string());
        shop.commit("change");
    }
    let (all, clone) = (format!("file://{}", shop.root().display()), shop.root().with_file_name("clone"));
    shop.git(&["clone", "--quiet", "--depth=2", &all, clone.to_str().unwrap()]);
    let repository = open(&clone, &shop.scratch()).await.unwrap();
    let commit = repository.resolve(None).await.unwrap();
    assert_eq!(texts(&repository.history(&commit, &at("")), "a.yaml").await, ["2"]);
}

#[tokio::test]
async fn a_commit_tells_which_manifests_it_changed() {
    let mut shop = TestRepository::new();
    for path in ["deploy/a.yaml", "deploy/b.json", "deploy/.hidden/c.yaml", "deploy/readme.txt", "other.yaml"] {
        shop.write(path, "1");
    }
    shop.commit("one");
    shop.git(&["mv", "deploy/a.yaml", "deploy/front.yaml"]);
    for path in ["deploy/b.json", "deploy/.hidden/c.yaml", "deploy/readme.txt", "other.yaml"] {
        shop.write(path, "2");
    }
    shop.commit("two");
    let (repository, commit) = shop.at("main").await;
    let history = repository.history(&commit, &at("deploy"));
    let changes = history.changes_in(Some(&commit.id)).await.unwrap();
    let found: Vec<_> = changes.iter().map(|change| (&*change.file, change.before.is_some())).collect();
    assert_eq!(found, [("a.yaml", true), ("b.json", true), ("front.yaml", false)]);
}

#[tokio::test]
async fn two_hundred_commits_are_looked_at_and_bytes_are_limited() {
    let mut shop = TestRepository::new();
    let mut stream = String::new();
    for number in 1..=300 {
        let text = format!("n: {number}");
        let time = 1_700_000_000 + number;
        write!(stream, "commit refs/heads/main\ncommitter A <a@b> {time} +0000\ndata 0\n").unwrap();
        write!(stream, "M 100644 inline a.yaml\ndata {}\n{text}\n", text.len()).unwrap();
    }
    shop.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    let (repository, commit) = shop.at("main").await;
    let history = repository.history(&commit, &at(""));
    let changes = history.changes_of("a.yaml").await.unwrap();
    assert_eq!(changes.len(), HISTORY_LIMIT);
    let ids: Vec<_> = changes.iter().filter_map(|change| change.before.clone()).collect();
    let read = async |limit| history.read_blobs(&ids, limit).await.unwrap();
    let all = read(usize::MAX).await;
    assert_eq!((all.len(), &*all[0], &*all[199]), (200, &b"n: 299"[..], &b"n: 100"[..]));
    // Six bytes each.
    for (limit, expected) in [(0, 1), (5, 1), (6, 2), (600, 101)] {
        assert_eq!(read(limit).await, all[..expected], "{limit}");
    }
    shop.commit("nothing");
}

#[tokio::test]
async fn settings_of_the_repository_do_not_change_what_is_seen() {
    let mut shop = TestRepository::new();
    for number in 1..=2 {
        shop.write("a/a.yaml", &format!("{number}"));
        shop.commit("change");
    }
    for (name, value) in [
        ("log.showRoot", "false"),
        ("log.follow", "true"),
        ("log.diffMerges", "off"),
        ("diff.relative", "true"),
        ("diff.orderFile", "/nowhere"),
        ("diff.renames", "copies"),
        ("core.abbrev", "4"),
        ("color.ui", "always"),
        ("log.decorate", "full"),
        ("core.quotePath", "false"),
        ("log.showSignature", "true"),
        ("format.pretty", "email"),
    ] {
        shop.git(&["config", name, value]);
    }
    let (repository, commit) = shop.at("main").await;
    assert_eq!(texts(&repository.history(&commit, &at("a")), "a.yaml").await, ["1", "-"]);
}
