//! Git over the network, with the servers that people run: what is fetched, and what is said when it is refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anchorwatch_edge::git::{
    AccessToken, Author, CommitWords, FileToWrite, GitError, GitLocation, GitOptions, GitRepository, Push, PushError,
};

use crate::fakes::fake;
use crate::git_servers::{self, GitServer};
use crate::permits::permit;
use crate::repository::{TestRepository, at};

/// A repository with two commits, the first tagged, and a bare copy to be served.
struct Shop {
    repository: TestRepository,
    first: String,
}

impl Shop {
    fn new() -> Self {
        let mut repository = TestRepository::new();
        repository.write("deploy/a.yaml", "a: 1");
        let first = repository.commit("one");
        repository.git(&["tag", "v1"]);
        repository.git(&["branch", "side"]);
        repository.write("deploy/a.yaml", "a: 2");
        repository.commit("two");
        let copy = repository.bare_copy("served/shop.git");
        repository.git(&["--git-dir", copy.to_str().unwrap(), "config", "uploadpack.allowFilter", "true"]);
        Self { repository, first }
    }

    /// The folder that is served.
    fn served(&self) -> std::path::PathBuf {
        self.repository.root().with_file_name("served")
    }

    /// Fails unless a branch, a tag, a commit, the default branch and the past are read.
    async fn is_read(&self, address: &str, options: &GitOptions) {
        let repository = open(address, options, &self.repository.scratch()).await.unwrap();
        for (revision, text) in [
            (None, "a: 2"),
            (Some("main"), "a: 2"),
            (Some("side"), "a: 1"),
            (Some("v1"), "a: 1"),
            (Some(&*self.first), "a: 1"),
        ] {
            let commit = repository.resolve(revision).await.unwrap();
            let files = repository.read_tree(&commit, &at("deploy")).await.unwrap().files;
            assert_eq!(files[0].bytes, text.as_bytes(), "{revision:?}");
        }
        let commit = repository.resolve(None).await.unwrap();
        let history = repository.history(&commit, &at("deploy"));
        assert_eq!(history.changes_of("a.yaml").await.unwrap()[0].before.as_ref().unwrap().as_str().len(), 40);
    }

    /// Commits, and pushes to a branch of this name and to the one that is followed.
    async fn is_pushed_to(&self, address: &str, options: &GitOptions, branch: &str) {
        let location: GitLocation = address.parse().unwrap();
        let scratch = self.repository.scratch();
        let repository = GitRepository::open_to_push(&location, options.clone(), &scratch).await.unwrap();
        let base = repository.resolve(Some("main")).await.unwrap().id;
        let files = [FileToWrite {
            path: "deploy/a.yaml".to_owned(),
            before: Some(b"a: 2".to_vec()),
            after: branch.as_bytes().to_vec(),
        }];
        let words = CommitWords {
            author: Author { name: "Watch".to_owned(), email: "watch@example.com".to_owned() },
            time: 1_800_000_000,
            message: "Adopt\n".to_owned(),
            signing_key: None,
        };
        let commit = repository.commit(&base, &files, &words).await.unwrap();
        for (branch, lease) in [(branch, None), ("main", Some(base.clone()))] {
            let push = Push { commit: commit.clone(), branch: branch.to_owned(), lease };
            repository.push(permit(repository.name(), branch, &commit), &push).await.unwrap();
            assert_eq!(repository.remote_tip(branch).await.unwrap().as_ref(), Some(&commit));
        }
        let push = Push { commit, branch: "main".to_owned(), lease: Some(base) };
        let moved = repository.push(permit(repository.name(), "main", &push.commit), &push).await;
        assert!(matches!(moved, Ok(()) | Err(PushError::Moved { .. })), "{moved:?}");
    }

    /// What is said when it is refused: the error, and what to do.
    async fn refused(&self, address: &str, options: &GitOptions) -> [String; 2] {
        let error = open(address, options, &self.repository.scratch()).await.unwrap_err();
        assert!(matches!(error, GitError::Fetch { .. }), "{error:?}");
        [error.to_string(), error.hint().unwrap_or_default()]
    }
}

async fn open(address: &str, options: &GitOptions, scratch: &Path) -> Result<GitRepository, GitError> {
    let location: GitLocation = address.parse().unwrap();
    GitRepository::open(&location, options.clone(), scratch).await
}

/// As a service runs Git. A question would be waited for, and be an error of another kind.
fn service() -> GitOptions {
    GitOptions { personal: false, fetch_deadline: Duration::from_mins(1), ..GitOptions::default() }
}

fn with_token(server: &GitServer, token: &str) -> GitOptions {
    GitOptions {
        certificate_authority: Some(server.file("cert.pem")),
        token: Some(AccessToken { user: "ann".into(), token: token.into() }),
        ..service()
    }
}

fn shop_by_https(server: &GitServer) -> String {
    format!("https://localhost:{}/shop.git", server.port)
}

#[tokio::test]
async fn a_password_opens_a_repository_by_https() {
    let shop = Shop::new();
    let Some(server) = git_servers::https(&shop.served()) else { return };
    shop.is_read(&shop_by_https(&server), &with_token(&server, "correct-horse")).await;
    shop.is_pushed_to(&shop_by_https(&server), &with_token(&server, "correct-horse"), "one").await;
}

