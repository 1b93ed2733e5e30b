//! `/items/{fingerprint}/ignore`, and `/reports/{id}/ignore` for all items of a report: first all that the rules would hide
//! is shown, then they are made.

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
use crate::api::model::{DriftItem, DriftReport, HiddenItem, RuleMatch};
use crate::api::{Caller, Deciding, IgnoreRequest, Problem, ignore, once_each, visible};
use crate::serve::Service;
use crate::shown::short_path;
use crate::words::Arg;

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

    fn label(self, item: &DriftItem, frame: &Frame) -> String {
        let nowhere = frame.say("page-no-namespace");
        let namespace = if item.namespace.is_empty() { &nowhere } else { &item.namespace };
        let args = [("kind", &item.resource_kind), ("name", &item.resource_name), ("namespace", namespace)];
        frame.words.say_with(&format!("page-scope-{}", self.id()), &args.map(|(name, text)| (name, Arg::Text(text))))
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
    /// That of the item.
    level: Option<Level>,
    object: String,
    place: String,
    /// What it is about, and where that is shown.
    about: String,
    href: String,
    filled: Filled,
    /// None where there is nothing to choose.
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
    subject: Subject,
}

/// What is to be ignored.
enum Subject {
    Item(Json),
    /// The items of a report that nobody has settled.
    Report {
        report: Box<DriftReport>,
        items: Vec<Json>,
    },
}

impl Subject {
    async fn item(deciding: Deciding<'_>, fingerprint: &str) -> Result<Self, Problem> {
        deciding.caller.must_be(Role::Operator)?;
        Ok(Self::Item(deciding.item(fingerprint).await?))
    }

    async fn report(deciding: Deciding<'_>, report_id: &str) -> Result<Self, Problem> {
        deciding.caller.must_be(Role::Operator)?;
        let report = visible(deciding.service, deciding.caller, report_id).await?;
        let items = deciding.service.store.open_items_of(report_id).await?;
        let report = serde_json::from_value(report).map_err(|error| rows::malformed(&error))?;
        Ok(Self::Report { report, items })
    }

    fn items(&self) -> &[Json] {
        match self {
            Self::Item(item) => std::slice::from_ref(item),
            Self::Report { items, .. } => items,
        }
    }

    /// Where it is shown.
    fn href(&self) -> String {
        match self {
            Self::Item(item) => address::item(item["fingerprint"].as_str().unwrap_or_default()),
            Self::Report { report, .. } => address::report(&report.report_id),
        }
    }
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Query(filled), _): WithRejection<Query<Filled>, Problem>,
) -> Result<Response, Problem> {
    let subject = Subject::item(Deciding { service: &service, caller: &caller }, &fingerprint).await?;
    Ignoring { service, visit, caller, subject }.show(filled).await
}

pub(super) async fn page_of_report(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
    WithRejection(Query(filled), _): WithRejection<Query<Filled>, Problem>,
) -> Result<Response, Problem> {
    let subject = Subject::report(Deciding { service: &service, caller: &caller }, &report_id).await?;
    Ignoring { service, visit, caller, subject }.show(filled).await
}

pub(super) async fn confirm(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(fingerprint), _): WithRejection<Path<String>, Problem>,
    WithRejection(Form(filled), _): WithRejection<Form<Filled>, Problem>,
) -> Result<Response, Problem> {
    let subject = Subject::item(Deciding { service: &service, caller: &caller }, &fingerprint).await?;
    Ignoring { service, visit, caller, subject }.decide(filled).await
}

pub(super) async fn confirm_of_report(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Path(report_id), _): WithRejection<Path<String>, Problem>,
    WithRejection(Form(filled), _): WithRejection<Form<Filled>, Problem>,
) -> Result<Response, Problem> {
    let mut subject = Subject::report(Deciding { service: &service, caller: &caller }, &report_id).await?;
    if let Subject::Report { items, .. } = &mut subject {
        // What was settled when the others were shown, and is open again, was not agreed to.
        items.retain(|item| item["fingerprint"].as_str().is_some_and(|own| filled.agrees_to(own)));
    }
    Ignoring { service, visit, caller, subject }.decide(filled).await
}

impl Filled {
    fn agreed(&self) -> impl Iterator<Item = &str> {
        self.agreed.split(',').filter(|fingerprint| !fingerprint.is_empty())
    }

    fn agrees_to(&self, fingerprint: &str) -> bool {
        self.agreed().any(|agreed| agreed == fingerprint)
    }
}

impl Ignoring {
    async fn show(self, filled: Filled) -> Result<Response, Problem> {
        if filled.preview.is_empty() { self.form(filled, None) } else { self.preview(filled, None).await }
    }

    async fn decide(self, filled: Filled) -> Result<Response, Problem> {
        let Ok(request) = self.request(&filled, false) else {
            return self.preview(filled, None).await;
        };
        match ignore(self.deciding(), self.subject.items(), request).await {
            Ok(_) => Ok(Redirect::to(&self.subject.href()).into_response()),
            // Something came in between: it is shown, too.
            Err(problem) if problem.status() == StatusCode::CONFLICT => {
                self.preview(filled, Some("page-ignore-more")).await
            }
            Err(problem) => Err(problem),
        }
    }

