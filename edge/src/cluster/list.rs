//! LIST, page by page, its items unread.

use std::time::Duration;

use anchorwatch_core::object::list::ListPage;
use serde_json::Value as Json;

use super::{Cluster, ClusterError, JSON, encode};

/// Objects a page; larger ones hardly read faster, and several of them are in memory at a time.
pub const PAGE: usize = 250;
const ATTEMPTS: u32 = 5;
/// More pages than any list has: a server that always names a next one would be followed forever.
const MOST_PAGES: u32 = 100_000;
/// How often a list that expired is begun anew.
const RESTARTS: u32 = 3;
/// The longest that a server's Retry-After is followed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The pages of a list, asked for one after the other.
#[derive(Debug)]
pub struct Pages {
    cluster: Cluster,
    path: String,
    accept: &'static str,
    place: Place,
    restarts: u32,
}

/// Of each object only what says which one it is and to whom it belongs; a server that cannot gives whole ones.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Where in a list the next page is.
#[derive(Debug, Default)]
struct Place {
    token: Option<String>,
    pages: u32,
    ended: bool,
}

impl Place {
    /// After a page that names the next one; the error says why there can be none.
    fn advance(&mut self, next: Option<&str>) -> Result<(), String> {
        self.pages += 1;
        if next.is_some() && next == self.token.as_deref() {
            return Err("its next page is the same one again".to_owned());
        }
        if next.is_some() && self.pages >= MOST_PAGES {
            return Err(format!("it has no end after {MOST_PAGES} pages"));
        }
        self.token = next.map(str::to_owned);
        self.ended = next.is_none();
        Ok(())
    }
}

impl Pages {
    /// The next page; `None` after the last. A list that expired on the way is begun anew: an object may come twice.
    pub async fn next(&mut self) -> Result<Option<ListPage>, ClusterError> {
        while !self.place.ended {
            let path = &self.path;
            let address = match &self.place.token {
                Some(token) => format!("{path}?limit={PAGE}&continue={}", encode(token)),
                None => format!("{path}?limit={PAGE}"),
            };
            let body = match self.cluster.get_patiently_as(&address, self.accept).await {
                Err(error) if error.code() == Some(410) && self.place.token.is_some() && self.restarts < RESTARTS => {
                    self.restarts += 1;
                    self.place.token = None;
                    continue;
                }
                body => body?,
            };
            let malformed = |reason| ClusterError::Malformed { cluster: self.cluster.name.clone(), reason };
            let page = ListPage::parse(body).map_err(|error| malformed(error.to_string()))?;
            self.place.advance(page.next.as_deref()).map_err(malformed)?;
            return Ok(Some(page));
        }
        Ok(None)
    }

    /// All that are left, in memory: for lists that are known to be short.
    pub async fn all(mut self) -> Result<Vec<ListPage>, ClusterError> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.push(page);
        }
        Ok(all)
    }
}

impl Cluster {
    /// The pages of the list at a path.
    pub fn list(&self, path: &str) -> Pages {
        Pages { cluster: self.clone(), path: path.to_owned(), accept: JSON, place: Place::default(), restarts: 0 }
    }

    /// The same, of each object only its metadata, where the server can leave the rest out.
    pub fn list_metadata(&self, path: &str) -> Pages {
        Pages { accept: METADATA, ..self.list(path) }
    }

    /// The objects at a path, read; for lists that are known to be short.
    pub async fn objects(&self, path: &str) -> Result<Vec<Json>, ClusterError> {
        let pages = self.list(path).all().await?;
        let objects = pages.iter().flat_map(ListPage::items).map(serde_json::from_str).collect::<Result<_, _>>();
        objects.map_err(|error| ClusterError::Malformed { cluster: self.name.clone(), reason: error.to_string() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_end_is_not_followed_forever() {
        let mut place = Place::default();
        assert!((1..MOST_PAGES).all(|page| place.advance(Some(["a", "b"][page as usize % 2])).is_ok()));
        assert!(place.advance(Some("a")).unwrap_err().contains("no end"));
    }

    #[test]
    fn the_last_page_names_no_next_one() {
        let mut place = Place::default();
        place.advance(Some("a")).unwrap();
        assert!(place.advance(Some("a")).is_err());
        place.advance(None).unwrap();
        assert!(place.ended);
    }
}
