//! A running service, as the command line asks it.

pub(super) mod plan;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anchorwatch_edge::outbound::{Answer, Anywhere, Get, InsideOnly, Outbound, OutboundError, Post};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::target;
use crate::failure::Failure;

/// How long a busy service is asked again.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long to wait where a busy service does not say it.
const PAUSE: Duration = Duration::from_secs(5);

/// The heading of what is done by a service, and not here.
pub(super) const BY_SERVICE: &str = "By a service";

/// How to come in.
#[derive(Debug, clap::Args)]
pub(super) struct Access {
    /// The file with the token that the service knows; anchorwatch token create makes one.
    #[arg(long, value_name = "FILE", env = "ANCHORWATCH_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Believe only the certificate authorities in this file (PEM); else those of this machine.
    #[arg(long, value_name = "FILE", env = "ANCHORWATCH_SERVER_CA")]
    server_ca: Option<PathBuf>,
}

/// Which service is asked, and how its answer is printed.
#[derive(Debug, clap::Args)]
pub(super) struct Asking {
    /// The service.
    #[arg(long, value_name = "URL", env = "ANCHORWATCH_SERVER")]
    server: String,
    #[command(flatten)]
    access: Access,
    /// Print all that the service says, as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Asking {
    /// The service that is meant.
    pub(super) fn service(&self) -> Result<Service, Failure> {
        Service::at(&self.server, &self.access)
    }
}

/// Which service is to do it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = BY_SERVICE)]
pub(super) struct ByService {
    /// Have this running service plan and do it, of what is open in one of its own sources; -n names the namespaces, with commas
    /// between them. As in `https://anchorwatch.example.com`; http only to this machine (127.0.0.1, localhost).
    #[arg(
        long,
        value_name = "URL",
        env = "ANCHORWATCH_SERVER",
        requires = "token_file",
        conflicts_with_all = target::ALONE
    )]
    server: Option<String>,
    #[command(flatten)]
    access: Access,
}

impl ByService {
    /// The service that is meant, if one is.
    pub(super) fn service(&self) -> Result<Option<Service>, Failure> {
        self.server.as_deref().map(|server| Service::at(server, &self.access)).transpose()
    }
}

/// A service, and how it is reached.
pub(super) struct Service {
    client: Client,
    base: String,
    token: HeaderValue,
}

/// A token goes over TLS, or does not leave the machine.
enum Client {
    Secure(Outbound<Anywhere>),
    Here(Outbound<InsideOnly>),
}

/// What is asked.
pub(super) struct Question<'a> {
    /// The path.
    pub(super) path: &'a str,
    /// What is posted; without it the path is got.
    pub(super) body: Option<&'a Value>,
    /// The same key asks for the same thing, so that it is not done twice.
    pub(super) key: Option<&'a str>,
    /// How long one answer may take.
    pub(super) timeout: Duration,
}

/// What is answered to a plan's hash.
pub(super) enum Answered {
    /// It is done.
    Done(Value),
    /// Nothing is: this is the plan by now.
    AnotherPlan(Value),
}

impl Service {
    /// The service at an address.
    pub(super) fn at(address: &str, access: &Access) -> Result<Self, Failure> {
        let Access { token_file, server_ca } = access;
        let base = address.trim().trim_end_matches('/').to_owned();
        let unusable = |why: &str| {
            Failure::new("cannot use the address of the service")
                .detail(why)
                .hint("--server, or ANCHORWATCH_SERVER, as in https://anchorwatch.example.com")
        };
        let (scheme, rest) = base.split_once("://").ok_or_else(|| unusable("it does not begin with https://"))?;
        if rest.is_empty() || rest.contains(['@', '?', '#']) || rest.contains(char::is_whitespace) {
            return Err(unusable("it is to be a name or an address with a port, and perhaps a path"));
        }
        let client = match scheme.to_ascii_lowercase().as_str() {
            "https" => {
                let authorities = server_ca.as_deref().map(read).transpose()?;
                Client::Secure(Outbound::to_own_service(authorities.as_deref()).map_err(|error| {
                    let named = server_ca.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
                    Failure::new(format!("cannot use {named}")).detail(error.to_string()).hint(
                        "--server-ca names a file of PEM certificates, such as ca.crt of the service's TLS secret",
                    )
                })?)
            }
            "http" if is_here(rest) => Client::Here(Outbound::to_own_service_here()),
            "http" => {
                return Err(unusable("http is for this machine only: the token would go over the network in clear"));
            }
            _ => return Err(unusable("it does not begin with https://")),
        };
        let file = token_file.as_deref().ok_or_else(|| {
            Failure::new("there is no token to ask the service with")
                .hint("name its file with --token-file, or ANCHORWATCH_TOKEN_FILE")
        })?;
        Ok(Self { client, base, token: token(file)? })
    }

