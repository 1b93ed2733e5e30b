//! `/api/v1/rules`

use std::sync::Arc;

use anchorwatch_core::drift::policy::{Action, OwnRule};
use anchorwatch_edge::store::Role;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum_extra::extract::WithRejection;

use super::model::{RuleList, RuleMatch, RuleResponse};
use super::paging::answer;
use super::{Caller, Problem};
use crate::serve::{Event, Service};
use crate::words::word;

/// The rules: those of the configuration, which come first, and those that people made.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", responses(
    (status = 200, description = "The rules", body = RuleList),
    (status = 304, description = "As the caller has it"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    _caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let items = service.all_rules().await?;
    Ok(answer(&headers, &RuleList { total: items.len() as u64, items }))
}

/// Ends a rule that somebody made; what it hid is pending again with the next scan.
#[utoipa::path(delete, path = "/api/v1/rules/{rule_id}", tag = "rules",
    params(("rule_id" = String, Path, description = "Its id")), responses(
    (status = 204, description = "It is ended"),
    (status = "4XX", description = "Not done", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end(
    State(service): State<Arc<Service>>,
    caller: Caller,
    WithRejection(Path(rule_id), _): WithRejection<Path<String>, Problem>,
) -> Result<StatusCode, Problem> {
    service.end_rule(&caller, &rule_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Service {
    /// All rules, as they are shown.
    pub(crate) async fn all_rules(&self) -> Result<Vec<RuleResponse>, Problem> {
        let config = self.config();
        let written = config.policy.rules().map(RuleResponse::from);
        let made = self.store.rules().await?;
        Ok(written.chain(made.iter().map(RuleResponse::from)).collect())
    }

    /// Ends a rule that somebody made.
    pub(crate) async fn end_rule(&self, caller: &Caller, rule_id: &str) -> Result<(), Problem> {
        caller.must_be(Role::Operator)?;
        let made = self.store.rules().await?;
        let Some(rule) = made.iter().find(|rule| rule.rule_id == rule_id) else {
            let is_written = self.config().policy.rules().any(|rule| rule.id == rule_id);
            let problem = Problem::not_found("rule");
            return Err(if is_written {
                problem.detail("it stands in the configuration; take it out there")
            } else {
                problem
            });
        };
        if !caller.may_rule(rule.matches.namespace.as_deref()) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "this rule reaches further than you may"));
        }
        if !self.store.end_rule(rule_id, &caller.0.name, self.now()).await? {
            return Err(Problem::not_found("rule"));
        }
        tracing::info!(rule = rule_id, by = caller.0.name, "a rule was ended");
        self.announce(Event::Decided { id: rule_id.to_owned() });
        Ok(())
    }
}

impl From<&OwnRule> for RuleResponse {
    fn from(rule: &OwnRule) -> Self {
        let matches = rule.matches.clone();
        Self {
            rule_id: rule.id.clone(),
            matches: RuleMatch {
                kind: matches.kind,
                name: matches.name,
                namespace: matches.namespace,
                path: matches.path,
                manager: matches.manager,
            },
            action: match rule.action {
                Action::Ignore | Action::SetAside => "ignore".to_owned(),
                Action::Level(level) => word(level),
            },
            owner: rule.owner.clone(),
            reason: rule.reason.clone(),
            expires: rule.expires,
            created_by: None,
            created_at: None,
        }
    }
}
