//! What people decide of items: the same story for the API and for the page.

use std::sync::Arc;

use anchorwatch_core::drift::policy::{Match, Policy};
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Hidden, MadeRule, Role};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::model::{DriftLevel, HiddenItem, IgnoreResponse, RuleMatch, RuleResponse};
use super::{Caller, Problem};
use crate::serve::{Event, Service};

/// Days until a rule ends at the latest: somebody is to look again.
const LONGEST: i32 = 366;

/// Who decides, and where.
#[derive(Clone, Copy)]
pub(crate) struct Deciding<'a> {
    pub(crate) service: &'a Arc<Service>,
    pub(crate) caller: &'a Caller,
}

/// A rule that is to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IgnoreRequest {
    /// Why.
    #[schema(min_length = 1)]
    pub(crate) reason: String,
    /// Who answers for it; else the caller.
    #[serde(default)]
    pub(crate) owner: Option<String>,
    /// The last day (UTC) on which it holds, at most a year from now.
    #[schema(value_type = String, format = Date)]
    pub(crate) expires: Date,
    /// What the rule is about; else this item and no other.
    #[serde(default, rename = "match")]
    pub(crate) matches: Option<RuleMatch>,
    /// The fingerprints of all that it hides, where it hides more than this item: those that the person was shown.
    #[serde(default)]
    pub(crate) agreed: Vec<String>,
    /// True to be told what it would hide, and no more.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

impl Deciding<'_> {
    /// An item that the caller may see.
    pub(crate) async fn item(self, fingerprint: &str) -> Result<Value, Problem> {
        let found = if fingerprint.contains('\0') { None } else { self.service.store.item(fingerprint).await? };
        found.filter(|item| self.caller.sees_told(item)).ok_or_else(|| Problem::not_found("item"))
    }
}

/// Notes that the caller knows of an item; gives it as it is then.
pub(crate) async fn acknowledge(deciding: Deciding<'_>, fingerprint: &str) -> Result<Value, Problem> {
    let Deciding { service, caller } = deciding;
    caller.must_be(Role::Operator)?;
    deciding.item(fingerprint).await?;
    let item = service.store.acknowledge(fingerprint, &caller.0.name, service.now()).await?;
    service.announce(Event::Decided { id: fingerprint.to_owned() });
    item.ok_or_else(|| Problem::not_found("item"))
}

/// What a rule would hide.
async fn preview(
    deciding: Deciding<'_>,
    item: &Value,
    request: &IgnoreRequest,
) -> Result<(MadeRule, Vec<Hidden>), Problem> {
    let Deciding { service, caller } = deciding;
    caller.must_be(Role::Operator)?;
    let rule = rule(deciding, item, request)?;
    let hides = service.store.would_hide(&rule.rule()).await?;
    // What they are the caller may not know.
    if hides.iter().any(|hidden| !caller.sees(&hidden.cluster, &hidden.namespace)) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the rule would hide items that you may not see")
            .detail("say more in match"));
    }
    if hides.iter().any(|hidden| hidden.drift_level == "high") {
        caller.must_be(Role::Approver)?;
    }
    Ok((rule, hides))
}

/// Ignores an item, and what else the rule hides, if the caller was shown it.
pub(crate) async fn ignore(
    deciding: Deciding<'_>,
    item: &Value,
    mut request: IgnoreRequest,
) -> Result<IgnoreResponse, Problem> {
    let service = deciding.service;
    let (rule, hides) = preview(deciding, item, &request).await?;
    let shown = |hides: Vec<Hidden>| hides.into_iter().map(HiddenItem::from).collect::<Vec<_>>();
    if request.dry_run {
        return Ok(IgnoreResponse { made: false, rule: (&rule).into(), hides: shown(hides) });
    }
    request.agreed.extend(item["fingerprint"].as_str().map(str::to_owned));
    match service.store.ignore(&rule, &request.agreed, service.now()).await? {
        Ok(hides) => {
            tracing::info!(rule = rule.rule_id, by = rule.created_by, hides = hides.len(), "a rule was made");
            service.announce(Event::Decided { id: rule.rule_id.clone() });
            Ok(IgnoreResponse { made: true, rule: (&rule).into(), hides: shown(hides) })
        }
        Err(hides) => {
            let hides = serde_json::to_value(shown(hides)).expect("items are JSON");
            Err(Problem::new(StatusCode::CONFLICT, "the rule hides more than was agreed")
                .detail("look at `hides`, and send their fingerprints as `agreed`")
                .with("hides", hides))
        }
    }
}

fn rule(deciding: Deciding<'_>, item: &Value, request: &IgnoreRequest) -> Result<MadeRule, Problem> {
    let Deciding { service, caller } = deciding;
    let refuse = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no such rule is made").detail(why);
    let now = service.now();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let reason = request.reason.trim();
    if reason.is_empty() || reason.chars().any(|c| c == '\0') {
        return Err(refuse("reason: say why, so that somebody can decide again later"));
    }
    let days = request.expires.since(today).map_or(i32::MAX, |span| span.get_days());
    if request.expires < today || days > LONGEST {
        return Err(refuse("expires: a day from today to a year from now"));
    }
    let text = |name: &str| item[name].as_str().map(str::to_owned);
    let matches = match request.matches.clone() {
        Some(RuleMatch { kind, name, namespace, path, manager }) => Match { kind, name, namespace, path, manager },
        None => Match {
            kind: text("resource_kind"),
            name: text("resource_name"),
            namespace: text("namespace"),
            path: text("stable_path"),
            manager: None,
        },
    };
    let parts = [&matches.kind, &matches.name, &matches.namespace, &matches.path, &matches.manager];
    if parts.into_iter().flatten().any(|part| part.contains('\0')) {
        return Err(refuse("match: a zero byte stands for nothing"));
    }
    if !caller.may_rule(matches.namespace.as_deref()) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "this rule reaches further than you may").detail(
            "who is limited to clusters makes no rules; who is limited to namespaces names one of them in match",
        ));
    }
    let rule = MadeRule {
        rule_id: clock::new_id(),
        matches,
        owner: request.owner.clone().filter(|o| !o.trim().is_empty()).unwrap_or_else(|| caller.0.name.clone()),
        reason: reason.to_owned(),
        expires: Some(request.expires),
        created_by: caller.0.name.clone(),
        created_at: now,
    };
    Policy::new(vec![rule.rule()]).map_err(|error| refuse(&error.to_string()))?;
    Ok(rule)
}

impl From<&MadeRule> for RuleResponse {
    fn from(rule: &MadeRule) -> Self {
        let Match { kind, name, namespace, path, manager } = rule.matches.clone();
        Self {
            rule_id: rule.rule_id.clone(),
            matches: RuleMatch { kind, name, namespace, path, manager },
            action: "ignore".to_owned(),
            owner: rule.owner.clone(),
            reason: rule.reason.clone(),
            expires: rule.expires,
            created_by: Some(rule.created_by.clone()),
            created_at: Some(rule.created_at),
        }
    }
}

impl From<Hidden> for HiddenItem {
    fn from(hidden: Hidden) -> Self {
        Self {
            drift_level: match hidden.drift_level.as_str() {
                "high" => DriftLevel::High,
                "medium" => DriftLevel::Medium,
                _ => DriftLevel::Info,
            },
            fingerprint: hidden.fingerprint,
            source: hidden.source,
            cluster: hidden.cluster,
            namespace: hidden.namespace,
            resource_kind: hidden.resource_kind,
            resource_name: hidden.resource_name,
            stable_path: hidden.stable_path,
        }
    }
}
