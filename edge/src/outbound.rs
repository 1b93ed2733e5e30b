//! Calls to the outside: the only maker of HTTP clients, but for that of the cluster.
//!
//! A client says by its type how far it reaches. Whoever reaches inside only has each address judged right before it is
//! connected to, and the address that it is connected to once more. No client follows redirects, asks a proxy of the
//! environment, waits for ever or reads without end. No error has a URL in it, as some are secrets.

mod connector;
mod name_servers;
mod opened;
mod reached;
mod resolver;

use std::error::Error;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::route::locality::{Endpoint, Networks, NotLocal, Outside};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};

use connector::{Connector, Peer};
pub use opened::Opened;
pub use reached::reached;
pub use resolver::Resolver;

/// How long a name may take to be looked up and connected to.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const ANSWER_LIMIT: usize = 1024 * 1024;
/// How much of an answer is read from a service of one's own.
const OWN_ANSWER_LIMIT: usize = 256 * 1024 * 1024;

/// Reaches anywhere.
#[derive(Debug, Clone, Copy)]
pub enum Anywhere {}

/// Reaches certain networks and no others.
#[derive(Debug, Clone, Copy)]
pub enum InsideOnly {}

/// Why a call brought no answer. Its text has neither address nor token in it.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is none that can be called.
    #[error("the address is no http(s) URL without user and password")]
    Address,
    /// The address leads out of the networks that may be reached.
    #[error("the address {0}")]
    Outside(Outside),
    /// The name is a cloud's, and what may be reached is inside only: nothing was looked up.
    #[error("the host is {0}'s, and not inside")]
    Cloud(&'static str),
    /// There is no connection: nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The other side is not who it should be, or speaks no TLS: nothing was sent.
    #[error("no TLS with it: {0}")]
    Tls(String),
    /// The certificate authorities that were named cannot be used.
    #[error("no certificate authority: {0}")]
    Authority(String),
    /// There was no whole answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The connection broke.
    #[error("the connection broke before the answer was there: {0}")]
    Broken(String),
    /// The answer has no end.
    #[error("the answer is larger than {} KiB", .0 / 1024)]
    TooLarge(usize),
}

impl OutboundError {
    /// True if nobody knows whether the request arrived.
    pub fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Broken(_) | Self::TooLarge(_))
    }
}

/// What is posted.
#[derive(Debug)]
pub struct Post<'a> {
    /// Where to; often a secret itself.
    pub url: &'a SecretString,
    /// Headers beside the type, which is JSON.
    pub headers: HeaderMap,
    /// JSON.
    pub body: Vec<u8>,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// What is asked for.
#[derive(Debug)]
pub struct Get<'a> {
    /// Where.
    pub url: &'a SecretString,
    /// Headers.
    pub headers: HeaderMap,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// What came back; whatever its status, a redirect too.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
    /// Who answered.
    pub peer: SocketAddr,
}

/// A client; its connections are its own, so that no other policy finds them open.
#[derive(Debug)]
pub struct Outbound<Reach> {
    client: Client<HttpsConnector<Connector>, Full<Bytes>>,
    connector: Connector,
    answer_limit: usize,
    reach: PhantomData<Reach>,
}

impl<Reach> Clone for Outbound<Reach> {
    fn clone(&self) -> Self {
        let Self { client, connector, answer_limit, .. } = self;
        Self { client: client.clone(), connector: connector.clone(), answer_limit: *answer_limit, reach: PhantomData }
    }
}

impl Outbound<Anywhere> {
    /// A client that reaches anywhere.
    pub fn anywhere() -> Self {
        Self::with(Connector::anywhere(), machine_roots())
    }

    /// A client for a service of one's own, anywhere: its answers may be long, and it may be vouched for by authorities
    /// (PEM) that nobody else knows.
    pub fn to_own_service(authorities: Option<&[u8]>) -> Result<Self, OutboundError> {
        let own = Self { answer_limit: OWN_ANSWER_LIMIT, ..Self::anywhere() };
        match authorities {
            Some(authorities) => own.believing(authorities),
            None => Ok(own),
        }
    }
}

impl Outbound<InsideOnly> {
    /// A client that reaches these networks and no others; and no cloud, whatever its name leads to.
    pub fn inside_only(networks: Networks) -> Self {
        Self::with(Connector::inside(networks), machine_roots())
    }

