//! `sessions`: people at the page. A login link can be used once; a session lasts until it ends. Only hashes are known.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult};

use super::tokens::hash;
use super::{NewToken, Role, Store, StoreError, TokenRow, failing, micros, named, names, read, word};

/// Who somebody is, and what they may do where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name that is noted with what they do.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// In these clusters; all where empty.
    pub clusters: Vec<String>,
    /// In these namespaces; all where empty.
    pub namespaces: Vec<String>,
    /// The token by which they came, if they came by one: it ends with it.
    pub token_id: Option<String>,
}

impl From<TokenRow> for Person {
    fn from(TokenRow { token_id, token, .. }: TokenRow) -> Self {
        let NewToken { name, role, clusters, namespaces, intents: _, expires_at: _ } = token;
        Self { name, role, clusters, namespaces, token_id: Some(token_id) }
    }
}

#[derive(FromQueryResult)]
struct Row {
    token_id: Option<String>,
    name: String,
    role: String,
    clusters: String,
    namespaces: String,
}

const COLUMNS: &str = "token_id, name, role, clusters, namespaces";
/// A revoked token ends its sessions.
const HOLDS: &str = "(token_id IS NULL OR token_id IN (SELECT token_id FROM tokens WHERE revoked_at IS NULL \
                     AND (expires_at IS NULL OR expires_at > $2)))";

impl Store {
    /// Makes a link by which somebody can come in once.
    pub async fn add_login(
        &self,
        secret: &str,
        person: &Person,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.add(secret, "login", person, until, now).await
    }

    /// Begins a session.
    pub async fn add_session(
        &self,
        secret: &str,
        person: &Person,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.add(secret, "session", person, until, now).await
    }

    async fn add(
        &self,
        secret: &str,
        kind: &str,
        person: &Person,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO sessions (hash, kind, token_id, name, role, clusters, namespaces, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values = [
            hash(secret).into(),
            kind.into(),
            person.token_id.clone().into(),
            person.name.as_str().into(),
            word(person.role).into(),
            names(&person.clusters),
            names(&person.namespaces),
            micros(now).into(),
            micros(until).into(),
        ];
        self.db.execute_raw(self.statement(sql, values)).await.map(drop).map_err(failing("begin a session"))
    }

    /// Who has this login link, which counts no more from now on.
    pub async fn take_login(&self, secret: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        let sql = format!(
            "DELETE FROM sessions WHERE hash = $1 AND kind = 'login' AND expires_at > $2 AND {HOLDS} RETURNING {COLUMNS}"
        );
        self.person(&sql, secret, now).await
    }

    /// Whose session this is, if it has not ended.
    pub async fn session_of(&self, secret: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sessions WHERE hash = $1 AND kind = 'session' AND expires_at > $2 AND {HOLDS}"
        );
        self.person(&sql, secret, now).await
    }

    async fn person(&self, sql: &str, secret: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        let values = [hash(secret).into(), micros(now).into()];
        let row = Row::find_by_statement(self.statement(sql, values)).one(&self.db).await;
        row.map_err(failing("look a session up"))?.map(Row::read).transpose()
    }

    /// Ends a session.
    pub async fn end_session(&self, secret: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM sessions WHERE hash = $1";
        self.db
            .execute_raw(self.statement(sql, [hash(secret).into()]))
            .await
            .map(drop)
            .map_err(failing("end a session"))
    }
}

impl Row {
    fn read(self) -> Result<Person, StoreError> {
        Ok(Person {
            role: named("a session's role", self.role)?,
            clusters: read("a session", &self.clusters)?,
            namespaces: read("a session", &self.namespaces)?,
            name: self.name,
            token_id: self.token_id,
        })
    }
}
