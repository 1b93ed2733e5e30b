//! `tokens`: who may ask for what. Of a token only a hash is stored: it is random, so one hash without salt is enough.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult, SqlErr};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Store, StoreError, failing, micros, named, names, read, timestamp, word};

/// What a token may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks models by the gateway, and nothing else.
    Gateway,
    /// Reads.
    Viewer,
    /// Scans and acknowledges.
    Operator,
    /// Ignores what is HIGH, rolls back and adopts.
    Approver,
}

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its name, by which people know it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// In these clusters; all where empty.
    pub clusters: Vec<String>,
    /// In these namespaces; all where empty.
    pub namespaces: Vec<String>,
    /// Intents that it may use at the gateway, beside the private ones.
    pub intents: Vec<String>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// A token that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id.
    pub token_id: String,
    /// What was said of it.
    pub token: NewToken,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct Row {
    token_id: String,
    name: String,
    role: String,
    clusters: String,
    namespaces: String,
    intents: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

const COLUMNS: &str = "token_id, name, role, clusters, namespaces, intents, created_at, expires_at, revoked_at";

impl Store {
    /// Notes a new token; `secret` is what its holder will say.
    pub async fn add_token(
        &self,
        token_id: &str,
        token: &NewToken,
        secret: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO tokens (token_id, name, hash, role, clusters, namespaces, intents, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = [
            token_id.into(),
            token.name.as_str().into(),
            hash(secret).into(),
            word(token.role).into(),
            names(&token.clusters),
            names(&token.namespaces),
            names(&token.intents),
            micros(now).into(),
            token.expires_at.map(micros).into(),
        ];
        match self.db.execute_raw(self.statement(sql, values)).await {
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                Err(StoreError::Taken { what: "token", name: token.name.clone() })
            }
            done => done.map(drop).map_err(failing("note a token")),
        }
    }

    /// Who says this secret, if it still counts.
    pub async fn token_of(&self, secret: &str, now: Timestamp) -> Result<Option<TokenRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tokens WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
        );
        let values = [hash(secret).into(), micros(now).into()];
        let row = Row::find_by_statement(self.statement(&sql, values)).one(&self.db).await;
        row.map_err(failing("look a token up"))?.map(Row::read).transpose()
    }

    /// All tokens, by name.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM tokens ORDER BY name, created_at");
        let rows = Row::find_by_statement(self.statement(&sql, [])).all(&self.db).await;
        rows.map_err(failing("list tokens"))?.into_iter().map(Row::read).collect()
    }

    /// Revokes a token by its name; false if there is none.
    pub async fn revoke_token(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "UPDATE tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL";
        let done = self.db.execute_raw(self.statement(sql, [name.into(), micros(now).into()])).await;
        Ok(done.map_err(failing("revoke a token"))?.rows_affected() > 0)
    }
}

/// The hash finds the row: nobody can guess a secret from how long that takes.
pub(super) fn hash(secret: &str) -> String {
    anchorwatch_core::object::secret::hex(&Sha256::digest(secret))
}

impl Row {
    fn read(self) -> Result<TokenRow, StoreError> {
        Ok(TokenRow {
            token: NewToken {
                name: self.name,
                role: named("a token's role", self.role)?,
                clusters: read("a token", &self.clusters)?,
                namespaces: read("a token", &self.namespaces)?,
                intents: read("a token", &self.intents)?,
                expires_at: self.expires_at.map(timestamp),
            },
            token_id: self.token_id,
            created_at: timestamp(self.created_at),
            revoked_at: self.revoked_at.map(timestamp),
        })
    }
}
