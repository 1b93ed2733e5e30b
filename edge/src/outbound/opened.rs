//! Answers that are read as they come, for models.
//!
//! Nothing here has a limit of its own but that of connecting: whoever opens an answer says how long each step may take and
//! how much is read. Dropping it, or the attempt to open it, ends the connection, and with it what the other side does.

use std::io;
use std::net::SocketAddr;

use anchorwatch_core::route::failure::{Failure, Wait};
use anchorwatch_core::route::locality::NotLocal;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientError;
use secrecy::SecretString;

use super::connector::Peer;
use super::reached::Calling;
use super::{CONNECT_LIMIT, Outbound, address, cause, distrust, innermost};

/// An answer that has begun, whatever its status.
#[derive(Debug)]
pub struct Opened {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Who answers.
    pub peer: Option<SocketAddr>,
    body: Incoming,
}

impl Opened {
    /// The next piece of the body, of any length; nothing at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            match frame.map_err(|error| Failure::Broken(innermost(&error)))?.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                // Trailers, in which nothing is said.
                _ => {}
            }
        }
        Ok(None)
    }

    /// All that is left of the body, up to so many bytes.
    pub async fn rest(mut self, limit: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(Failure::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl<Reach> Outbound<Reach> {
    /// Posts JSON, or gets what is there where there is none, and waits for the head of the answer.
    pub async fn open(&self, url: &SecretString, headers: HeaderMap, json: Option<Vec<u8>>) -> Result<Opened, Failure> {
        let uri = address(url).map_err(|error| Failure::Misconfigured(error.to_string()))?;
        let mut request = Request::new(Full::default());
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("anchorwatch"));
        if let Some(json) = json {
            *request.method_mut() = Method::POST;
            *request.body_mut() = Full::from(json);
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let _calling = Calling::with(&mut request);
        let response = self.client.request(request).await.map_err(|error| failure(&error))?;
        let (head, body) = response.into_parts();
        let peer = head.extensions.get::<Peer>().map(|Peer(peer)| *peer);
        Ok(Opened { status: head.status, headers: head.headers, peer, body })
    }
}

/// How a request failed that brought no head of an answer.
fn failure(error: &ClientError) -> Failure {
    if let Some(reason) = cause::<NotLocal>(error) {
        return Failure::NotLocal(reason.clone());
    }
    let reason = innermost(error);
    if !error.is_connect() {
        return Failure::Broken(reason);
    }
    if let Some(fault) = cause::<rustls::Error>(error) {
        return Failure::Tls(distrust(fault));
    }
    match innermost_fault(error) {
        Some(fault) if fault.kind() == io::ErrorKind::ConnectionRefused => Failure::ConnectionRefused,
        Some(fault) if fault.kind() == io::ErrorKind::TimedOut => Failure::Timeout(Wait::Connect, CONNECT_LIMIT),
        // Whoever speaks no TLS ends the handshake, or says what is none of it.
        Some(fault) if matches!(fault.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) => {
            Failure::Tls(reason)
        }
        // Of what is left, only what looks names up fails without a number of the system's.
        Some(fault) if fault.raw_os_error().is_none() => Failure::Dns(reason),
        _ => Failure::Unreachable(reason),
    }
}

/// The IO error that others are wrapped around.
fn innermost_fault(error: &ClientError) -> Option<&io::Error> {
    let mut fault = cause::<io::Error>(error)?;
    while let Some(inner) = fault.get_ref().and_then(|inner| cause::<io::Error>(inner)) {
        fault = inner;
    }
    Some(fault)
}
