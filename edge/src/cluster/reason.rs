//! What may be told of the client's errors. They quote kubeconfigs, and what credential plugins were given and printed:
//! none of that is for a terminal or a log. What is not known to be harmless is told by its kind only.

use std::error::Error;

use http::Uri;
use kube::client::AuthError;
use kube::config::{KubeconfigError, LoadDataError};

/// Why a kubeconfig cannot be used.
pub(super) fn of_kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(error, path) => format!("{}: {error}", path.display()),
        KubeconfigError::Parse(error) => {
            let place = error.location().map(|at| format!(": see line {}, column {}", at.line(), at.column()));
            format!("it is no kubeconfig{}", place.unwrap_or_default())
        }
        KubeconfigError::ParseClusterUrl(_) => "the server of its cluster is no address".to_owned(),
        KubeconfigError::LoadCertificateAuthority(error) => {
            format!("its certificate authority cannot be read: {}", of_data(error))
        }
        KubeconfigError::LoadClientCertificate(error) => {
            format!("its client certificate cannot be read: {}", of_data(error))
        }
        KubeconfigError::LoadClientKey(error) => format!("its client key cannot be read: {}", of_data(error)),
        KubeconfigError::ParseCertificates(_) => "a certificate in it is no PEM".to_owned(),
        KubeconfigError::CurrentContextNotSet
        | KubeconfigError::KindMismatch
        | KubeconfigError::ApiVersionMismatch
        | KubeconfigError::LoadContext(_)
        | KubeconfigError::LoadClusterOfContext(_)
        | KubeconfigError::FindPath
        | KubeconfigError::MissingClusterUrl => error.to_string(),
        KubeconfigError::ParseProxyUrl(_) => "the proxy of its cluster is no address".to_owned(),
    }
}

/// The decoder's own words hold a byte of the key.
fn of_data(error: &LoadDataError) -> String {
    match error {
        LoadDataError::DecodeBase64(_) => "it is no base64".to_owned(),
        LoadDataError::ReadFile(error, path) => format!("{}: {error}", path.display()),
        LoadDataError::NoBase64DataOrFile => "there is none".to_owned(),
    }
}

/// Why a client cannot be made, or got no answer. `plugin`: the program that the kubeconfig asks for credentials.
pub(super) fn of_client(error: &kube::Error, plugin: Option<&str>) -> String {
    if let kube::Error::RustlsTls(error) = error {
        // What follows the colon may be a line of the key.
        let said = error.to_string();
        return said.split(':').next().unwrap_or_default().to_owned();
    }
    let mut chain: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        chain.push(error);
        next = error.source();
    }
    if let Some(auth) = chain.iter().find_map(|error| error.downcast_ref::<AuthError>()) {
        return of_credentials(auth, plugin);
    }
    // Data in a kubeconfig are decoded only when they are used.
    if let Some(error) = chain.iter().find_map(|error| error.downcast_ref::<KubeconfigError>()) {
        return of_kubeconfig(error);
    }
    if let Some(error) = chain.iter().find_map(|error| error.downcast_ref::<LoadDataError>()) {
        return format!("a certificate or key cannot be read: {}", of_data(error));
    }
    // The innermost says why, and those around it only that there was an error.
    chain.last().map(ToString::to_string).unwrap_or_default()
}

fn of_credentials(error: &AuthError, plugin: Option<&str>) -> String {
    let plugin =
        plugin.map_or_else(|| "the credential plugin".to_owned(), |name| format!("the credential plugin {name}"));
    match error {
        AuthError::AuthExecStart(error) => format!("{plugin} cannot be started: {error}"),
        AuthError::AuthExecRun { out, .. } => format!("{plugin} failed: {}", out.status),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            format!("{plugin} printed no credentials that can be read")
        }
        AuthError::AuthExec(_) | AuthError::AuthExecSerialize(_) => format!("{plugin} cannot be run"),
        AuthError::MissingCommand => "the kubeconfig names no command for its credential plugin".to_owned(),
        AuthError::ReadTokenFile(error, path) => format!("cannot read the token file {}: {error}", path.display()),
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => {
            "the credentials of the kubeconfig hold characters that no header may hold".to_owned()
        }
        _ => "the credentials of the kubeconfig cannot be used".to_owned(),
    }
}

/// An address without user and password.
pub(super) fn without_user(uri: &Uri) -> String {
    let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{}://{host}{}", uri.scheme_str().unwrap_or("https"), uri.path())
}
