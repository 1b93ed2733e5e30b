//! What stands before every route: the host by which it is called, where a change comes from, sizes, times, and numbers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::caller::COOKIE;
use super::{Problem, linger};
use crate::serve::Service;
use crate::telemetry::traces;

/// No request that means something here is larger.
pub(super) const MOST_BYTES: usize = 1 << 20;
/// Longer than a scan that is waited for.
const LONGEST: Duration = Duration::from_mins(11);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Only the binary's own files; no inline script, no frame, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Routes with the guard before them.
pub(crate) fn guarded(routes: Router<Arc<Service>>, service: Arc<Service>, hosts: Arc<Vec<String>>) -> Router {
    // One layer of many: a router copies what is below each layer of its own at each request.
    let guard = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(middleware::from_fn(linger::read_out))
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST))
        .layer(middleware::map_response(secured))
        .layer(middleware::from_fn_with_state(service.clone(), crate::ui::humane))
        .layer(CatchPanicLayer::custom(broken))
        .layer(middleware::from_fn_with_state(hosts, check))
        .layer(middleware::from_fn_with_state(service.clone(), note));
    routes.fallback(async || Problem::not_found("page")).layer(guard).with_state(service)
}

async fn check(State(hosts): State<Arc<Vec<String>>>, request: Request, next: Next) -> Response {
    let host = host(&request);
    // A kubelet asks by the Pod's address, and gets nothing but a word.
    let is_probe = matches!(request.uri().path(), "/livez" | "/readyz");
    if !is_probe && !host.as_ref().is_some_and(|host| hosts.contains(host)) {
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, "this service is not called so")
            .detail("call it by its address, or add the name to `hosts` of the configuration")
            .into_response();
    }
    if !request.method().is_safe() && !is_from_here(request.headers(), host.as_deref().unwrap_or_default()) {
        return Problem::new(StatusCode::FORBIDDEN, "a change that another page asks for")
            .detail("a browser may change something only from the service's own page")
            .into_response();
    }
    next.run(request).await
}

/// What a browser is told not to do with an answer.
async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn host(request: &Request) -> Option<String> {
    let named = request.uri().authority().map(ToString::to_string);
    let host = named.or_else(|| Some(request.headers().get(header::HOST)?.to_str().ok()?.to_owned()))?;
    Some(host.to_ascii_lowercase())
}

/// A browser says where a request comes from; a program says nothing, and has no cookie.
fn is_from_here(headers: &HeaderMap, host: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    let origin =
        text("origin").map(|origin| origin.split_once("://").map_or("", |(_, host)| host).to_ascii_lowercase());
    let has_cookie = text("cookie").is_some_and(|cookies| cookies.contains(COOKIE));
    match (site, origin) {
        (Some(site), _) if site != "same-origin" => false,
        (_, Some(origin)) => origin == host,
        (Some(_), None) => true,
        (None, None) => !has_cookie,
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it took decides nothing")]
async fn note(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("other", |path| path.as_str()).to_owned();
    let method: Method = request.method().clone();
    let id = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
    );
    traces::follow(&span, request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let seconds = started.elapsed().as_secs_f64();
    tracing::debug!(%method, route, status = response.status().as_u16(), seconds, request_id = id, "answered");
    service.metrics.answered(route, response.status().as_u16(), seconds);
    response
}

fn broken(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a request broke down");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the service broke down over this request")
        .detail("this is a defect of anchorwatch; its log says more")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_comes_from_the_own_page_or_from_a_program() {
        let of = |pairs: &[(&'static str, &str)]| {
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
                .collect();
            is_from_here(&headers, "a:1")
        };
        for (headers, is_from_here) in [
            (&[][..], true),
            (&[("cookie", "anchorwatch_session=x")], false),
            (&[("sec-fetch-site", "same-origin"), ("cookie", "anchorwatch_session=x")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "http://a:1"), ("cookie", "anchorwatch_session=x")], true),
            (&[("origin", "http://evil:1")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "http://evil:1")], false),
        ] {
            assert_eq!(of(headers), is_from_here, "{headers:?}");
        }
    }
}
