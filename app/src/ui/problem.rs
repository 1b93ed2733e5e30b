//! What goes wrong, for people with a browser: who is not known comes in first, and what is not there is said in words.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::address::{self, Address};
use super::frame::Frame;
use super::html;
use super::visit::{self, Visit};
use crate::api::Problem;
use crate::serve::Service;
use crate::words::Language;

#[derive(Template)]
#[template(path = "problem.html")]
struct Page {
    frame: Frame,
    /// What to do, in words.
    advice: String,
    /// What the service said.
    said: Vec<String>,
    may_come_in: bool,
}

/// Turns problems into pages where a browser asks for a page, and remembers a language that is chosen.
pub(crate) async fn humane(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let is_api = parts.uri.path().starts_with("/api/");
    let accept = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_htmx = parts.headers.contains_key("hx-request");
    let is_person = !is_api && (accept.contains("text/html") || is_htmx);
    if !is_person {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let visit = Visit::of(&parts, &service);
    let method = parts.method.clone();
    if let Some(language) = visit::chosen(&parts.uri).filter(|_| method.is_safe()) {
        return remembering(language, &visit.here);
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    match response.extensions().get::<Problem>() {
        Some(problem) => page(visit, &method, problem, is_htmx),
        None => response,
    }
}

/// Back to the same page, without the choice: an address that is sent to somebody says nothing of languages.
fn remembering(language: Language, here: &str) -> Response {
    let (path, query) = here.split_once('?').unwrap_or((here, ""));
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("lang=")).collect();
    let to = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    let cookie = format!("{}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", visit::LANGUAGE, language.tag());
    ([(header::SET_COOKIE, cookie)], Redirect::to(address::local(&to))).into_response()
}

fn page(visit: Visit, method: &Method, problem: &Problem, is_htmx: bool) -> Response {
    let status = problem.status();
    if status == StatusCode::UNAUTHORIZED {
        let login = Address::of("/login").with("to", &back_to(&visit.here, method)).href();
        if is_htmx {
            return (status, [("hx-redirect", login)]).into_response();
        }
        return Redirect::to(&login).into_response();
    }
    let kind = match status {
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "missing",
        StatusCode::MISDIRECTED_REQUEST => "misdirected",
        StatusCode::TOO_MANY_REQUESTS => "many",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_client_error() => "refused",
        _ => "broken",
    };
    let frame = Frame::new(visit, None, "problem");
    let title = frame.say(&format!("page-problem-{kind}"));
    let page = Page {
        advice: frame.say(&format!("page-problem-{kind}-advice")),
        // What is not there needs no more words.
        said: if kind == "missing" { Vec::new() } else { problem.said() },
        may_come_in: status == StatusCode::FORBIDDEN,
        frame: frame.titled(title),
    };
    (status, html(&page)).into_response()
}

/// Where to go after coming in: an action is not repeated, but its item is shown.
fn back_to(here: &str, method: &Method) -> String {
    if method.is_safe() {
        return here.to_owned();
    }
    let item = here.strip_prefix("/items/").and_then(|rest| rest.split(['/', '?']).next());
    item.map_or_else(|| "/".to_owned(), |fingerprint| format!("/items/{fingerprint}"))
}
