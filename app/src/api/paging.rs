//! What may be asked of lists, and how answers are told apart without being sent again.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::item::DriftStatus;
use anchorwatch_edge::store::Filter;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{Caller, Problem, model};

const MOST: u64 = 500;

/// Which reports or items.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this source.
    source: Option<String>,
    /// Of this cluster.
    cluster: Option<String>,
    /// Of this namespace; the empty one is that of cluster-scoped objects.
    namespace: Option<String>,
    /// With this status.
    #[param(value_type = Option<model::DriftStatus>, inline)]
    status: Option<DriftStatus>,
    /// Of this level; of reports those that have an item of it.
    #[param(value_type = Option<model::DriftLevel>, inline)]
    level: Option<DriftLevel>,
    /// Of this scan.
    scan: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u64>,
    /// Those after this one: the `next` of the page before.
    after: Option<String>,
}

impl Asked {
    /// The filter, the limit, and after which one.
    pub(super) fn read(self, caller: &Caller) -> Result<(Filter, u64, Option<String>), Problem> {
        let Self { source, cluster, namespace, status, level, scan, limit, after } = self;
        let limit = limit.unwrap_or(100);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read")
                .detail(format!("limit: from 1 to {MOST}")));
        }
        // No id, and no name, has a control character; a database may refuse it.
        let texts = [&source, &cluster, &namespace, &scan, &after];
        legible(texts.into_iter().flatten())?;
        let filter = Filter { source, cluster, namespace, status, level, scan, ..Filter::default() };
        Ok((caller.limit(filter), limit, after))
    }
}

/// Refuses a query with control characters.
pub(crate) fn legible<'t>(mut texts: impl Iterator<Item = &'t String>) -> Result<(), Problem> {
    if texts.any(|text| text.chars().any(char::is_control)) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the query cannot be read")
            .detail("control characters stand for nothing"));
    }
    Ok(())
}

/// JSON, or nothing where the caller has it already.
pub(super) fn answer(headers: &HeaderMap, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).expect("an answer is JSON");
    let mut hash = DefaultHasher::new();
    body.hash(&mut hash);
    let tag = format!("W/\"{:016x}\"", hash.finish());
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let caching = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
