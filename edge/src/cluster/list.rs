//! LIST, page by page, its items unread.

use std::time::Duration;

use anchorwatch_core::object::list::ListPage;

use super::{Cluster, ClusterError};

/// Objects a page.
pub const PAGE: usize = 500;
const ATTEMPTS: u32 = 5;
/// The longest that a server's Retry-After is followed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl Cluster {
    /// Reads all pages of a list and hands each one on. A list that expired on the way is begun anew: an object may be
    /// handed on twice.
    pub async fn list_pages(&self, path: &str, mut take: impl AsyncFnMut(ListPage)) -> Result<(), ClusterError> {
        let mut next: Option<String> = None;
        let mut restarts = 0;
        loop {
            let address = match &next {
                Some(token) => format!("{path}?limit={PAGE}&continue={}", encode(token)),
                None => format!("{path}?limit={PAGE}"),
            };
            let page = match self.get_patiently(&address).await {
                Err(error) if error.code() == Some(410) && next.is_some() && restarts < 3 => {
                    restarts += 1;
                    next = None;
                    continue;
                }
                page => page?,
            };
            let malformed = |reason| ClusterError::Malformed { cluster: self.name.clone(), reason };
            let page = ListPage::parse(page).map_err(|error| malformed(error.to_string()))?;
            next.clone_from(&page.next);
            take(page).await;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// GETs again where the server is busy or failing, as long as it asks to wait, or ever longer.
    pub(super) async fn get_patiently(&self, address: &str) -> Result<Vec<u8>, ClusterError> {
        let mut attempt = 1;
        loop {
            let error = match self.get(address).await {
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

/// Percent-encodes a continue token (base64) for a query.
fn encode(token: &str) -> String {
    use std::fmt::Write as _;
    token.bytes().fold(String::with_capacity(token.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}
