//! Gitea, GitHub and GitLab, as they answer on a good and on a bad day.

use anchorwatch_edge::forge::{Forge, ForgeAddress, ForgeError, ForgeKind, Proposal, ProposalState, ProposalToMake};
use anchorwatch_edge::git::RepositoryAddress;
use anchorwatch_edge::outbound::{Outbound, OutboundError};
use anchorwatch_testbed::Reply;
use secrecy::SecretString;
use serde_json::json;

use crate::forge_fake::{BASE, BRANCH, Fake, KINDS, Pull, TOKEN, url};

const TO_MAKE: ProposalToMake<'_> =
    ProposalToMake { branch: BRANCH, base: BASE, title: "Adopt shop/web", body: "One\n/merge\n \r/close\nfield" };

fn said(status: u16, headers: &[&str], body: &str) -> Reply {
    let headers = headers.iter().map(|&header| header.to_owned()).collect();
    Reply::Say { status, headers, body: body.to_owned() }
}

fn proposal(kind: ForgeKind, number: u64, state: ProposalState) -> Proposal {
    Proposal { number, url: url(kind, number), state }
}

#[tokio::test]
async fn a_proposal_is_made_once() {
    for kind in KINDS {
        let fake = Fake::start(kind, &[]);
        let forge = fake.forge();
        assert_eq!(forge.proposal(BRANCH, BASE).await.unwrap(), None, "{kind}");
        let made = forge.propose(&TO_MAKE).await.unwrap();
        assert_eq!(made, proposal(kind, 1, ProposalState::Open));
        assert_eq!(forge.propose(&TO_MAKE).await.unwrap(), made);
        assert_eq!(forge.proposal(BRANCH, BASE).await.unwrap(), Some(made));
        let [posted] = &fake.made()[..] else { panic!("{kind}: {:?}", fake.made()) };
        assert_eq!(posted["title"], "Adopt shop/web");
        match kind {
            // What follows a slash at the beginning of a line is done there.
            ForgeKind::GitLab => assert_eq!(posted["description"], "One\n\\/merge\n\\/close\nfield"),
            ForgeKind::Gitea | ForgeKind::GitHub => assert_eq!(posted["body"], TO_MAKE.body),
        }
    }
}

#[tokio::test]
async fn of_what_is_there_the_open_one_counts_and_else_the_newest() {
    use ProposalState::{Closed, Merged, Open};
    let [open, closed, merged] = ["open", "closed", "merged"].map(Pull::of);
    let deleted = Pull { is_branch_deleted: true, ..merged };
    let forks = Pull { is_of_fork: true, ..open };
    let other_base = Pull { base: "main", ..open };
    let other_branch = Pull { branch: "anchorwatch/other", ..open };
    for (pulls, found) in [
        (vec![closed], Some((1, Closed))),
        (vec![merged], Some((1, Merged))),
        (vec![deleted], Some((1, Merged))),
        (vec![open], Some((1, Open))),
        (vec![merged, closed], Some((2, Closed))),
        (vec![closed, merged], Some((2, Merged))),
        (vec![closed, open], Some((2, Open))),
        // An old one that was opened again.
        (vec![open, closed], Some((1, Open))),
        (vec![forks], None),
        (vec![other_base], None),
        (vec![other_branch], None),
        // Behind a page of others.
        (vec![open, other_base, other_branch, forks, other_branch], Some((1, Open))),
        (
            vec![closed, other_base, Pull { branch: "a", ..merged }, Pull { base: "b", ..merged }, forks],
            Some((1, Closed)),
        ),
    ] {
        for kind in KINDS {
            let fake = Fake::start(kind, &pulls);
            let found = found.map(|(number, state)| proposal(kind, number, state));
            assert_eq!(fake.forge().proposal(BRANCH, BASE).await.unwrap(), found, "{kind}: {pulls:?}");
            let proposed = fake.forge().propose(&TO_MAKE).await.unwrap();
            match found.filter(|found| found.state == Open) {
                Some(open) => assert_eq!((proposed, fake.made().len()), (open, 0), "{kind}: {pulls:?}"),
                None => assert_eq!(proposed, proposal(kind, pulls.len() as u64 + 1, Open), "{kind}: {pulls:?}"),
            }
        }
    }
}