    /// Where it is, for people.
    pub(super) fn address(&self) -> &str {
        &self.base
    }

    /// What it answers. While it is busy it is asked again, when it says so.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Value, Failure> {
        let mut patience = PATIENCE;
        loop {
            let answer = self.once(question).await.map_err(|error| self.unreachable(&error))?;
            let pause = pause(&answer);
            if !is_busy(answer.status) || pause > patience {
                return self.read(&answer);
            }
            super::tell(&format!("{} is busy; asked again in {} s", self.base, pause.as_secs()));
            tokio::time::sleep(pause).await;
            patience = patience.saturating_sub(pause);
        }
    }

    /// The same, without asking again: what is rejected for now says so.
    pub(super) async fn ask_once(&self, question: &Question<'_>) -> Result<Value, Failure> {
        let answer = self.once(question).await.map_err(|error| self.unreachable(&error))?;
        self.read(&answer)
    }

    /// What it answers to a plan's hash; it is not asked again, as it may have begun.
    pub(super) async fn confirm(&self, question: &Question<'_>) -> Result<Answered, Failure> {
        let answer = self.once(question).await.map_err(|error| self.unreachable(&error))?;
        if answer.status == StatusCode::CONFLICT
            && let Ok(Value::Object(mut problem)) = serde_json::from_slice(&answer.body)
            && let Some(plan) = problem.remove("plan")
        {
            return Ok(Answered::AnotherPlan(plan));
        }
        self.read(&answer).map(Answered::Done)
    }

    async fn once(&self, question: &Question<'_>) -> Result<Answer, OutboundError> {
        let Question { path, body, key, timeout } = *question;
        let url = &SecretString::from(format!("{}{path}", self.base));
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, self.token.clone())]);
        if let Some(key) = key.and_then(|key| HeaderValue::from_str(key).ok()) {
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        let body = body.map(|body| body.to_string().into_bytes());
        match (&self.client, body) {
            (Client::Secure(client), Some(body)) => client.post(Post { url, headers, body, timeout }).await,
            (Client::Here(client), Some(body)) => client.post(Post { url, headers, body, timeout }).await,
            (Client::Secure(client), None) => client.get(Get { url, headers, timeout }).await,
            (Client::Here(client), None) => client.get(Get { url, headers, timeout }).await,
        }
    }

    fn read(&self, answer: &Answer) -> Result<Value, Failure> {
        let body = serde_json::from_slice::<Value>(&answer.body).ok();
        match body {
            Some(body) if answer.status.is_success() => Ok(body),
            body => Err(self.refused(answer.status, body.as_ref())),
        }
    }

    /// Why there is no answer.
    fn unreachable(&self, error: &OutboundError) -> Failure {
        let hint = match error {
            OutboundError::Tls(_) | OutboundError::Authority(_) => {
                "name the service by what its certificate is for, and who vouches for it with --server-ca FILE"
            }
            OutboundError::Timeout(_) => "what has begun goes on; ask again later",
            OutboundError::TooLarge(_) => "ask for fewer namespaces with -n",
            _ => "see that --server is right and that the service runs: its /readyz says so",
        };
        Failure::new(format!("cannot ask the service at {}", self.base)).detail(error.to_string()).hint(hint)
    }

    /// What a refusal says, and what to do about it.
    fn refused(&self, status: StatusCode, problem: Option<&Value>) -> Failure {
        let said = |name: &str| problem.and_then(|problem| problem[name].as_str()).filter(|text| !text.is_empty());
        // The gateway speaks as OpenAI does.
        if let Some(message) = problem.and_then(|problem| problem["error"]["message"].as_str()) {
            return Failure::new(format!("the gateway at {} gives no answer", self.base)).detail(message).hint(
                "anchorwatch route probe says how the providers are; anchorwatch audit show --request what was tried",
            );
        }
        let Some(title) = said("title") else {
            return Failure::new(format!("what answers at {} is no Anchorwatch", self.base))
                .detail(format!("it says: {status}"))
                .hint("name the address of the service itself with --server");
        };
        let mut failure = Failure::new(format!("the service at {} refuses: {title}", self.base));
        // What the service itself advises counts more than what its status does.
        match said("detail").map(|detail| (detail, detail.rsplit_once("\nhint: "))) {
            Some((_, Some((detail, hint)))) => return failure.detail(detail).hint(hint),
            Some((detail, None)) => failure = failure.detail(detail),
            None => {}
        }
        let hint = match status {
            StatusCode::UNAUTHORIZED => {
                "make a token with anchorwatch token create NAME --role operator, and name its file with --token-file"
            }
            StatusCode::FORBIDDEN => {
                "it takes a token of the role operator, for all that is meant; to write what is HIGH an approver, and to write at all \
                 a source whose `write` allows it"
            }
            StatusCode::NOT_FOUND => {
                "with --server, --source and --cluster are names in the service's configuration; what is gone by now, or not for this \
                 token, is not found either"
            }
            StatusCode::MISDIRECTED_REQUEST => "add the name to `hosts` of the service's configuration",
            StatusCode::UNPROCESSABLE_ENTITY => {
                "name something else: other namespaces with -n, another source with --source"
            }
            StatusCode::BAD_GATEWAY => "the service's log says more",
            StatusCode::CONFLICT => "run this again to see how it is now",
            StatusCode::GATEWAY_TIMEOUT => "it goes on; ask again later",
            status if is_busy(status) => "try again later",
            _ => "the service's log says more",
        };
        failure.hint(hint)
    }
}

