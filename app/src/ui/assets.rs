//! The page's own files, inside the binary.

use anchorwatch_core::object::secret::hex;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;

use crate::api::Problem;

#[derive(RustEmbed)]
#[folder = "assets/"]
#[exclude = "*.LICENSE"]
struct Assets;

/// A file's address, which changes when the file does.
pub(super) fn href(name: &str) -> String {
    let hash = Assets::get(name).map(|file| hex(&file.metadata.sha256_hash()[..6])).unwrap_or_default();
    format!("/assets/{name}?{hash}")
}

pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let file = Assets::get(&name).ok_or_else(|| Problem::not_found("file"))?;
    let kind = match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((StatusCode::OK, headers, file.data).into_response())
}