    /// The same, which has somebody else look names up.
    pub fn inside_only_asking(networks: Networks, resolver: Arc<dyn Resolver>) -> Self {
        Self::with(Connector::inside(networks).asking(resolver), machine_roots())
    }

    /// A client for a service of one's own on this machine: its answers may be long.
    pub fn to_own_service_here() -> Self {
        Self { answer_limit: OWN_ANSWER_LIMIT, ..Self::inside_only(Networks::loopback()) }
    }
}

impl<Reach> Outbound<Reach> {
    /// The same, which believes whoever these authorities (PEM) vouch for, and nobody else.
    pub fn believing(self, authorities: &[u8]) -> Result<Self, OutboundError> {
        let roots = named_roots(authorities)?;
        Ok(Self { answer_limit: self.answer_limit, ..Self::with(self.connector, roots) })
    }

    fn with(connector: Connector, roots: RootCertStore) -> Self {
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls(roots))
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector.clone());
        #[expect(clippy::disallowed_methods, reason = "this is where they are made")]
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https);
        Self { client, connector, answer_limit: ANSWER_LIMIT, reach: PhantomData }
    }

    /// Gets what is there.
    pub async fn get(&self, get: Get<'_>) -> Result<Answer, OutboundError> {
        let Get { url, headers, timeout } = get;
        let mut request = Request::new(Full::default());
        *request.uri_mut() = address(url)?;
        *request.headers_mut() = headers;
        self.send(request, timeout).await
    }

    /// Posts JSON.
    pub async fn post(&self, post: Post<'_>) -> Result<Answer, OutboundError> {
        let Post { url, headers, body, timeout } = post;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address(url)?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(request, timeout).await
    }

    async fn send(&self, mut request: Request<Full<Bytes>>, timeout: Duration) -> Result<Answer, OutboundError> {
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("anchorwatch"));
        tokio::time::timeout(timeout, self.answer(request)).await.unwrap_or(Err(OutboundError::Timeout(timeout)))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer, OutboundError> {
        let response = self.client.request(request).await.map_err(|error| {
            match cause(&error) {
                Some(NotLocal::Address(outside)) => return OutboundError::Outside(*outside),
                Some(NotLocal::Host(owner)) => return OutboundError::Cloud(owner),
                _ => {}
            }
            let reason = innermost(&error);
            if let Some(fault) = cause::<rustls::Error>(&error).filter(|_| error.is_connect()) {
                return OutboundError::Tls(distrust(fault));
            }
            if error.is_connect() { OutboundError::Connect(reason) } else { OutboundError::Broken(reason) }
        })?;
        let (head, body) = response.into_parts();
        let Peer(peer) = *head.extensions.get().expect("each connection says who is at its other end");
        let body = Limited::new(body, self.answer_limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                OutboundError::TooLarge(self.answer_limit)
            } else {
                OutboundError::Broken(innermost(error.as_ref()))
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes(), peer })
    }
}

fn address(url: &SecretString) -> Result<Uri, OutboundError> {
    let endpoint = Endpoint::parse(url.expose_secret()).map_err(|_| OutboundError::Address)?;
    endpoint.as_str().parse().map_err(|_| OutboundError::Address)
}

/// The machine's own certificate authorities; without any, no https server is believed.
fn machine_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The authorities that somebody named, all of them.
fn named_roots(pem: &[u8]) -> Result<RootCertStore, OutboundError> {
    let unusable = |error: &dyn std::fmt::Display| OutboundError::Authority(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() { Err(unusable(&"there is no PEM certificate in it")) } else { Ok(roots) }
}

/// Why a certificate is not believed. The library tells of the most common mistake by the name of a type.
fn distrust(fault: &rustls::Error) -> String {
    let said = fault.to_string();
    if said.contains("CaUsedAsEndEntity") {
        return "its certificate is made for signing others (CA:TRUE), and the server needs one of its own (CA:FALSE)"
            .to_owned();
    }
    said
}

fn tls(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// What an error was made of, where it is of this type.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An IO error's source is that of what is inside of it.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

/// What went wrong in the end, as in `Connection refused (os error 111)`.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
