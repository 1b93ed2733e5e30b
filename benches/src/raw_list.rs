//! The least that any scan has to do: the same paged LISTs over the same client, their bodies dropped unread.

use std::error::Error;
use std::path::PathBuf;

use anchorwatch_edge::cluster::list::PAGE;
use anchorwatch_edge::cluster::{Cluster, ConnectOptions};
use futures::StreamExt as _;

use crate::objects::lists;

/// As many as a scan reads at the same time.
const CONCURRENT_LISTS: usize = 4;
/// A list's metadata, with the token of the next page, comes before its items.
const HEAD: usize = 1024;

/// Reads all lists that hold the first apps; gives back the number of bytes.
pub(crate) async fn run(kubeconfig: PathBuf, apps: usize) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let cluster =
        Cluster::connect(&ConnectOptions { kubeconfig: Some(kubeconfig), context: None, in_cluster: false }).await?;
    let mut reads =
        futures::stream::iter(lists(apps)).map(|path| read(&cluster, path)).buffer_unordered(CONCURRENT_LISTS);
    let mut bytes = 0;
    while let Some(read) = reads.next().await {
        bytes += read?;
    }
    Ok(bytes)
}

async fn read(cluster: &Cluster, path: String) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let (mut bytes, mut next) = (0, String::new());
    loop {
        let page = cluster.get(&format!("{path}?limit={PAGE}{next}")).await?;
        bytes += page.len();
        match token(&page) {
            // Base64 of the URL's alphabet: nothing to encode but the padding, which is left away.
            Some(token) => next = format!("&continue={token}"),
            None => return Ok(bytes),
        }
    }
}

/// `"continue":"TOKEN"` of a page's head.
fn token(page: &[u8]) -> Option<&str> {
    let head = page.get(..HEAD.min(page.len()))?;
    let head = &head[..head.windows(8).position(|w| w == b"\"items\":").unwrap_or(head.len())];
    let head = std::str::from_utf8(head).ok()?;
    let (_, rest) = head.split_once(r#""continue":""#)?;
    rest.split_once('"').map(|(token, _)| token).filter(|token| !token.is_empty())
}