    fn deciding(&self) -> Deciding<'_> {
        Deciding { service: &self.service, caller: &self.caller }
    }

    /// The request, or the id of the sentence that says what is missing.
    fn request(&self, filled: &Filled, dry_run: bool) -> Result<IgnoreRequest, &'static str> {
        if filled.reason.trim().is_empty() {
            return Err("page-ignore-no-reason");
        }
        let expires: Date = filled.expires.trim().parse().map_err(|_| "page-ignore-no-day")?;
        if !policy::ends(self.service.now()).contains(&expires) {
            return Err("page-ignore-no-day");
        }
        let matches = match &self.subject {
            Subject::Item(item) => filled.scope.matches(&rows::read(item.clone()).map_err(|_| "page-problem-broken")?),
            Subject::Report { .. } => None,
        };
        Ok(IgnoreRequest {
            reason: filled.reason.clone(),
            owner: Some(filled.owner.clone()),
            expires,
            matches,
            agreed: filled.agreed().map(str::to_owned).collect(),
            dry_run,
        })
    }

    /// Shows all that the rules would hide. `notice`: the id of what is to be said of it.
    async fn preview(self, filled: Filled, notice: Option<&'static str>) -> Result<Response, Problem> {
        let request = match self.request(&filled, true) {
            Ok(request) => request,
            Err(missing) => {
                return self.form(filled, Some((missing, Vec::new(), StatusCode::UNPROCESSABLE_ENTITY)));
            }
        };
        match ignore(self.deciding(), self.subject.items(), request).await {
            Ok(rulings) => {
                let rules = rulings.len();
                let mut page = self.filled_page(filled)?;
                let hidden = once_each(rulings.into_iter().map(|ruling| ruling.hides));
                let agreed: Vec<&str> = hidden.iter().map(|hidden| hidden.fingerprint.as_str()).collect();
                page.agreed = agreed.join(",");
                page.is_wide = hidden.len() > rules;
                page.problem = notice.map(|id| page.frame.say(id));
                page.hides = Some(hidden.into_iter().map(|hidden| hides(&hidden.into(), &page.frame)).collect());
                Ok(html(&page))
            }
            Err(problem) => {
                let said = ("page-ignore-refused", problem.said(), problem.status());
                self.form(filled, Some(said))
            }
        }
    }

    fn form(
        self,
        mut filled: Filled,
        problem: Option<(&'static str, Vec<String>, StatusCode)>,
    ) -> Result<Response, Problem> {
        if filled.expires.is_empty() {
            filled.expires = policy::ends(self.service.now()).start().saturating_add(30.days()).to_string();
        }
        let mut page = self.filled_page(filled)?;
        let Some((id, said, status)) = problem else { return Ok(html(&page)) };
        page.problem = Some(page.frame.say(id));
        page.said = said;
        Ok((status, html(&page)).into_response())
    }

    fn filled_page(self, filled: Filled) -> Result<Page, Problem> {
        let (first_day, last_day) = policy::ends(self.service.now()).into_inner();
        let frame = Frame::new(self.visit, Some(&self.caller), "ignore");
        let about = About::of(&self.subject, filled.scope, &frame)?;
        Ok(Page {
            href: self.subject.href(),
            level: about.level,
            place: about.place,
            object: about.object,
            about: about.text,
            choices: about.choices,
            first_day,
            last_day,
            problem: None,
            said: Vec::new(),
            hides: None,
            agreed: String::new(),
            is_wide: false,
            filled,
            frame,
        })
    }
}

/// What is said of what is to be ignored.
struct About {
    level: Option<Level>,
    object: String,
    place: String,
    text: String,
    choices: Vec<Choice>,
}

impl About {
    fn of(subject: &Subject, chosen: Scope, frame: &Frame) -> Result<Self, Problem> {
        match subject {
            Subject::Item(item) => Ok(Self::item(&rows::read(item.clone())?, chosen, frame)),
            Subject::Report { report, items } => Ok(Self {
                level: None,
                object: item::place(&report.cluster, &report.namespace),
                place: report.source.clone(),
                text: frame.say_count("page-open-items", items.len() as u64),
                choices: Vec::new(),
            }),
        }
    }

    fn item(item: &DriftItem, chosen: Scope, frame: &Frame) -> Self {
        let object = format!("{}/{}", item.resource_kind, item.resource_name);
        // A whole object has no path, and what belongs to no namespace is everywhere already.
        let fits = |scope: &Scope| match scope {
            Scope::Object => !item.stable_path.is_empty(),
            Scope::Everywhere => !item.namespace.is_empty(),
            Scope::Item | Scope::Path => true,
        };
        let choice =
            |scope: Scope| Choice { id: scope.id(), label: scope.label(item, frame), is_chosen: chosen == scope };
        let path = if item.stable_path.is_empty() { &object } else { &item.stable_path };
        Self {
            level: Some(graded(item.drift_level, frame)),
            place: item::place(item.cluster.as_deref().unwrap_or_default(), &item.namespace),
            text: path.clone(),
            choices: Scope::ALL.into_iter().filter(fits).map(choice).collect(),
            object,
        }
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
