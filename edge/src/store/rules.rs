//! `rules`: what people decided about items while the service ran, each with an owner, a reason and, mostly, an end.

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::item::DriftStatus;
use anchorwatch_core::drift::policy::{Action, Match, OwnRule};
use jiff::Timestamp;
use jiff::civil::Date;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, FromQueryResult};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, failing, micros, named, read, timestamp, word};

/// A rule that somebody made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeRule {
    /// Its id.
    pub rule_id: String,
    /// Which items it is about.
    #[serde(rename = "match")]
    pub matches: Match,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day (UTC) on which it holds; without it, for ever.
    pub expires: Option<Date>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl MadeRule {
    /// As the scan applies it.
    pub fn rule(&self) -> OwnRule {
        OwnRule {
            id: self.rule_id.clone(),
            matches: self.matches.clone(),
            action: Action::SetAside,
            owner: self.owner.clone(),
            reason: self.reason.clone(),
            expires: self.expires,
        }
    }
}

/// What a rule looks at of an item that is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// The item's fingerprint.
    pub fingerprint: String,
    /// The source that has it.
    pub source: String,
    /// Its cluster.
    pub cluster: String,
    /// Namespace.
    pub namespace: String,
    /// Kind.
    pub resource_kind: String,
    /// Name.
    pub resource_name: String,
    /// The path with list keys.
    pub stable_path: String,
    /// How much it matters.
    pub drift_level: DriftLevel,
    /// Both of its values, as a keyed hash.
    pub value_hash: String,
}

#[derive(FromQueryResult)]
struct Row {
    rule_id: String,
    body: String,
    created_by: String,
    created_at: i64,
}

#[derive(FromQueryResult)]
struct ItemRow {
    fingerprint: String,
    source: String,
    cluster: String,
    namespace: String,
    resource_kind: String,
    resource_name: String,
    stable_path: String,
    drift_level: String,
    value_hash: String,
    manager: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(rename = "match")]
    matches: Match,
    owner: String,
    reason: String,
    expires: Option<Date>,
}

impl Store {
    /// The rules that people made and nobody has ended, the oldest first.
    pub async fn rules(&self) -> Result<Vec<MadeRule>, StoreError> {
        let sql = "SELECT rule_id, body, created_by, created_at FROM rules WHERE ended_at IS NULL ORDER BY created_at, rule_id";
        let rows = Row::find_by_statement(self.statement(sql, [])).all(&self.db).await;
        rows.map_err(failing("list rules"))?.into_iter().map(Row::read).collect()
    }

    /// The open items that each of these rules would hide, by place; acknowledged ones, too.
    pub async fn would_hide(&self, rules: &[OwnRule]) -> Result<Vec<Vec<Hidden>>, StoreError> {
        let sql = "SELECT fingerprint, source, cluster, namespace, resource_kind, resource_name, stable_path, drift_level, \
                   value_hash, manager FROM drift_items WHERE status IN ('pending', 'acknowledged') \
                   ORDER BY namespace, resource_kind, resource_name, stable_path, fingerprint";
        let rows = ItemRow::find_by_statement(self.statement(sql, [])).all(&self.db).await;
        let rows = rows.map_err(failing("list what a rule would hide"))?;
        let hides = |rule| rows.iter().filter(|row| row.is_meant_by(rule)).map(ItemRow::hidden).collect();
        rules.iter().map(hides).collect()
    }

    /// Makes rules, all or none, and sets aside the items that they fit now. `agreed`: those of which the person was told.
    ///
    /// Gives what each hides; where that is other than what was agreed nothing is written, and it is given as an error.
    pub async fn ignore(
        &self,
        rules: &[MadeRule],
        agreed: &[String],
        now: Timestamp,
    ) -> Result<Result<Vec<Vec<Hidden>>, Vec<Vec<Hidden>>>, StoreError> {
        let fail = failing("make a rule");
        let own: Vec<OwnRule> = rules.iter().map(MadeRule::rule).collect();
        let hides = self.would_hide(&own).await?;
        if hides.iter().flatten().any(|hidden| !agreed.contains(&hidden.fingerprint)) {
            return Ok(Err(hides));
        }
        let write = self.begin().await.map_err(&fail)?;
        for (rule, hides) in rules.iter().zip(&hides) {
            self.add_rule(&write, rule).await.map_err(&fail)?;
            let hidden: Vec<String> = hides.iter().map(|hidden| hidden.fingerprint.clone()).collect();
            let sql = "UPDATE drift_items SET status = $1, decided_by = $2, decided_at = $3 \
                       WHERE status IN ('pending', 'acknowledged') AND";
            let values = [word(DriftStatus::Ignored).into(), rule.created_by.as_str().into(), micros(now).into()];
            self.update_each(&write, sql, &values, &hidden).await.map_err(&fail)?;
            self.close_reports_with(&write, &hidden, now).await.map_err(&fail)?;
        }
        self.commit(write).await.map_err(fail)?;
        Ok(Ok(hides))
    }

    async fn add_rule(&self, write: &DatabaseTransaction, rule: &MadeRule) -> Result<(), DbErr> {
        let body = Body {
            matches: rule.matches.clone(),
            owner: rule.owner.clone(),
            reason: rule.reason.clone(),
            expires: rule.expires,
        };
        let sql = "INSERT INTO rules (rule_id, body, created_by, created_at) VALUES ($1, $2, $3, $4)";
        let values = [
            rule.rule_id.as_str().into(),
            serde_json::to_string(&body).expect("a rule is JSON").into(),
            rule.created_by.as_str().into(),
            micros(rule.created_at).into(),
        ];
        write.execute_raw(self.statement(sql, values)).await.map(drop)
    }

    /// Ends a rule; what it hid is pending again with the next scan. False if there is none.
    pub async fn end_rule(&self, rule_id: &str, by: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE rules SET ended_at = $2, ended_by = $3 WHERE rule_id = $1 AND ended_at IS NULL";
        let done = self.db.execute_raw(self.statement(sql, [rule_id.into(), micros(now).into(), by.into()])).await;
        Ok(done.map_err(failing("end a rule"))?.rows_affected() > 0)
    }
}

impl Row {
    fn read(self) -> Result<MadeRule, StoreError> {
        let Body { matches, owner, reason, expires } = read("a rule", &self.body)?;
        Ok(MadeRule {
            rule_id: self.rule_id,
            matches,
            owner,
            reason,
            expires,
            created_by: self.created_by,
            created_at: timestamp(self.created_at),
        })
    }
}

impl ItemRow {
    fn is_meant_by(&self, rule: &OwnRule) -> bool {
        rule.fits([&self.resource_kind, &self.resource_name, &self.namespace, &self.stable_path, &self.manager])
    }

    fn hidden(&self) -> Result<Hidden, StoreError> {
        Ok(Hidden {
            drift_level: named("an item's level", self.drift_level.clone())?,
            fingerprint: self.fingerprint.clone(),
            source: self.source.clone(),
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            resource_kind: self.resource_kind.clone(),
            resource_name: self.resource_name.clone(),
            stable_path: self.stable_path.clone(),
            value_hash: self.value_hash.clone(),
        })
    }
}
