//! LIST, page by page, its items unread.

use std::time::Duration;

use anchorwatch_core::object::list::ListPage;

use super::{Cluster, ClusterError, JSON, encode};

/// Objects a page; larger ones hardly read faster, and several of them are in memory at a time.
pub const PAGE: usize = 250;
const ATTEMPTS: u32 = 5;
/// How often a list that expired is begun anew.
const RESTARTS: u32 = 3;
/// The longest that a server's Retry-After is followed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The pages of a list, asked for one after the other.
#[derive(Debug)]
pub struct Pages {
    cluster: Cluster,
    path: String,
    token: Option<String>,
    restarts: u32,
    ended: bool,
}

impl Pages {
    /// The next page; `None` after the last. A list that expired on the way is begun anew: an object may come twice.
    pub async fn next(&mut self) -> Result<Option<ListPage>, ClusterError> {
        while !self.ended {
            let path = &self.path;
            let address = match &self.token {
                Some(token) => format!("{path}?limit={PAGE}&continue={}", encode(token)),
                None => format!("{path}?limit={PAGE}"),
            };
            let body = match self.cluster.get_patiently(&address).await {
                Err(error) if error.code() == Some(410) && self.token.is_some() && self.restarts < RESTARTS => {
                    self.restarts += 1;
                    self.token = None;
                    continue;
                }
                body => body?,
            };
            let malformed = |reason| ClusterError::Malformed { cluster: self.cluster.name.clone(), reason };
            let page = ListPage::parse(body).map_err(|error| malformed(error.to_string()))?;
            if page.next.is_some() && page.next == self.token {
                return Err(malformed("its next page is the same one again".to_owned()));
            }
            self.token.clone_from(&page.next);
            self.ended = self.token.is_none();
            return Ok(Some(page));
        }
        Ok(None)
    }
}

impl Cluster {
    /// The pages of the list at a path.
    pub fn list(&self, path: &str) -> Pages {
        Pages { cluster: self.clone(), path: path.to_owned(), token: None, restarts: 0, ended: false }
    }

    /// The same, but a list that expires on the way is an error: no page is of another list than the first.
    pub(super) fn list_once(&self, path: &str) -> Pages {
        Pages { restarts: RESTARTS, ..self.list(path) }
    }

    /// GETs again where the server is busy or failing, as long as it asks to wait, or ever longer.
    pub(super) async fn get_patiently(&self, address: &str) -> Result<Vec<u8>, ClusterError> {
        self.get_patiently_as(address, JSON).await
    }

    pub(super) async fn get_patiently_as(&self, address: &str, accept: &str) -> Result<Vec<u8>, ClusterError> {
        let mut attempt = 1;
        loop {
            let error = match self.get_as(address, accept).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let (passing, asked) = match &error {
                ClusterError::Refused { code: 429 | 500..=599, retry_after, .. } => (true, *retry_after),
                ClusterError::BrokenAnswer { .. } => (true, None),
                _ => (false, None),
            };
            if !passing || attempt == ATTEMPTS {
                return Err(error);
            }
            let wait = asked.map_or(Duration::from_millis(200 << attempt), Duration::from_secs);
            tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
            attempt += 1;
        }
    }
}
