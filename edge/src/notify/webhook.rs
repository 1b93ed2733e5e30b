//! Webhooks of one's own, signed as Standard Webhooks ask: <https://www.standardwebhooks.com>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::json;
use sha2::Sha256;

use super::{Channel, Message, SEND_LIMIT, SendError, judge};
use crate::clock;
use crate::outbound::{Anywhere, Outbound, Post};

/// What messages are signed with.
#[derive(Debug, Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

impl WebhookSecret {
    /// Reads a secret: base64 after `whsec_`, or any text.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let decoded = text.strip_prefix("whsec_").and_then(|base64| STANDARD.decode(base64).ok());
        Self(decoded.unwrap_or_else(|| text.as_bytes().to_vec()).into())
    }

    /// `v1,` and the signature of an id, a time in seconds and a body.
    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("a key of any length will do");
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// A receiver of one's own.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    outbound: Outbound<Anywhere>,
    url: SecretString,
    secret: WebhookSecret,
}

impl Webhook {
    /// A receiver at a URL.
    pub fn new(
        name: impl Into<String>,
        outbound: Outbound<Anywhere>,
        url: SecretString,
        secret: WebhookSecret,
    ) -> Self {
        Self { name: name.into(), outbound, url, secret }
    }

    async fn post(&self, message: &Message) -> Result<Option<String>, SendError> {
        let Message { notification_id, title, lines, footer, link, payload, buttons: _ } = message;
        let now = clock::now();
        let body = json!({
            "type": format!("anchorwatch.{}", payload["kind"].as_str().unwrap_or("notification")),
            "timestamp": now.to_string(),
            "data": payload,
            "text": { "title": title, "lines": lines, "footer": footer },
            "url": link.as_ref().map(|link| &link.url),
        });
        let body = body.to_string().into_bytes();
        let signature = self.secret.sign(notification_id, now.as_second(), &body);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", notification_id.clone()),
            ("webhook-timestamp", now.as_second().to_string()),
            ("webhook-signature", signature),
        ] {
            let value = HeaderValue::from_str(&value).expect("an id, a number and base64 are fit for a header");
            headers.insert(HeaderName::from_static(name), value);
        }
        let answer = self.outbound.post(Post { url: &self.url, headers, body, timeout: SEND_LIMIT }).await?;
        judge(&answer).map(|()| None)
    }
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Option<String>, SendError>> {
        Box::pin(self.post(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example of the Standard Webhooks' own libraries.
        let secret = WebhookSecret::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(!format!("{secret:?}").contains("MfKQ"));
    }
}
