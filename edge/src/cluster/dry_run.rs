//! Dry runs: what the server would make of an object. Nothing is kept; the query that says so is always there.

use anchorwatch_core::change::{Body as WriteBody, FIELD_MANAGER};
use http::{Request, header};
use kube::client::Body;

use super::apply::{JSON_PATCH, Place};
use super::{Cluster, ClusterError, JSON};

const APPLY: (&str, &str) = ("application/apply-patch+yaml", "&force=true");

impl Cluster {
    /// Applies an object (server-side, JSON) without keeping it, and gives back what it would be.
    pub async fn dry_run_apply(&self, path: &str, object: Vec<u8>) -> Result<Vec<u8>, ClusterError> {
        self.dry_run(path, APPLY, object).await
    }

    /// Patches an object (RFC 6902) without keeping it, and gives back what it would be.
    pub async fn dry_run_patch(&self, path: &str, patch: Vec<u8>) -> Result<Vec<u8>, ClusterError> {
        self.dry_run(path, (JSON_PATCH, ""), patch).await
    }

    /// Sends the very bytes that would be written without keeping anything, and gives back what the object would be.
    pub async fn try_out(&self, place: &Place, body: &WriteBody) -> Result<Vec<u8>, ClusterError> {
        self.send(&place.object, place.request(body, body.to_try_out(), "&dryRun=All")).await
    }

    async fn dry_run(
        &self,
        path: &str,
        (content_type, query): (&str, &str),
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ClusterError> {
        let request = Request::patch(format!("{path}?dryRun=All&fieldManager={FIELD_MANAGER}{query}"))
            .header(header::ACCEPT, JSON)
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body));
        self.send(path, request).await
    }
}
