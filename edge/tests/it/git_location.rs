//! `REPO[//PATH][?ref=REV]`.

use std::path::PathBuf;

use anchorwatch_edge::git::{GitLocation, ParseLocationError, RepositoryAddress};

#[test]
fn locations_are_taken_apart() {
    let local = |path: &str| RepositoryAddress::Local(PathBuf::from(path));
    let remote = |address: &str| RepositoryAddress::Remote(address.to_owned());
    let cases = [
        ("https://host/x.git//deploy?ref=main", remote("https://host/x.git"), "deploy", Some("main")),
        ("HTTPS://host:8443/x", remote("https://host:8443/x"), "", None),
        ("https://host/x.git//a//b/./c/?ref=v1", remote("https://host/x.git"), "a/b/c", Some("v1")),
        ("https://[::1]:443/x.git", remote("https://[::1]:443/x.git"), "", None),
        ("ssh://git@host/x.git", remote("ssh://git@host/x.git"), "", None),
        ("ssh://host:2222/~/x.git//p", remote("ssh://host:2222/~/x.git"), "p", None),
        ("git@host:org/x.git//p", remote("git@host:org/x.git"), "p", None),
        ("git@host:/abs/x.git?ref=feature/a", remote("git@host:/abs/x.git"), "", Some("feature/a")),
        ("file:///abs/repo.git//deploy?ref=v1", local("/abs/repo.git"), "deploy", Some("v1")),
        ("file://localhost/abs/a%20b.git", local("/abs/a b.git"), "", None),
        ("file:///abs/100%.git", local("/abs/100%.git"), "", None),
        ("shop.git//deploy?ref=main", local("shop.git"), "deploy", Some("main")),
        ("./repo?ref=main", local("./repo"), "", Some("main")),
        ("/abs/repo//?ref=main~2", local("/abs/repo"), "", Some("main~2")),
        ("../repo//a/b.yaml", local("../repo"), "a/b.yaml", None),
        ("repo//a..b/...", local("repo"), "a..b/...", None),
        ("./odd:name@x//p", local("./odd:name@x"), "p", None),
        ("商店//部署?ref=主", local("商店"), "部署", Some("主")),
    ];
    for (text, repository, path, revision) in cases {
        let location: GitLocation = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(location.repository(), &repository, "{text}");
        assert_eq!(location.path().as_str(), path, "{text}");
        assert_eq!(location.revision(), revision, "{text}");
        assert_eq!(location.to_string().parse(), Ok(location), "{text}");
    }
}

#[test]
fn what_git_could_be_misled_by_is_refused() {
    use ParseLocationError as E;
    let dash = |part| E::LeadingDash { part };
    let scheme = |name: &str| E::ReadScheme { scheme: name.to_owned() };
    let cases = [
        ("https://user@host/x.git", E::UserInfo),
        ("https://user:secret@host/x.git", E::UserInfo),
        ("https://token:@host/x.git", E::UserInfo),
        ("ssh://git:secret@host/x.git", E::UserInfo),
        ("ssh://@host/x.git", E::UserInfo),
        ("git:secret@host:x.git", E::UserInfo),
        ("ext::sh -c id", scheme("ext::")),
        ("ext::ssh://host/x?ref=a", scheme("ext::")),
        ("fd::17//p", scheme("fd::")),
        ("http://host/x.git", scheme("http")),
        ("git://host/x.git", scheme("git")),
        ("ftp://host/x.git", scheme("ftp")),
        ("-u//p", dash("repository")),
        ("--upload-pack=id?ref=main", dash("repository")),
        ("ssh://-oProxyCommand=id/x", dash("host")),
        ("ssh://-l@host/x", dash("host")),
        ("git@-oProxyCommand=id:x", dash("host")),
        ("git@host:-x", dash("repository")),
        ("repo//-p", dash("path")),
        ("repo?ref=-n", dash("revision")),
        ("repo?ref=--output=/tmp/x", dash("revision")),
        ("repo//a/../../b", E::ParentFolder),
        ("repo//..", E::ParentFolder),
        ("repo//a\nb", E::ControlCharacter),
        ("re\u{1b}[31mpo//a", E::ControlCharacter),
        ("repo?ref=a\0b", E::ControlCharacter),
        ("file:///a%0ab//p", E::ControlCharacter),
        ("file://host/x", E::ReadHost),
        ("https:///x", E::ReadHost),
        ("https://ho st/x", E::ReadHost),
        ("https://host", E::ReadRepository),
        ("https://host//x", E::ReadRepository),
        ("file:///", E::ReadRepository),
        ("//p", E::ReadRepository),
        ("?ref=main", E::ReadRepository),
        ("", E::ReadRepository),
        ("https://host/x.git#main", E::ReadQuery),
        ("https://host/x.git?depth=1", E::ReadQuery),
        ("repo//a?b?ref=main", E::ReadQuery),
        ("repo?ref=", E::ReadRevision),
        ("repo?ref=a&ref=b", E::ReadRevision),
        ("repo?ref=main:a", E::ReadRevision),
        ("repo?ref=a..b", E::ReadRevision),
        ("repo?ref=a b", E::ReadRevision),
        ("repo?ref=^main", E::ReadRevision),
        ("repo?ref=:/fix", E::ReadRevision),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<GitLocation>(), Err(expected), "{text:?}");
    }
}

#[test]
fn a_source_means_git_by_its_form() {
    for git in ["a//b", "a?ref=b", "https://h/x", "git@h:x", "file:///x", "ext::x"] {
        assert!(GitLocation::is_meant_by(git), "{git}");
    }
    for path in ["a/b", "./a", "/a/b.yaml", "a@b/c", "C:x", "a?b"] {
        assert!(!GitLocation::is_meant_by(path), "{path}");
    }
}

#[test]
fn no_error_repeats_a_secret() {
    for text in ["https://user:hunter2@host/x", "ssh://u:hunter2@host/x", "https://hunter2@host/x?ref=a"] {
        let error = text.parse::<GitLocation>().unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("hunter2"));
    }
}
