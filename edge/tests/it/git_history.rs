//! What files were before.

use std::fmt::Write as _;

use anchorwatch_edge::git::{HISTORY_LIMIT, History};

use crate::repository::{TestRepository, at};

async fn texts(history: &History, file: &str) -> Vec<String> {
    let ids: Vec<_> = history.versions(file).await.unwrap().into_iter().map(|version| version.blob).collect();
    let blobs = history.read_blobs(&ids).await.unwrap();
    blobs.iter().map(|blob| String::from_utf8_lossy(blob).into_owned()).collect()
}

#[tokio::test]
async fn earlier_versions_come_newest_first_without_the_current() {
    let mut shop = TestRepository::new();
    let mut commits = Vec::new();
    for number in 1..=3 {
        shop.write("deploy/sub/a.yaml", &format!("a: {number}"));
        commits.push(shop.commit("change"));
        shop.write("other.yaml", &format!("{number}"));
        shop.commit("elsewhere");
    }
    let (repository, commit) = shop.at("main").await;
    let history = repository.history(&commit, &at("deploy"));
    assert_eq!(texts(&history, "sub/a.yaml").await, ["a: 2", "a: 1"]);
    let versions = history.versions("sub/a.yaml").await.unwrap();
    assert_eq!((versions[0].commit.as_str(), versions[0].time), (commits[1].as_str(), 1_700_000_180));
    assert_eq!(history.current("sub/a.yaml").await.unwrap().unwrap().commit.as_str(), commits[2]);
    assert_eq!(&*history.read_blob(&versions[1].blob).await.unwrap(), b"a: 1");
    assert_eq!(history.files().await.unwrap(), ["sub/a.yaml"]);
    assert!(history.versions("never.yaml").await.unwrap().is_empty());
    let file = repository.history(&commit, &at("deploy/sub/a.yaml"));
    assert_eq!(texts(&file, "a.yaml").await, ["a: 2", "a: 1"]);
}

#[tokio::test]
async fn merges_removals_and_modes_are_understood() {
    let mut shop = TestRepository::new();
    shop.write("a.yaml", "1");
    shop.write("gone.yaml", "was here");
    shop.commit("one");
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
    let (repository, commit) = shop.at("main").await;
    let history = repository.history(&commit, &at(""));
    assert_eq!(texts(&history, "a.yaml").await, ["1"]);
    assert_eq!(history.current("a.yaml").await.unwrap().unwrap().commit.as_str(), merge);
    assert_eq!(texts(&history, "gone.yaml").await, ["was here"]);
    assert_eq!(history.current("gone.yaml").await.unwrap(), None);
}

#[tokio::test]
async fn two_hundred_commits_are_looked_at() {
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
    let texts = texts(&history, "a.yaml").await;
    assert_eq!(texts.len(), HISTORY_LIMIT - 1);
    assert_eq!((texts[0].as_str(), texts[198].as_str()), ("n: 299", "n: 101"));
    assert!(history.is_cut_off().await.unwrap());
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
    assert_eq!(texts(&repository.history(&commit, &at("a")), "a.yaml").await, ["1"]);
}
