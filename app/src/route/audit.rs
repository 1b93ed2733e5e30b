//! The service's audit: what is told of it in the log, and what of it is forgotten.

use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::route::audit::{AuditKey, SignedCheckpoint};
use anchorwatch_edge::clock::Clock;
use anchorwatch_edge::store::{Audit, AuditNews, AuditWriting, Forgetting, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::failure::Failure;

/// Parts of what is old that are forgotten in one go.
const PARTS: usize = 100;

/// Begins to write it. Nothing is written before the first attempt.
pub(crate) async fn open(store: &Store, key: &SecretKey, clock: Clock) -> Result<Audit, StoreError> {
    let (key, program) = (AuditKey::of(key), env!("CARGO_PKG_VERSION"));
    Audit::open(store, AuditWriting { key, program, clock, tell: Box::new(log) }).await
}

/// Whoever can write to the store must not be able to take back what was logged: so each checkpoint is a line.
fn log(news: AuditNews) {
    match news {
        AuditNews::Checkpoint(signed) => log_checkpoint(&signed),
        AuditNews::Failing(error) => {
            let reason = Failure::because(&error).line();
            tracing::error!(reason, "the audit cannot be written; until it can, nothing is sent to any model");
        }
        AuditNews::JournalStuck(error) => {
            let reason = Failure::because(&error).line();
            tracing::error!(reason, "the store's journal grows, as it cannot be moved into its file");
        }
        AuditNews::Recovered => tracing::info!("the audit is written again"),
        AuditNews::Foreign(chain) => {
            tracing::error!(
                chain,
                "somebody else has written to the audit of this process; see anchorwatch audit verify"
            );
        }
    }
}

fn log_checkpoint(signed: &SignedCheckpoint) {
    tracing::info!(number = signed.checkpoint.number, text = signed.text(), "checkpoint of the audit");
}

/// Forgets what is old, and what is broken never.
pub(crate) async fn forget(
    store: &Store,
    age: SignedDuration,
    key: &SecretKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = AuditKey::of(key);
    for _ in 0..PARTS {
        match store.forget_audit(age, &key, now).await? {
            Forgetting::Nothing => break,
            Forgetting::Rows(rows, signed) => {
                tracing::info!(rows, "old rows of the audit forgotten");
                log_checkpoint(&signed);
            }
            Forgetting::Broken(found) => {
                tracing::error!(
                    ?found,
                    "what is old in the audit is not as it was written, and is kept; see anchorwatch audit verify"
                );
                break;
            }
        }
    }
    Ok(())
}
