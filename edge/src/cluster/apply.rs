//! Writing to a cluster. Nothing is written without a permit of the guard's.

use anchorwatch_core::change::{Body, FIELD_MANAGER};
use anchorwatch_core::guard::Permit;
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::schema::Schema;
use http::{Request, header};
use jiff::Timestamp;
use kube::client::Body as HttpBody;

use super::discover::listing;
use super::{Cluster, ClusterError, JSON};

pub(super) const JSON_PATCH: &str = "application/json-patch+json";

/// Where an object is: paths of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Of its kind's objects.
    pub collection: String,
    /// Its own.
    pub object: String,
}

impl Place {
    /// Where an object of this name is; `None` if the schema does not know its kind.
    pub fn of(schema: &Schema, api_version: &str, kind: &GroupKind, namespace: &str, name: &str) -> Option<Self> {
        let listing = listing(schema, api_version, kind, Some(namespace).filter(|namespace| !namespace.is_empty()))?;
        Some(Self { object: listing.object(name), collection: listing.path })
    }

    /// The plural of its kind.
    pub fn resource(&self) -> &str {
        self.collection.rsplit('/').next().unwrap_or_default()
    }

    /// Where a body is sent: to the object, or to where it is created.
    pub fn path(&self, body: &Body) -> &str {
        if body.method() == "POST" { &self.collection } else { &self.object }
    }

    /// What is asked to write this there.
    pub(super) fn request(&self, body: &Body, bytes: Vec<u8>, query: &str) -> http::Result<Request<HttpBody>> {
        let content_type = if body.method() == "PATCH" { JSON_PATCH } else { JSON };
        Request::builder()
            .method(body.method())
            .uri(format!("{}?fieldManager={FIELD_MANAGER}{query}", self.path(body)))
            .header(header::ACCEPT, JSON)
            .header(header::CONTENT_TYPE, content_type)
            .body(HttpBody::from(bytes))
    }
}

impl Cluster {
    /// What tells this cluster from all others: a permit is for one of them.
    pub fn identity(&self) -> String {
        format!("{} {}", self.name, self.server)
    }

    /// The object at a path; `None` if there is none.
    pub async fn object(&self, path: &str) -> Result<Option<Vec<u8>>, ClusterError> {
        match self.get_patiently(path).await {
            Err(error) if error.code() == Some(404) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Writes once, and gives the object as it is then. It is not tried again: nobody knows what became of a request without
    /// an answer.
    pub async fn write(
        &self,
        permit: Permit,
        place: &Place,
        body: &Body,
        now: Timestamp,
    ) -> Result<Vec<u8>, ClusterError> {
        if !permit.allows(&self.identity(), place.path(body), body, now) {
            return Err(ClusterError::NotPermitted { cluster: self.name.clone(), path: place.object.clone() });
        }
        self.send(&place.object, place.request(body, body.bytes().to_vec(), "")).await
    }
}
