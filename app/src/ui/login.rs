//! `/login` and `/logout`: a token, or a link that counts once, becomes a session of twelve hours.
//!
//! A link alone comes in by nothing: programs that look at links before people do would use it up. It shows a button.

use std::sync::Arc;

use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Person, Role};
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use axum_extra::extract::{CookieJar, WithRejection};
use jiff::SignedDuration;
use serde::Deserialize;

use super::frame::Frame;
use super::visit::Visit;
use super::{address, html};
use crate::api::{COOKIE, Caller, Problem};
use crate::serve::Service;

/// How long a session lasts.
const HOURS: i64 = 12;

/// What somebody shows, and where they wanted to go.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    token: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    frame: Frame,
    code: String,
    to: String,
    problem: Option<String>,
}

pub(super) async fn page(
    visit: Visit,
    caller: Result<Caller, Problem>,
    WithRejection(Query(shown), _): WithRejection<Query<Shown>, Problem>,
) -> Response {
    // Who is known already sees as whom.
    let frame = Frame::new(visit, caller.ok().as_ref(), "login");
    html(&Page { frame, code: shown.code, to: address::local(&shown.to).to_owned(), problem: None })
}

/// Begins a session.
pub(super) async fn come_in(
    State(service): State<Arc<Service>>,
    visit: Visit,
    parts: Parts,
    WithRejection(Form(shown), _): WithRejection<Form<Shown>, Problem>,
) -> Result<Response, Problem> {
    let to = address::local(&shown.to).to_owned();
    let Some(person) = person(&service, &shown).await? else {
        // Too many tries are one problem, a wrong one another.
        let status = service.turn_away(&parts).status();
        let id = match status {
            StatusCode::TOO_MANY_REQUESTS => "page-problem-many-advice",
            _ if shown.code.is_empty() => "page-login-wrong",
            _ => "page-login-used",
        };
        let frame = Frame::new(visit, None, "login");
        let problem = Some(frame.say(id));
        return Ok((status, html(&Page { frame, code: String::new(), to, problem })).into_response());
    };
    let secret = clock::new_secret().map_err(|error| {
        tracing::error!(%error, "no randomness for a session");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no session can be begun")
    })?;
    let now = service.now();
    service.store.add_session(&secret, &person, now + SignedDuration::from_hours(HOURS), now).await?;
    tracing::info!(by = person.name, "somebody came in to the page");
    if let Some(before) = CookieJar::from_headers(&parts.headers).get(COOKIE) {
        service.store.end_session(before.value()).await?;
    }
    Ok((CookieJar::new().add(cookie(&service, secret, HOURS)), Redirect::to(&to)).into_response())
}

async fn person(service: &Service, shown: &Shown) -> Result<Option<Person>, Problem> {
    let now = service.now();
    if !shown.code.is_empty() {
        return Ok(service.store.take_login(&shown.code, now).await?);
    }
    let found = service.store.token_of(shown.token.trim(), now).await?;
    // What is for the gateway shows nothing here.
    Ok(found.filter(|row| row.token.role != Role::Gateway).map(Person::from))
}

/// Ends the session.
pub(super) async fn leave(State(service): State<Arc<Service>>, jar: CookieJar) -> Result<Response, Problem> {
    if let Some(session) = jar.get(COOKIE) {
        service.store.end_session(session.value()).await?;
    }
    Ok((CookieJar::new().add(cookie(&service, String::new(), 0)), Redirect::to("/login")).into_response())
}

/// The session's cookie. It goes over TLS only wherever there is TLS, and with no request that another page made.
fn cookie(service: &Service, secret: String, hours: i64) -> Cookie<'static> {
    let config = service.config();
    let mut cookie = Cookie::new(COOKIE, secret);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    cookie.set_secure(config.tls.is_some() || config.behind_proxy);
    let age = std::time::Duration::from_secs(u64::try_from(hours * 3600).unwrap_or(0));
    cookie.set_max_age(Some(age.try_into().expect("twelve hours are a time")));
    cookie
}
