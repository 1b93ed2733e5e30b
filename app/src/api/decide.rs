//! What people decide of items: the same story for the API, for the page, and for the buttons of a message.

use std::collections::BTreeSet;
use std::sync::Arc;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::policy::{self, Match, OwnRule, Policy};
use anchorwatch_edge::clock;
use anchorwatch_edge::store::{Hidden, MadeRule, Role};
use axum::http::StatusCode;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::model::{self, HiddenItem, IgnoreResponse, RuleMatch, RuleResponse};
use super::{Caller, Problem};
use crate::serve::{Event, Service};

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

/// A rule, and what it hides or would.
#[derive(Debug)]
pub(crate) struct Ruling {
    pub(crate) rule: MadeRule,
    pub(crate) hides: Vec<Hidden>,
    /// False where it was only asked what it would hide.
    pub(crate) made: bool,
}

impl Deciding<'_> {
    /// An item that the caller may see.
    pub(crate) async fn item(self, fingerprint: &str) -> Result<Value, Problem> {
        let found = self.service.store.item(fingerprint).await?;
        found.filter(|item| self.caller.sees_told(item)).ok_or_else(|| Problem::not_found("item"))
    }

    /// Those of some items that can be ignored: nobody has settled them otherwise, and they are there.
    pub(crate) async fn open(self, fingerprints: &[String]) -> Result<Vec<Value>, Problem> {
        let mut open = Vec::new();
        for fingerprint in fingerprints {
            let item = self.service.store.item(fingerprint).await?.filter(|item| self.caller.sees_told(item));
            open.extend(item.filter(|item| matches!(item["status"].as_str(), Some("pending" | "acknowledged"))));
        }
        Ok(open)
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

/// A rule for each of these items, and what it would hide. An item that the rule of another one hides needs none.
async fn preview(deciding: Deciding<'_>, items: &[Value], request: &IgnoreRequest) -> Result<Vec<Ruling>, Problem> {
    let Deciding { service, caller } = deciding;
    caller.must_be(Role::Operator)?;
    let rules = items.iter().map(|item| rule(deciding, item, request)).collect::<Result<Vec<_>, _>>()?;
    let own: Vec<OwnRule> = rules.iter().map(MadeRule::rule).collect();
    let hides = service.store.would_hide(&own).await?;
    // What they are the caller may not know.
    if hides.iter().flatten().any(|hidden| !caller.sees(&hidden.cluster, &hidden.namespace)) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "the rule would hide items that you may not see")
            .detail("say more in match"));
    }
    if hides.iter().flatten().any(|hidden| hidden.drift_level == DriftLevel::High) {
        caller.must_be(Role::Approver)?;
    }
    let (mut hidden, mut rulings) = (BTreeSet::new(), Vec::new());
    for ((item, rule), hides) in items.iter().zip(rules).zip(hides) {
        if !item["fingerprint"].as_str().is_some_and(|fingerprint| hidden.contains(fingerprint)) {
            hidden.extend(hides.iter().map(|hidden| hidden.fingerprint.clone()));
            rulings.push(Ruling { rule, hides, made: false });
        }
    }
    Ok(rulings)
}

/// Ignores items, and what else the rules hide, if the caller was shown it: by a rule each, all of them or none.
pub(crate) async fn ignore(
    deciding: Deciding<'_>,
    items: &[Value],
    request: IgnoreRequest,
) -> Result<Vec<Ruling>, Problem> {
    let service = deciding.service;
    let rulings = preview(deciding, items, &request).await?;
    if request.dry_run {
        return Ok(rulings);
    }
    let mut agreed = request.agreed;
    agreed.extend(items.iter().filter_map(|item| item["fingerprint"].as_str().map(str::to_owned)));
    let rules: Vec<MadeRule> = rulings.into_iter().map(|ruling| ruling.rule).collect();
    match service.store.ignore(&rules, &agreed, service.now()).await? {
        Ok(hides) => Ok(rules.into_iter().zip(hides).map(|(rule, hides)| made(service, rule, hides)).collect()),
        Err(hides) => {
            let hides: Vec<HiddenItem> = once_each(hides).into_iter().map(HiddenItem::from).collect();
            let hides = serde_json::to_value(hides).expect("items are JSON");
            Err(Problem::new(StatusCode::CONFLICT, "the rule hides more than was agreed")
                .detail("look at `hides`, and send their fingerprints as `agreed`")
                .with("hides", hides))
        }
    }
}

/// What several rules hide, each item once.
pub(crate) fn once_each(hides: impl IntoIterator<Item = Vec<Hidden>>) -> Vec<Hidden> {
    let mut known = BTreeSet::new();
    hides.into_iter().flatten().filter(|hidden| known.insert(hidden.fingerprint.clone())).collect()
}

/// Tells of a rule that was made.
fn made(service: &Service, rule: MadeRule, hides: Vec<Hidden>) -> Ruling {
    tracing::info!(rule = rule.rule_id, by = rule.created_by, hides = hides.len(), "a rule was made");
    service.announce(Event::Decided { id: rule.rule_id.clone() });
    Ruling { rule, hides, made: true }
}

fn rule(deciding: Deciding<'_>, item: &Value, request: &IgnoreRequest) -> Result<MadeRule, Problem> {
    let Deciding { service, caller } = deciding;
    let refuse = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no such rule is made").detail(why);
    let now = service.now();
    let reason = request.reason.trim();
    if reason.is_empty() || reason.chars().any(|c| c == '\0') {
        return Err(refuse("reason: say why, so that somebody can decide again later"));
    }
    if !policy::ends(now).contains(&request.expires) {
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

impl From<Ruling> for IgnoreResponse {
    fn from(Ruling { rule, hides, made }: Ruling) -> Self {
        Self { made, rule: (&rule).into(), hides: hides.into_iter().map(HiddenItem::from).collect() }
    }
}

impl From<Hidden> for HiddenItem {
    fn from(hidden: Hidden) -> Self {
        Self {
            drift_level: match hidden.drift_level {
                DriftLevel::High => model::DriftLevel::High,
                DriftLevel::Medium => model::DriftLevel::Medium,
                DriftLevel::Info => model::DriftLevel::Info,
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
