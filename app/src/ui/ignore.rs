//! `/items/{fingerprint}/ignore`: first all that the rule would hide is shown, then it is made.

use std::sync::Arc;

use anchorwatch_core::drift::policy;
use anchorwatch_edge::store::Role;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::WithRejection;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value as Json;

use super::frame::Frame;
use super::rows::{self, Level, graded};
use super::visit::Visit;
use super::{address, html, item};
use crate::api::model::{DriftItem, HiddenItem, RuleMatch};
use crate::api::{Caller, Deciding, IgnoreRequest, Problem, ignore, once_each};
use crate::serve::Service;
use crate::shown::short_path;

/// What the rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    /// This item and no other.
    #[default]
    Item,
    /// All items of the object.
    Object,
    /// This path of all objects of the kind in the namespace.
    Path,
    /// This path of all objects of the kind.
    Everywhere,
}

impl Scope {
    const ALL: [Self; 4] = [Self::Item, Self::Object, Self::Path, Self::Everywhere];

    fn id(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Object => "object",
            Self::Path => "path",
            Self::Everywhere => "everywhere",
        }
    }

    /// `None` for this item and no other.
    fn matches(self, item: &DriftItem) -> Option<RuleMatch> {
        let all = RuleMatch {
            kind: Some(item.resource_kind.clone()),
            name: Some(item.resource_name.clone()),
            namespace: Some(item.namespace.clone()),
            path: Some(item.stable_path.clone()),
            manager: None,
        };
        match self {
            Self::Item => None,
            Self::Object => Some(RuleMatch { path: None, ..all }),
            Self::Path => Some(RuleMatch { name: None, ..all }),
            Self::Everywhere => Some(RuleMatch { name: None, namespace: None, ..all }),
        }
    }
}

/// What is filled in.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Filled {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    expires: String,
    #[serde(default)]
    scope: Scope,
    /// Present once the form was sent.
    #[serde(default)]
    preview: String,
    /// The fingerprints of what was shown, with commas between them.
    #[serde(default)]
    agreed: String,
}

struct Choice {
    id: &'static str,
    label: String,
    is_chosen: bool,
}

struct Hides {
    level: Level,
    object: String,
    place: String,
    path: String,
    href: String,
}

#[derive(Template)]
#[template(path = "ignore.html")]
struct Page {
    frame: Frame,
    level: Level,
    object: String,
    place: String,
    path: String,
    href: String,
    filled: Filled,
    choices: Vec<Choice>,
    first_day: Date,
    last_day: Date,
    problem: Option<String>,
    said: Vec<String>,
    /// All that it would hide, once that was asked.
    hides: Option<Vec<Hides>>,
    agreed: String,
    is_wide: bool,
}

/// Who decides of what.
struct Ignoring {
    service: Arc<Service>,
    visit: Visit,
    caller: Caller,
    fingerprint: String,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Query(filled), _): WithRejection<Query<Filled>, Problem>,
) -> Result<Response, Problem> {
    let ignoring = Ignoring { service, visit, caller, fingerprint };
    let item = ignoring.item().await?;
    if filled.preview.is_empty() {
        return ignoring.form(&item, filled, None);
    }
    ignoring.preview(&item, filled, None).await
}

pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Form(filled), _): WithRejection<Form<Filled>, Problem>,
) -> Result<Response, Problem> {
    let ignoring = Ignoring { service, visit, caller, fingerprint };
    let item = ignoring.item().await?;
    let Ok(request) = ignoring.request(&item, &filled, false) else {
        return ignoring.preview(&item, filled, None).await;
    };
    match ignore(ignoring.deciding(), std::slice::from_ref(&item), request).await {
        Ok(_) => Ok(Redirect::to(&address::item(&ignoring.fingerprint)).into_response()),
        // Something came in between: it is shown, too.
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            ignoring.preview(&item, filled, Some("page-ignore-more")).await
        }
        Err(problem) => Err(problem),
    }
}

