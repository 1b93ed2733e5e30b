//! The page.

use std::sync::Arc;

use axum::Router;

use crate::serve::Service;

/// Every page.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
}
