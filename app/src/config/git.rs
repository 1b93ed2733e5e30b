//! How Git is reached, and how commits are made, host by host.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anchorwatch_edge::forge::{ForgeAddress, ForgeKind};
use anchorwatch_edge::git::{Author, GitLocation};
use serde_saphyr::Location;

use super::{at, file, unique};
use crate::drift::adopt::publish::{Committing, ForgeAccess};
use crate::drift::source::GitAccess;
use crate::secret::Secret;

/// How Git is reached, host by host.
#[derive(Debug, Clone)]
pub(super) struct GitHosts {
    copies: PathBuf,
    known_hosts: Option<PathBuf>,
    certificate_authority: Option<PathBuf>,
    credentials: Vec<Credentials>,
    committing: Committing,
}

/// What one host is shown.
#[derive(Debug, Clone)]
struct Credentials {
    at: Location,
    host: String,
    token: Option<(String, Secret)>,
    ssh_key: Option<PathBuf>,
    /// Whose API it has, and where that is, if not where it usually is.
    forge: Option<(ForgeKind, Option<String>)>,
}

impl GitHosts {
    pub(super) fn read(written: file::Git, folder: &Path, beside: &Path) -> Result<Self, String> {
        let file::Git {
            copies,
            known_hosts_file,
            certificate_authority_file,
            credentials,
            author,
            sign_off,
            signing_key_file,
        } = written;
        // One that is absolute stays as it is.
        let from_here = |path: PathBuf| folder.join(path);
        let credentials = credentials.into_iter().map(|written| {
            let place = written.referenced;
            let file::GitCredentials { host, user, token_file, ssh_key_file, forge, api_url } = written.value;
            let token = match (token_file, &ssh_key_file) {
                (None, None) => return Err(at(place, "git.credentials: say a token_file or an ssh_key_file")),
                (file, _) => file.map(|file| {
                    // Forges that need no name take any.
                    (user.clone().unwrap_or_else(|| "anchorwatch".to_owned()), Secret::File(from_here(file)))
                }),
            };
            if user.is_some() && token.is_none() {
                return Err(at(place, "git.credentials: a user means nothing without a token_file"));
            }
            let forge = match (forge, api_url) {
                (None, Some(_)) => return Err(at(place, "git.credentials: an api_url means nothing without a forge")),
                (Some(_), _) if token.is_none() => {
                    return Err(at(place, "git.credentials: a forge wants a token_file, for pull requests"));
                }
                (_, Some(url)) if !is_api_url(&url) => {
                    return Err(at(
                        place,
                        "git.credentials: api_url: an https address, as in https://git.example.com/api/v1",
                    ));
                }
                (forge, url) => forge.map(|kind| (kind, url)),
            };
            let (host, ssh_key) = (host.to_ascii_lowercase(), ssh_key_file.map(from_here));
            Ok(Credentials { at: place, host, token, ssh_key, forge })
        });
        let credentials = credentials.collect::<Result<Vec<_>, String>>()?;
        unique(credentials.iter().map(|own| (own.host.as_str(), own.at)), "hosts of git.credentials")?;
        let author = match author {
            Some(author) => author.value.parse().map_err(|why| at(author.referenced, &format!("git.author: {why}")))?,
            None => Author { name: "Anchorwatch".to_owned(), email: "anchorwatch@localhost".to_owned() },
        };
        let committing = Committing {
            author: Some(author),
            is_signed_off: sign_off,
            signing_key: signing_key_file.map(from_here),
            is_direct: false,
            forge: None,
        };
        Ok(Self {
            committing,
            copies: copies.map_or_else(|| beside.join("git-copies"), from_here),
            known_hosts: known_hosts_file.map(from_here),
            certificate_authority: certificate_authority_file.map(from_here),
            credentials,
        })
    }

    /// How the repository of a source is reached.
    pub(super) fn access(&self, address: &str) -> GitAccess {
        let host = host_of(address);
        let own = self.credentials.iter().find(|own| Some(&own.host) == host.as_ref());
        let (token, ssh_key) = own.map(|own| (own.token.clone(), own.ssh_key.clone())).unwrap_or_default();
        GitAccess {
            copies: self.copies.clone(),
            known_hosts: self.known_hosts.clone(),
            certificate_authority: self.certificate_authority.clone(),
            token,
            ssh_key,
        }
    }

    /// How commits to the repository of a source are made.
    pub(super) fn committing(&self, address: &str, push: file::PushTo) -> Result<Committing, &'static str> {
        let host = host_of(address);
        let own = self.credentials.iter().find(|own| Some(&own.host) == host.as_ref());
        let forge = own.and_then(|own| Some((own.forge.clone()?, own.token.clone()?)));
        let forge = forge.map(|((kind, api_url), (_, token))| {
            let repository = address.parse::<GitLocation>().ok();
            let place = repository.and_then(|location| ForgeAddress::of(kind, location.repository()));
            let place = place.ok_or("its address names no repository of a forge, as https://HOST/OWNER/NAME does")?;
            let api_url = api_url.unwrap_or(place.api_url);
            let certificate_authority = self.certificate_authority.clone();
            Ok::<_, &'static str>(ForgeAccess {
                address: ForgeAddress { api_url, ..place },
                token,
                certificate_authority,
            })
        });
        Ok(Committing { is_direct: push == file::PushTo::Direct, forge: forge.transpose()?, ..self.committing.clone() })
    }

    /// What is wrong where a host's credentials are for no source: these are the hosts of sources.
    pub(super) fn unused(&self, hosts: &BTreeSet<String>) -> Option<String> {
        let Credentials { at: place, host, .. } = self.credentials.iter().find(|own| !hosts.contains(&own.host))?;
        Some(at(*place, &format!("git.credentials: no source is fetched from {host:?}; take it out, or add a source")))
    }
}

/// A token is not sent in clear, but on this machine.
fn is_api_url(url: &str) -> bool {
    let here = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    url.starts_with("https://") || here.iter().any(|here| url.starts_with(here))
}

/// The host that a repository is on; `None` for one on disk.
pub(super) fn host_of(address: &str) -> Option<String> {
    address.parse::<GitLocation>().ok()?.repository().host()
}