/// An answer, taken apart.
pub(super) fn understood<T: DeserializeOwned>(said: Value) -> Result<T, Failure> {
    serde_json::from_value(said).map_err(|error| not_understood(error.to_string()))
}

/// Why an answer cannot be taken apart.
pub(super) fn not_understood(why: impl Into<String>) -> Failure {
    Failure::new("the service's answer cannot be understood")
        .detail(why)
        .hint("take the anchorwatch of the same version as the service")
}

/// An id becomes part of a path.
pub(super) fn checked(id: &str) -> Result<&str, Failure> {
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(id);
    }
    Err(not_understood(format!("nothing is called {id:?}")))
}

/// True for the names of this machine; whether they lead there is seen when they are connected to.
fn is_here(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(six),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn pause(answer: &Answer) -> Duration {
    let seconds = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.map_or(PAUSE, |seconds: u64| Duration::from_secs(seconds.max(1)))
}

fn token(file: &Path) -> Result<HeaderValue, Failure> {
    let unusable = |why: &str| {
        Failure::new(format!("there is no token in {}", file.display()))
            .detail(why)
            .hint("write into it, on one line, what anchorwatch token create printed")
    };
    let text = read(file)?;
    let text = std::str::from_utf8(&text).map_err(|_| unusable("it is no text"))?.trim();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(unusable(if text.is_empty() { "it is empty" } else { "there are blanks in it" }));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| unusable("no token is like this"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[expect(clippy::disallowed_methods, reason = "one small file that a person named")]
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        Failure::new(format!("cannot read {}", file.display()))
            .detail(error.to_string())
            .hint("name a file that can be read")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_in_clear_to_this_machine_only() {
        for here in ["127.0.0.1:8484", "localhost", "LOCALHOST:1/x", "[::1]:8484", "127.8.0.1"] {
            assert!(is_here(here), "{here}");
        }
        for elsewhere in ["10.0.0.1", "localhost.example.com", "127.0.0.1.example.com", "anchorwatch.svc", "[::2]", ""]
        {
            assert!(!is_here(elsewhere), "{elsewhere}");
        }
    }
}
