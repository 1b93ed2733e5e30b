//! TLS for who comes to us: a certificate and its key, read again when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
pub use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no such thing. What it holds is not told.
    #[error("cannot read {what} in {path}: {reason}")]
    Read {
        /// `the certificate` or `the key`.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// They do not fit.
    #[error("the certificate in {certificate} and the key in {key} cannot be used together: {reason}")]
    Use {
        /// The file of the certificate.
        certificate: String,
        /// The file of the key.
        key: String,
        /// Why.
        reason: String,
    },
}

/// A certificate that is shown to who comes.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug, Clone)]
struct Current {
    config: Arc<ServerConfig>,
    changed: [Option<SystemTime>; 2],
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let current = read(certificate, key)?;
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current: RwLock::new(current) })
    }

    /// Reads both files again if they have changed; true if they had. On an error what was read before stays.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let known = self.current.read().unwrap_or_else(PoisonError::into_inner).changed;
        if known == changed(&self.certificate, &self.key) {
            return Ok(false);
        }
        let current = read(&self.certificate, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(true)
    }

    /// Speaks TLS with who has come; `None` if they do not, or take too long.
    pub async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config);
        let shaken = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await;
        shaken.ok()?.ok()
    }
}

fn changed(certificate: &Path, key: &Path) -> [Option<SystemTime>; 2] {
    [certificate, key].map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok())
}

fn read(certificate: &Path, key: &Path) -> Result<Current, TlsError> {
    // Only the first call installs it; a later one finds the same provider there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let changed = changed(certificate, key);
    let fail = |what, path: &Path, reason: &str| TlsError::Read {
        what,
        path: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let why = |error: &rustls::pki_types::pem::Error| match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        // Others may tell bytes of what was read.
        _ => "it holds none in PEM".to_owned(),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail("the certificate", certificate, &why(&error)))?;
    if chain.is_empty() {
        return Err(fail("the certificate", certificate, "it holds none in PEM"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| fail("the key", key, &why(&error)))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private).map_err(|error| {
        TlsError::Use {
            certificate: certificate.display().to_string(),
            key: key.display().to_string(),
            reason: error.to_string(),
        }
    })?;
    Ok(Current { config: Arc::new(config), changed })
}