impl Ignoring {
    fn deciding(&self) -> Deciding<'_> {
        Deciding { service: &self.service, caller: &self.caller }
    }

    async fn item(&self) -> Result<Json, Problem> {
        self.caller.must_be(Role::Operator)?;
        self.deciding().item(&self.fingerprint).await
    }

    /// The request, or the id of the sentence that says what is missing.
    fn request(&self, item: &Json, filled: &Filled, dry_run: bool) -> Result<IgnoreRequest, &'static str> {
        if filled.reason.trim().is_empty() {
            return Err("page-ignore-no-reason");
        }
        let expires: Date = filled.expires.trim().parse().map_err(|_| "page-ignore-no-day")?;
        if !policy::ends(self.service.now()).contains(&expires) {
            return Err("page-ignore-no-day");
        }
        let item = rows::read(item.clone()).map_err(|_| "page-problem-broken")?;
        Ok(IgnoreRequest {
            reason: filled.reason.clone(),
            owner: Some(filled.owner.clone()),
            expires,
            matches: filled.scope.matches(&item),
            agreed: filled.agreed.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect(),
            dry_run,
        })
    }

    /// Shows all that the rule would hide. `notice`: the id of what is to be said of it.
    async fn preview(self, item: &Json, filled: Filled, notice: Option<&'static str>) -> Result<Response, Problem> {
        let request = match self.request(item, &filled, true) {
            Ok(request) => request,
            Err(missing) => {
                return self.form(item, filled, Some((missing, Vec::new(), StatusCode::UNPROCESSABLE_ENTITY)));
            }
        };
        match ignore(self.deciding(), std::slice::from_ref(item), request).await {
            Ok(rulings) => {
                let mut page = self.filled_page(item, filled)?;
                let hidden = once_each(rulings.into_iter().map(|ruling| ruling.hides));
                let agreed: Vec<&str> = hidden.iter().map(|hidden| hidden.fingerprint.as_str()).collect();
                page.agreed = agreed.join(",");
                page.is_wide = hidden.len() > 1;
                page.problem = notice.map(|id| page.frame.say(id));
                page.hides = Some(hidden.into_iter().map(|hidden| hides(&hidden.into(), &page.frame)).collect());
                Ok(html(&page))
            }
            Err(problem) => {
                let said = ("page-ignore-refused", problem.said(), problem.status());
                self.form(item, filled, Some(said))
            }
        }
    }

    fn form(
        self,
        item: &Json,
        mut filled: Filled,
        problem: Option<(&'static str, Vec<String>, StatusCode)>,
    ) -> Result<Response, Problem> {
        if filled.expires.is_empty() {
            filled.expires = policy::ends(self.service.now()).start().saturating_add(30.days()).to_string();
        }
        let mut page = self.filled_page(item, filled)?;
        let Some((id, said, status)) = problem else { return Ok(html(&page)) };
        page.problem = Some(page.frame.say(id));
        page.said = said;
        Ok((status, html(&page)).into_response())
    }

    fn filled_page(self, item: &Json, filled: Filled) -> Result<Page, Problem> {
        let (first_day, last_day) = policy::ends(self.service.now()).into_inner();
        let item = rows::read(item.clone())?;
        let frame = Frame::new(self.visit, Some(&self.caller), "ignore");
        let object = format!("{}/{}", item.resource_kind, item.resource_name);
        let words = |scope: Scope| {
            let id = format!("page-scope-{}", scope.id());
            let namespace =
                if item.namespace.is_empty() { frame.say("page-no-namespace") } else { item.namespace.clone() };
            let args = [
                ("kind", crate::words::Arg::Text(&item.resource_kind)),
                ("name", crate::words::Arg::Text(&item.resource_name)),
                ("namespace", crate::words::Arg::Text(&namespace)),
            ];
            frame.words.say_with(&id, &args)
        };
        // A whole object has no path, and what belongs to no namespace is everywhere already.
        let fits = |scope: &Scope| match scope {
            Scope::Object => !item.stable_path.is_empty(),
            Scope::Everywhere => !item.namespace.is_empty(),
            Scope::Item | Scope::Path => true,
        };
        let choices = Scope::ALL.into_iter().filter(fits);
        let choices = choices
            .map(|scope| Choice { id: scope.id(), label: words(scope), is_chosen: filled.scope == scope })
            .collect();
        Ok(Page {
            level: graded(item.drift_level, &frame),
            place: item::place(item.cluster.as_deref().unwrap_or_default(), &item.namespace),
            path: item.stable_path.clone(),
            href: address::item(&self.fingerprint),
            choices,
            first_day,
            last_day,
            problem: None,
            said: Vec::new(),
            hides: None,
            agreed: String::new(),
            is_wide: false,
            filled,
            object,
            frame,
        })
    }
}

fn hides(hidden: &HiddenItem, frame: &Frame) -> Hides {
    Hides {
        level: graded(hidden.drift_level, frame),
        object: format!("{}/{}", hidden.resource_kind, hidden.resource_name),
        place: item::place(&hidden.cluster, &hidden.namespace),
        path: short_path(&hidden.stable_path).to_owned(),
        href: address::item(&hidden.fingerprint),
    }
}
