//! Dry runs: what the server would make of an object. Nothing is kept; the query that says so is always there.

use http::{Request, header};
use kube::client::Body;

use super::{Cluster, ClusterError};

impl Cluster {
    /// Applies an object (server-side, JSON) without keeping it, and gives back what it would be.
    pub async fn dry_run_apply(&self, path: &str, object: Vec<u8>) -> Result<Vec<u8>, ClusterError> {
        let address = format!("{path}?dryRun=All&fieldManager=anchorwatch&force=true");
        let request = Request::patch(address)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .body(Body::from(object))
            .expect("a path made of names that Kubernetes allows");
        self.send(request).await
    }
}