#[tokio::test]
async fn a_repository_that_is_read_only_by_https_says_so() {
    let shop = Shop::new();
    let Some(server) = git_servers::https(&shop.served()) else { return };
    let bare = shop.served().join("shop.git");
    shop.repository.git(&["--git-dir", bare.to_str().unwrap(), "config", "http.receivepack", "false"]);
    let location: GitLocation = shop_by_https(&server).parse().unwrap();
    let (options, scratch) = (with_token(&server, "correct-horse"), shop.repository.scratch());
    let repository = GitRepository::open_to_push(&location, options, &scratch).await.unwrap();
    let commit = repository.resolve(Some("v1")).await.unwrap().id;
    let push = Push { commit, branch: "one".to_owned(), lease: None };
    let refused = repository.push(permit(repository.name(), "one", &push.commit), &push).await.unwrap_err();
    assert!(matches!(&refused, PushError::Git(GitError::Push { .. })), "{refused:?}");
    let said = format!("{refused} {}", refused.hint().unwrap_or_default());
    assert!(said.contains("403") && said.contains("does not let you"), "{said}");
    assert!(!said.contains("correct-horse"), "{said}");
}

#[tokio::test]
async fn a_credential_helper_of_a_person_opens_a_repository_by_https() {
    let shop = Shop::new();
    let Some(server) = git_servers::https(&shop.served()) else { return };
    let home = tempfile::tempdir().unwrap();
    let helper = "!f() { echo username=ann; echo password=correct-horse; }; f";
    let config =
        format!("[credential]\n  helper = \"{helper}\"\n[http]\n  sslCAInfo = {}\n", server.file("cert.pem").display());
    fs::write(home.path().join(".gitconfig"), config).unwrap();
    let script = format!("HOME='{}' XDG_CONFIG_HOME=/nonexistent exec git \"$@\"", home.path().display());
    let options = GitOptions { program: fake(home.path(), &script), personal: true, ..service() };
    shop.is_read(&shop_by_https(&server), &options).await;
}

#[tokio::test]
async fn who_has_no_right_by_https_is_told_what_to_do() {
    let shop = Shop::new();
    let Some(server) = git_servers::https(&shop.served()) else { return };
    let address = shop_by_https(&server);
    let absent = format!("https://localhost:{}/absent.git", server.port);
    let right = with_token(&server, "correct-horse");
    let wrong = with_token(&server, "wr0ng-pony");
    let none = GitOptions { token: None, ..right.clone() };
    let unknown = GitOptions { certificate_authority: None, ..right.clone() };
    for (address, options, said, to_do) in [
        (&address, wrong, "Authentication failed", "refuses the user name, password or token"),
        (&address, none, "terminal prompts disabled", "credential helper"),
        (&address, unknown, "certificate verification failed", "certificate authority"),
        (&absent, right, "not found", "no such repository"),
    ] {
        let [error, hint] = shop.refused(address, &options).await;
        assert!(error.contains(said) && hint.contains(to_do), "{error}\n{hint}");
        assert!(!error.contains("wr0ng-pony") && !error.contains("askpass"), "{error}");
    }
}

/// Addresses of the shop by ssh, and the options of a holder of the key `person` who knows the host by this key.
fn by_ssh(shop: &Shop, server: &GitServer, person: &str, known: Option<&str>) -> (String, GitOptions) {
    let path = shop.served().join("shop.git");
    let address = format!("ssh://{}@127.0.0.1:{}{}", git_servers::this_user(), server.port, path.display());
    let line = known.map(|name| {
        let key = fs::read_to_string(server.file(&[name, ".pub"].concat())).unwrap();
        format!("[127.0.0.1]:{} {key}", server.port)
    });
    let hosts = server.file(&format!("known_hosts-{}", known.unwrap_or("none")));
    fs::write(&hosts, line.unwrap_or_default()).unwrap();
    (address, GitOptions { known_hosts: Some(hosts), ssh_key: Some(server.file(person)), ..service() })
}

#[tokio::test]
async fn a_key_opens_a_repository_by_ssh() {
    let shop = Shop::new();
    // As forges have it, and as Debian does: there Git speaks its first protocol, which gives no blob by its id.
    for more in ["AcceptEnv GIT_PROTOCOL", ""] {
        let Some(server) = git_servers::ssh(more) else { return };
        let (address, options) = by_ssh(&shop, &server, "person", Some("host"));
        shop.is_read(&address, &options).await;
        // What is pushed is another thing to read.
        Shop::new().is_pushed_by_ssh(&server).await;
    }
}

impl Shop {
    async fn is_pushed_by_ssh(&self, server: &GitServer) {
        let (address, options) = by_ssh(self, server, "person", Some("host"));
        self.is_pushed_to(&address, &options, "one").await;
    }
}

#[tokio::test]
async fn who_has_no_right_by_ssh_or_meets_another_host_is_told_what_to_do() {
    let shop = Shop::new();
    let Some(server) = git_servers::ssh("") else { return };
    for (person, known, said, to_do) in [
        ("person", Some("other"), "IDENTIFICATION HAS CHANGED", "find out why"),
        ("person", None, "Host key verification failed", "add the host to known_hosts"),
        ("other", Some("host"), "Permission denied (publickey", "knows none of your ssh keys"),
    ] {
        let (address, options) = by_ssh(&shop, &server, person, known);
        let [error, hint] = shop.refused(&address, &options).await;
        assert!(error.contains(said) && hint.contains(to_do), "{error}\n{hint}");
    }
}