#[tokio::test]
async fn one_that_gitlab_is_merging_is_open() {
    let fake = Fake::start(ForgeKind::GitLab, &[Pull::of("locked")]);
    let proposed = fake.forge().propose(&TO_MAKE).await.unwrap();
    assert_eq!((proposed, fake.made().len()), (proposal(ForgeKind::GitLab, 1, ProposalState::Open), 0));
}

#[tokio::test]
async fn one_that_somebody_else_makes_at_the_same_time_is_found() {
    for kind in KINDS {
        let fake = Fake::start(kind, &[Pull::of("closed")]);
        fake.has_a_rival();
        let proposed = fake.forge().propose(&TO_MAKE).await.unwrap();
        assert_eq!((proposed, fake.made().len()), (proposal(kind, 2, ProposalState::Open), 1), "{kind}");
    }
}

#[tokio::test]
async fn one_that_is_said_to_exist_and_is_not_found_is_an_error() {
    for (kind, status) in KINDS.into_iter().zip([409, 422, 409]) {
        let fake = Fake::start(kind, &[Pull::of("closed")]);
        let body = json!({ "message": "it already exists" });
        fake.receiver.next(fake.making(), Reply::json(status, &body));
        let error = fake.forge().propose(&TO_MAKE).await.unwrap_err();
        assert!(matches!(&error, ForgeError::Refused { said, .. } if said == "it already exists"), "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_token_that_the_forge_does_not_know_is_told() {
    for (kind, words) in
        KINDS.into_iter().zip(["invalid username, password or token", "Bad credentials", "401 Unauthorized"])
    {
        let fake = Fake::start(kind, &[]);
        let error = fake.forge_with("another-token").propose(&TO_MAKE).await.unwrap_err();
        let repository = if kind == ForgeKind::GitLab { "acme/team/shop" } else { "acme/shop" };
        assert_eq!(error.to_string(), format!("{kind} answered 401 about {repository}: {words}"));
        let scope = ["write:repository", "Pull requests: write", "the scope api"][kind as usize];
        assert!(error.hint().unwrap().contains(scope), "{:?}", error.hint());
    }
}

/// What becomes of an answer, in short.
fn outcome(error: &ForgeError) -> String {
    match error {
        ForgeError::Busy { retry_after, .. } => format!("busy {}", retry_after.as_secs()),
        ForgeError::Redirect { to, .. } => format!("to {to}"),
        ForgeError::Refused { status, said, .. } => format!("{status} {said}").trim_end().to_owned(),
        ForgeError::ReadAnswer { reason, .. } => reason.clone(),
        ForgeError::Ask { source: OutboundError::Broken(_), .. } => "broken".to_owned(),
        ForgeError::Ask { source: OutboundError::TooLarge(_), .. } => "too large".to_owned(),
        other => other.to_string(),
    }
}

/// Bad answers, what becomes of each, and what a hint has in it.
fn bad_answers() -> Vec<(Reply, &'static str, &'static str)> {
    let denied = json!({ "message": "Resource not accessible by personal access token", "status": "403" });
    let scope = json!({ "error": "insufficient_scope", "error_description": "The request requires higher privileges", "scope": "api" });
    let invalid = json!({ "message": "Validation Failed", "errors": [{ "resource": "PullRequest", "field": "base", "code": "invalid" }] });
    let disabled = json!({ "message": { "base": ["Target project has disabled merge requests"] } });
    let secondary = json!({ "message": "You have exceeded a secondary rate limit." });
    let pages = "Location: https://elsewhere.example.com/repositories/7/pulls?access=1";
    vec![
        (Reply::json(403, &denied), "403 Resource not accessible by personal access token", "needs"),
        (Reply::json(403, &scope), "403 insufficient_scope, The request requires higher privileges", "needs"),
        (Reply::json(404, &json!({ "message": "Not Found" })), "404 Not Found", "may not see it"),
        (Reply::json(422, &invalid), "422 Validation Failed, PullRequest, base, invalid", "both branches"),
        (Reply::json(422, &disabled), "422 Target project has disabled merge requests", "both branches"),
        (said(423, &[], "locked"), "423 locked", ""),
        (said(429, &["Retry-After: 35"], "Retry later\n"), "busy 35", "in 35 s"),
        (said(429, &[], ""), "busy 60", "in 60 s"),
        (said(429, &["Retry-After: 9999999"], ""), "busy 3600", "in 3600 s"),
        (said(429, &["Retry-After: 0"], ""), "busy 1", "in 1 s"),
        (said(403, &["Retry-After: 35"], "{}"), "busy 35", "in 35 s"),
        (Reply::json(403, &secondary), "busy 60", "in 60 s"),
        (said(403, &["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 99999999999"], "{}"), "busy 3600", "in"),
        (said(403, &["X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1"], "{}"), "busy 1", "in"),
        (said(403, &["X-RateLimit-Remaining: 4999", "X-RateLimit-Reset: 1"], "{}"), "403", "needs"),
        // Not all calls are used up: when they are again says nothing of this.
        (said(429, &["X-RateLimit-Remaining: 4999", "X-RateLimit-Reset: 99999999999"], "{}"), "busy 60", "in 60 s"),
        (said(503, &["Retry-After: 35"], ""), "busy 35", "in 35 s"),
        (said(503, &[], "<html>maintenance"), "503", "later"),
        (said(500, &[], "{\"message\": \"\"}"), "500", "later"),
        (said(301, &[pages], ""), "to https://elsewhere.example.com/repositories/7/pulls", "moved"),
        (said(307, &["Location: /api/v1/repos/acme/store/pulls"], ""), "to /api/v1/repos/acme/store/pulls", "moved"),
        (said(302, &[], ""), "to", "moved"),
        (
            said(200, &[], "<!DOCTYPE html><title>Sign in</title>"),
            "it is no JSON, at line 1 column 1",
            "address of the API",
        ),
        (said(200, &[], "{\"login\": \"ann\"}"), "it is JSON of another form", "address of the API"),
        (said(204, &[], ""), "it is no JSON, at line 1 column 0", "address of the API"),
        (said(200, &[], &format!("[{}]", " ".repeat(2 << 20))), "too large", "again"),
        (Reply::Cut, "broken", "again"),
    ]
}

#[tokio::test]
async fn a_bad_answer_is_named_with_what_to_do() {
    for kind in KINDS {
        let fake = Fake::start(kind, &[]);
        for (reply, expected, hint) in bad_answers() {
            let short = format!("{kind}: {expected}");
            fake.receiver.next(fake.making(), reply.clone());
            let making = fake.forge().propose(&TO_MAKE).await.unwrap_err();
            assert!(outcome(&making).starts_with(expected), "{short}: {making}");
            assert!(making.hint().unwrap_or_default().contains(hint), "{short}: {:?}", making.hint());
        }
        for (reply, expected, _) in bad_answers() {
            fake.receiver.otherwise(reply);
            let finding = fake.forge().proposal(BRANCH, BASE).await.unwrap_err();
            assert!(outcome(&finding).starts_with(expected), "{kind}: {expected}: {finding}");
        }
    }
}

#[tokio::test]
async fn what_was_made_and_whose_answer_was_lost_is_found_again() {
    for kind in KINDS {
        let fake = Fake::start(kind, &[]);
        fake.receiver.next(fake.making(), Reply::Cut);
        fake.forge().propose(&TO_MAKE).await.unwrap_err();
        fake.has_made();
        let proposed = fake.forge().propose(&TO_MAKE).await.unwrap();
        assert_eq!((proposed.number, fake.made().len()), (1, 1), "{kind}");
    }
}

#[tokio::test]
async fn people_are_sent_to_web_pages_only() {
    for page in
        ["javascript:alert(1)", "file:///etc/passwd", "https://ann:word@git.example.com/", "/acme/shop/pulls/1", ""]
    {
        let side = json!({ "label": BRANCH, "ref": BRANCH, "repo_id": 7, "repo": { "id": 7 } });
        let body = json!({
            "number": 1, "iid": 1, "html_url": page, "web_url": page, "state": "opened", "merged": false, "head": side,
            "base": side, "source_branch": BRANCH, "target_branch": BASE, "source_project_id": 7, "target_project_id": 7,
        });
        for kind in KINDS {
            let fake = Fake::start(kind, &[]);
            fake.receiver.next(fake.making(), Reply::json(201, &body));
            let error = fake.forge().propose(&TO_MAKE).await.unwrap_err();
            assert_eq!(outcome(&error), "a pull request's page has no http(s) address", "{kind}: {page}");
        }
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_and_no_debug_output() {
    let mut texts = Vec::new();
    for kind in KINDS {
        let fake = Fake::start(kind, &[]);
        texts.push(format!("{:?}", fake.forge()));
        let page = format!("{{\"message\": \"{TOKEN}\", \"number\": \"{TOKEN}\", \"html_url\": \"{TOKEN}\"}}");
        let location = format!("Location: https://{TOKEN}.example.com/{TOKEN}");
        for status in [200, 302, 401, 403, 404, 409, 422, 429, 500] {
            fake.receiver.otherwise(said(status, &[&location], &page));
            texts.push(format!("{:?}", fake.forge().proposal(BRANCH, BASE).await));
            fake.receiver.otherwise(said(status, &[&location], TOKEN));
            texts.push(format!("{:?}", fake.forge().propose(&TO_MAKE).await));
        }
        fake.receiver.otherwise(Reply::Cut);
        texts.push(format!("{:?}", fake.forge().propose(&TO_MAKE).await));
        let address =
            ForgeAddress { kind, api_url: "http://127.0.0.1:1".to_owned(), repository: "acme/shop".to_owned() };
        let nobody = Forge::new(address, SecretString::from(TOKEN), Outbound::anywhere()).unwrap();
        texts.push(format!("{:?}", nobody.proposal(BRANCH, BASE).await));
    }
    for text in texts {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn gits_address_says_where_pull_requests_are_made() {
    use ForgeKind::{GitHub, GitLab, Gitea};
    let forgejo = Some(("https://git.example.com/api/v1", "acme/shop"));
    let github = Some(("https://api.github.com", "acme/shop"));
    for (kind, address, expected) in [
        (Gitea, "https://git.example.com/acme/shop.git", forgejo),
        (Gitea, "https://Git.example.com/acme/shop/", forgejo),
        (Gitea, "ssh://git@git.example.com:2222/acme/shop.git", forgejo),
        (Gitea, "ssh://git.example.com/acme/shop", forgejo),
        (Gitea, "git@git.example.com:acme/shop.git", forgejo),
        (Gitea, "git@git.example.com:/acme/shop.git", forgejo),
        (Gitea, "https://h:8443/acme/shop", Some(("https://h:8443/api/v1", "acme/shop"))),
        (Gitea, "https://h:443/acme/shop", Some(("https://h/api/v1", "acme/shop"))),
        (Gitea, "https://h/git/acme/shop.git", Some(("https://h/git/api/v1", "acme/shop"))),
        (Gitea, "https://[::1]:3000/acme/shop", Some(("https://[::1]:3000/api/v1", "acme/shop"))),
        (GitHub, "https://github.com/acme/shop.git", github),
        (GitHub, "git@github.com:acme/shop.git", github),
        (GitHub, "ssh://git@ssh.github.com:443/acme/shop.git", github),
        (GitHub, "https://ghe.example/acme/shop", Some(("https://ghe.example/api/v3", "acme/shop"))),
        (GitHub, "git@acme.ghe.com:acme/shop.git", Some(("https://api.acme.ghe.com", "acme/shop"))),
        (GitLab, "https://gitlab.com/acme/shop.git", Some(("https://gitlab.com/api/v4", "acme/shop"))),
        (GitLab, "git@gitlab.com:a/b/c.d.git", Some(("https://gitlab.com/api/v4", "a/b/c.d"))),
        (GitLab, "ssh://git@altssh.gitlab.com:443/a/b/c/d", Some(("https://gitlab.com/api/v4", "a/b/c/d"))),
        (Gitea, "https://git.example.com/shop.git", None),
        (GitLab, "git@gitlab.com:shop.git", None),
        (Gitea, "https://git.example.com/acme/../shop.git", None),
        (Gitea, "https://git.example.com/acme/.git", None),
        (Gitea, "https://git.example.com/acme//shop", None),
        (GitHub, "https://github.com/acme/sh%20op", None),
        (Gitea, "/srv/acme/shop.git", None),
    ] {
        let repository: RepositoryAddress = address.parse().unwrap();
        let expected = expected.map(|(api_url, repository)| ForgeAddress {
            kind,
            api_url: api_url.to_owned(),
            repository: repository.to_owned(),
        });
        assert_eq!(ForgeAddress::of(kind, &repository), expected, "{address}");
    }
    let open = RepositoryAddress::Remote("http://git.example.com/acme/shop.git".to_owned());
    assert_eq!(ForgeAddress::of(Gitea, &open), None, "a token is sent to nobody in clear by default");
}

#[test]
fn what_can_be_no_forge_is_refused() {
    let outbound = Outbound::anywhere();
    let new = |kind: ForgeKind, api_url: &str, repository: &str, token: &str| {
        let address = ForgeAddress { kind, api_url: api_url.to_owned(), repository: repository.to_owned() };
        Forge::new(address, SecretString::from(token), outbound.clone()).map(drop)
    };
    let api = "https://git.example.com/api/v1";
    for kind in KINDS {
        new(kind, api, "acme/shop", TOKEN).unwrap();
        for url in ["", "git.example.com", "ftp://h/", "https://ann:word@h/", "https://h/?a=", "https://h/#a"] {
            let error = new(kind, url, "acme/shop", TOKEN).unwrap_err();
            assert!(matches!(error, ForgeError::ReadAddress { .. }), "{url}: {error}");
            assert!(
                !error.to_string().contains("word") && error.hint().unwrap().starts_with("as in https://"),
                "{error}"
            );
        }
        for name in ["", "shop", "acme/", "/shop", "acme/..", "acme/a b", "acme/shop?x", "acme/shop/"] {
            let error = new(kind, api, name, TOKEN).unwrap_err();
            assert!(matches!(error, ForgeError::ReadRepository { .. }), "{name}: {error}");
        }
        for token in ["", "two words", "a-token\n", "tökén"] {
            let error = new(kind, api, "acme/shop", token).unwrap_err();
            assert!(matches!(error, ForgeError::ReadToken { .. }), "{error}");
        }
        assert_eq!(new(kind, api, "a/b/c", TOKEN).is_ok(), kind == ForgeKind::GitLab);
    }
}

#[test]
fn a_kind_has_the_name_that_people_write() {
    for (name, kind) in [
        ("gitea", Some(ForgeKind::Gitea)),
        ("forgejo", Some(ForgeKind::Gitea)),
        ("github", Some(ForgeKind::GitHub)),
        ("gitlab", Some(ForgeKind::GitLab)),
        ("GitHub", None),
    ] {
        assert_eq!(serde_json::from_value(name.into()).ok(), kind, "{name}");
    }
}
