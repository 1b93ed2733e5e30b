//! Asking what somebody may do. The answer is kept nowhere.

use http::{Request, header};
use kube::client::Body;
use serde_json::Value as Json;

use super::{Cluster, ClusterError, JSON};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

impl Cluster {
    /// Has the API server judge a `SubjectAccessReview`, and gives it back with its status.
    pub async fn review_access(&self, review: &Json) -> Result<Json, ClusterError> {
        let request = Request::post(REVIEWS)
            .header(header::ACCEPT, JSON)
            .header(header::CONTENT_TYPE, JSON)
            .body(Body::from(review.to_string().into_bytes()));
        let answer = self.send(REVIEWS, request).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| ClusterError::Malformed { cluster: self.name.clone(), reason: error.to_string() })
    }
}
