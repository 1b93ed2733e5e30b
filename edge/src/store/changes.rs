//! `changes`: what was written to clusters, by whom, and how far that is.

use std::time::Duration;

use anchorwatch_core::object::secret::SecretKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult};

use super::{Duty, Store, StoreError, failing, micros, timestamp};
use crate::clock::{self, KeyError};

/// Bytes of a nonce, which stands before what is sealed.
const NONCE: usize = 24;

/// A change, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its id.
    pub change_id: String,
    /// The source that says what the cluster should be.
    pub source: String,
    /// The cluster.
    pub cluster: String,
    /// The change that it takes back.
    pub undoes: Option<String>,
    /// Who confirmed it.
    pub changed_by: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// True while nobody has noted how a part of it ended.
    pub is_open: bool,
    /// What it is, sealed (XChaCha20-Poly1305) with the row's id beside it.
    pub body: Vec<u8>,
}

/// A scan, as far as others have to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastScan {
    /// When it began.
    pub began: Timestamp,
    /// The commit that it has read; `None` for files on disk.
    pub revision: Option<String>,
}

#[derive(FromQueryResult)]
struct Row {
    change_id: String,
    source: String,
    cluster: String,
    undoes: Option<String>,
    changed_by: String,
    begun_at: i64,
    is_open: i64,
    body: String,
}

impl ChangeRow {
    /// With a body that only whoever has the key can read.
    pub fn sealed(self, body: &[u8], key: &SecretKey) -> Result<Self, KeyError> {
        let nonce: [u8; NONCE] = clock::random()?;
        let payload = Payload { msg: body, aad: self.change_id.as_bytes() };
        let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload).expect("it is shorter than 256 GiB");
        Ok(Self { body: [&nonce[..], &sealed].concat(), ..self })
    }

    /// Its body; `None` where it was sealed with another key, or for another row.
    pub fn unsealed(&self, key: &SecretKey) -> Option<Vec<u8>> {
        let (nonce, sealed) = self.body.split_first_chunk::<NONCE>()?;
        cipher(key).decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: self.change_id.as_bytes() }).ok()
    }
}

fn cipher(key: &SecretKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key.derived(b"anchorwatch: what takes a change back").into())
}

const COLUMNS: &str = "change_id, source, cluster, undoes, changed_by, begun_at, is_open, body";

impl Store {
    /// Writes how far a change is, if its duty is still held, and holds that for longer.
    pub async fn put_change(
        &self,
        duty: &Duty,
        row: &ChangeRow,
        lease: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let fail = failing("note a change");
        let write = self.begin().await.map_err(&fail)?;
        self.renew_within(&write, duty, lease, now).await?;
        let sql = format!(
            "INSERT INTO changes ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (change_id) DO UPDATE SET is_open = excluded.is_open, body = excluded.body"
        );
        let values = [
            row.change_id.as_str().into(),
            row.source.as_str().into(),
            row.cluster.as_str().into(),
            row.undoes.clone().into(),
            row.changed_by.as_str().into(),
            micros(row.begun_at).into(),
            i64::from(row.is_open).into(),
            STANDARD.encode(&row.body).into(),
        ];
        write.execute_raw(self.statement(&sql, values)).await.map_err(&fail)?;
        self.commit(write).await.map_err(fail)
    }

    /// A change; `None` if none has this id.
    pub async fn change(&self, change_id: &str) -> Result<Option<ChangeRow>, StoreError> {
        Ok(self.changes_where("change_id = $1", change_id, 1).await?.pop())
    }

    /// Changes of which nobody has noted how a part of them ended.
    pub async fn open_changes(&self) -> Result<Vec<ChangeRow>, StoreError> {
        self.changes_where("is_open = 1 AND change_id > $1", "", 1000).await
    }

    /// The last changes, the newest first.
    pub async fn last_changes(&self, most: u32) -> Result<Vec<ChangeRow>, StoreError> {
        self.changes_where("change_id > $1", "", most).await
    }

    /// What took a change back, or was to.
    pub async fn undos_of(&self, change_id: &str) -> Result<Vec<ChangeRow>, StoreError> {
        self.changes_where("undoes = $1", change_id, 100).await
    }

    /// The last scan of a source that could tell.
    pub async fn last_scan(&self, source: &str) -> Result<Option<LastScan>, StoreError> {
        let sql = "SELECT started_at, revision FROM scans WHERE source = $1 AND failure IS NULL ORDER BY started_at DESC LIMIT 1";
        let row = self.db.query_one_raw(self.statement(sql, [source.into()])).await;
        let read = |row: sea_orm::QueryResult| {
            let began = timestamp(row.try_get::<i64>("", "started_at")?);
            Ok(LastScan { began, revision: row.try_get("", "revision")? })
        };
        row.and_then(|row| row.map(read).transpose()).map_err(failing("read scans"))
    }

    async fn changes_where(&self, condition: &str, value: &str, most: u32) -> Result<Vec<ChangeRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM changes WHERE {condition} ORDER BY begun_at DESC LIMIT {most}");
        let rows = Row::find_by_statement(self.statement(&sql, [value.into()])).all(&self.db).await;
        Ok(rows.map_err(failing("read changes"))?.into_iter().map(Row::read).collect())
    }

    /// Notes that items are as Git says, by somebody's hand: the cluster was made so (`rolled_back`), or, of those that a scan has found
    /// to differ no more, Git was (`adopted`).
    pub async fn settle_items(
        &self,
        fingerprints: &[String],
        status: &'static str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let fail = failing("settle items");
        let write = self.begin().await.map_err(&fail)?;
        for fingerprint in fingerprints {
            let from =
                if status == "adopted" { "'resolved'" } else { "'pending', 'acknowledged', 'ignored', 'resolved'" };
            let sql = format!(
                "UPDATE drift_items SET status = $2, decided_by = $3, decided_at = $4, resolved_at = $4, judged_at = $4 \
                 WHERE fingerprint = $1 AND status IN ({from})"
            );
            let values = [fingerprint.as_str().into(), status.into(), by.into(), micros(now).into()];
            write.execute_raw(self.statement(&sql, values)).await.map_err(&fail)?;
        }
        self.close_reports_with(&write, fingerprints, now).await.map_err(&fail)?;
        self.commit(write).await.map_err(fail)
    }
}

impl Row {
    fn read(self) -> ChangeRow {
        let Self { change_id, source, cluster, undoes, changed_by, begun_at, is_open, body } = self;
        ChangeRow {
            begun_at: timestamp(begun_at),
            body: STANDARD.decode(body).unwrap_or_default(),
            is_open: is_open == 1,
            change_id,
            source,
            cluster,
            undoes,
            changed_by,
        }
    }
}
