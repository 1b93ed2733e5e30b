//! `/rules`: what is hidden or graded otherwise, by whom, why, and until when.

use std::sync::Arc;

use anchorwatch_core::drift::policy;
use anchorwatch_edge::store::Role;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::WithRejection;

use super::address::encoded;
use super::frame::{Frame, Time};
use super::html;
use super::visit::Visit;
use crate::api::model::RuleResponse;
use crate::api::{Caller, Problem};
use crate::serve::Service;

struct Shown {
    rule_id: String,
    matches: Vec<(String, String)>,
    action: String,
    owner: String,
    reason: String,
    expires: Option<String>,
    is_expired: bool,
    made: Option<(String, Option<Time>)>,
    end_href: Option<String>,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct Page {
    frame: Frame,
    rules: Vec<Shown>,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
) -> Result<Response, Problem> {
    let frame = Frame::new(visit, Some(&caller), "rules");
    let rules = service.all_rules().await?.into_iter().map(|rule| shown(rule, &frame)).collect();
    Ok(html(&Page { frame, rules }))
}

pub(super) async fn end(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(rule_id), _): WithRejection<Path<String>, Problem>,
) -> Result<Response, Problem> {
    service.end_rule(&caller, &rule_id).await?;
    Ok(Redirect::to("/rules").into_response())
}

fn shown(rule: RuleResponse, frame: &Frame) -> Shown {
    let RuleResponse { rule_id, matches, action, owner, reason, expires, created_by, created_at } = rule;
    let parts = [
        ("page-match-kind", matches.kind),
        ("page-match-name", matches.name),
        ("page-match-namespace", matches.namespace),
        ("page-match-path", matches.path),
        ("page-match-manager", matches.manager),
    ];
    let may_end = created_by.is_some() && frame.may(Role::Operator);
    Shown {
        matches: parts.into_iter().filter_map(|(id, part)| Some((frame.say(id), part?))).collect(),
        action: match action.as_str() {
            "ignore" => frame.say("page-action-ignore"),
            level => frame.say_of("page-action-level", &frame.say(&format!("level-{level}"))),
        },
        is_expired: !policy::holds(expires, frame.now.timestamp()),
        expires: expires.map(|last| last.to_string()),
        end_href: may_end.then(|| format!("/rules/{}/end", encoded(&rule_id))),
        made: created_by.map(|by| (by, created_at.map(|time| frame.time(time)))),
        rule_id,
        owner,
        reason,
    }
}
