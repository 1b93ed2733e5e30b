//! Who asks the gateway: by a token, and by nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anchorwatch_core::object::secret::Fingerprint;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::error::Error;
use crate::serve::Service;

/// How long a token that counts is not looked up again; so soon one that was revoked is turned away.
const TRUSTED: SignedDuration = SignedDuration::from_secs(1);

/// The holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) token_id: String,
    /// Intents that it may use beside the private ones.
    pub(super) intents: Vec<String>,
}

/// Who asked a moment ago, by fingerprints of their tokens: whoever asks often would wait for the store each time.
#[derive(Default)]
pub(crate) struct Askers(Mutex<HashMap<Fingerprint, Known>>);

struct Known {
    asker: Asker,
    looked_up_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Known {
    fn counts(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.looked_up_at);
        (SignedDuration::ZERO..TRUSTED).contains(&age) && self.expires_at.is_none_or(|end| end > now)
    }
}

impl Askers {
    fn known(&self, token: Fingerprint, now: Timestamp) -> Option<Asker> {
        let askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        askers.get(&token).filter(|known| known.counts(now)).map(|known| known.asker.clone())
    }

    fn know(&self, token: Fingerprint, known: Known) {
        let mut askers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        askers.retain(|_, other| other.counts(known.looked_up_at));
        askers.insert(token, known);
    }
}

impl FromRequestParts<Arc<Service>> for Asker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Error> {
        let said = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(secret) = said.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) else {
            return Err(Error::unauthorized(
                "a token is needed: make one with anchorwatch token create --role gateway",
            ));
        };
        let (token, now) = (service.key.fingerprint(secret.as_bytes()), service.now());
        if let Some(asker) = service.askers.known(token, now) {
            return Ok(asker);
        }
        match service.store.token_of(secret, now).await {
            Ok(Some(row)) => {
                let asker = Self { token_id: row.token_id, intents: row.token.intents };
                let known = Known { asker: asker.clone(), looked_up_at: now, expires_at: row.token.expires_at };
                service.askers.know(token, known);
                Ok(asker)
            }
            Ok(None) => Err(Error::of_problem(&service.turn_away(parts))),
            Err(error) => Err(Error::of_problem(&error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::object::secret::SecretKey;

    use super::*;

    #[test]
    fn a_token_is_trusted_for_a_second_and_no_longer_than_it_counts() {
        let (askers, key) = (Askers::default(), SecretKey::new([7; 32]));
        let (token, other) = (key.fingerprint(b"token"), key.fingerprint(b"other"));
        let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
        let asker = Asker { token_id: "t".to_owned(), intents: Vec::new() };
        let known = |now, expires_at| Known { asker: asker.clone(), looked_up_at: now, expires_at };
        askers.know(token, known(at(1000), None));
        for (now, is_known) in [(1000, true), (1999, true), (2000, false), (999, false)] {
            assert_eq!(askers.known(token, at(now)), is_known.then(|| asker.clone()), "{now}");
        }
        assert_eq!(askers.known(other, at(1000)), None);
        askers.know(other, known(at(3000), Some(at(3500))));
        assert_eq!(askers.0.lock().unwrap().len(), 1, "nobody is kept who is not trusted any more");
        assert!(askers.known(other, at(3499)).is_some() && askers.known(other, at(3500)).is_none());
    }
}
