//! The machine's clock, and what is made of it: the only place that asks for the time, randomness or a new id.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anchorwatch_core::object::secret::SecretKey;
use jiff::{SignedDuration, Timestamp};

/// Now.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A clock that may go after another time than this machine's, as where a recorded state is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    ahead: SignedDuration,
}

impl Clock {
    /// One that shows this time now, and goes on from there.
    pub fn starting_at(time: Timestamp) -> Self {
        Self { ahead: time.duration_since(now()) }
    }

    /// What it shows.
    pub fn now(self) -> Timestamp {
        now().checked_add(self.ahead).unwrap_or(Timestamp::MAX)
    }
}

/// A new secret for people to hold, as hexadecimal: 32 random bytes.
pub fn new_secret() -> Result<String, KeyError> {
    random().map(|bytes: [u8; 32]| anchorwatch_core::object::secret::hex(&bytes))
}

/// A number below a bound, by chance. Without randomness the half of it: nothing secret hangs on it.
pub fn chance(below: u64) -> u64 {
    getrandom::u64().map_or(below / 2, |any| any % below.max(1))
}

/// A new id, sortable by time (UUID version 7).
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A new id that people can read out: six characters without those that look alike (Crockford's base 32).
pub fn short_id() -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    // The last four bytes of such an id are random.
    let [.., a, b, c, d] = uuid::Uuid::now_v7().into_bytes();
    let random = u32::from_be_bytes([a, b, c, d]);
    (0..6).map(|place| char::from(LETTERS[(random >> (place * 5)) as usize % LETTERS.len()])).collect()
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("cannot read or make the key of the fingerprints, {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{0} does not hold a key of 32 bytes; move it away and a new one is made")]
    Malformed(String),
    /// The operating system gives no randomness.
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

/// Reads the key of the fingerprints from a file, or makes it once (mode 0600).
pub fn secret_key(path: &Path) -> Result<SecretKey, KeyError> {
    let fail = |source| KeyError::File { path: path.display().to_string(), source };
    match fs::read(path) {
        Ok(bytes) => {
            let bytes = bytes.try_into().map_err(|_| KeyError::Malformed(path.display().to_string()))?;
            return Ok(SecretKey::new(bytes));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    let key = random()?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    // Written aside and linked, so that of two processes that start at once one wins and both read the same.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside).map_err(fail)?;
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(fail)?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside).map_err(fail)?;
    match linked {
        Ok(()) => Ok(SecretKey::new(key)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => secret_key(path),
        Err(error) => Err(fail(error)),
    }
}

/// A key that lasts for this process only.
pub fn passing_key() -> Result<SecretKey, KeyError> {
    random().map(SecretKey::new)
}

pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES], KeyError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(KeyError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_differ_and_are_easy_to_read() {
        let ids: std::collections::BTreeSet<String> = (0..1000).map(|_| short_id()).collect();
        assert!(ids.len() > 990, "{}", ids.len());
        assert!(ids.iter().all(|id| id.len() == 6 && !id.contains(['I', 'L', 'O', 'U'])));
    }

    #[test]
    fn the_key_is_made_once_and_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/secret.key");
        let first = secret_key(&path).unwrap().fingerprint(b"x");
        assert_eq!(secret_key(&path).unwrap().fingerprint(b"x"), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, b"short").unwrap();
        assert!(matches!(secret_key(&path), Err(KeyError::Malformed(_))));
    }
}
