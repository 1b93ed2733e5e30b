//! The proxy that a kubeconfig names for its cluster. Those of the environment are not followed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use kube::config::Kubeconfig;

/// What stands between here and a cluster.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    kind: ProxyKind,
    /// Without credentials.
    address: Uri,
    credentials: Option<(String, String)>,
}

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProxyKind {
    Http,
    Https,
    Socks5,
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.address)
    }
}

/// Takes the `proxy-url` of the chosen cluster out of a kubeconfig.
///
/// kube would look into the environment where there is none: a name stands in its place that nobody connects to.
pub(super) fn take(kubeconfig: &mut Kubeconfig, context: &str) -> Result<Option<Proxy>, String> {
    let contexts = kubeconfig.contexts.iter();
    let cluster = contexts.filter(|c| c.name == context).find_map(|c| Some(c.context.as_ref()?.cluster.clone()));
    let mut taken = None;
    for named in &mut kubeconfig.clusters {
        let Some(of) = &mut named.cluster else { continue };
        let url = of.proxy_url.replace("http://unused.invalid".to_owned());
        if Some(&named.name) == cluster.as_ref() {
            taken = url.filter(|url| !url.is_empty());
        }
    }
    taken.as_deref().map(read).transpose()
}

/// Reads a `proxy-url`. A failure does not repeat it: it may hold a password.
fn read(url: &str) -> Result<Proxy, String> {
    let uri: Uri = url.parse().map_err(|error| format!("its proxy-url is no address: {error}"))?;
    let (kind, port) = match uri.scheme_str() {
        Some("http") => (ProxyKind::Http, 80),
        Some("https") => (ProxyKind::Https, 443),
        Some("socks5") => (ProxyKind::Socks5, 1080),
        scheme => {
            let scheme = scheme.unwrap_or("nothing");
            return Err(format!("its proxy-url begins with {scheme}; http, https and socks5 are known"));
        }
    };
    let host = uri.host().unwrap_or_default();
    let address = Uri::builder()
        .scheme(uri.scheme().cloned().unwrap_or(Scheme::HTTP))
        .authority(format!("{host}:{}", uri.port_u16().unwrap_or(port)))
        .path_and_query("/")
        .build()
        .map_err(|error| format!("its proxy-url is no address: {error}"))?;
    let (user_info, _) =
        uri.authority().map_or("", |authority| authority.as_str()).rsplit_once('@').unwrap_or_default();
    let credentials = (!user_info.is_empty()).then(|| {
        let (name, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        (decoded(name), decoded(password))
    });
    Ok(Proxy { kind, address, credentials })
}

impl Proxy {
    pub(super) fn kind(&self) -> ProxyKind {
        self.kind
    }

    /// Asks an HTTP proxy to pass everything on.
    pub(super) fn tunnel<C>(&self, to_proxy: C) -> Tunnel<C> {
        let tunnel = Tunnel::new(self.address.clone(), to_proxy);
        let Some((name, password)) = &self.credentials else { return tunnel };
        let value = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
        tunnel.with_auth(HeaderValue::from_str(&value).expect("base64 fits into a header"))
    }

    /// Asks a SOCKS proxy to pass everything on; it looks names up itself.
    pub(super) fn socks<C>(&self, to_proxy: C) -> SocksV5<C> {
        let socks = SocksV5::new(self.address.clone(), to_proxy);
        match self.credentials.clone() {
            Some((name, password)) => socks.with_auth(name, password),
            None => socks,
        }
    }
}

/// Undoes percent-encoding; what is none stays as it is.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_without_its_password() {
        for (url, address, credentials) in [
            ("http://proxy", "http://proxy:80/", None),
            ("http://proxy:3128", "http://proxy:3128/", None),
            ("https://[::1]", "https://[::1]:443/", None),
            ("socks5://proxy", "socks5://proxy:1080/", None),
            ("http://ann:p%40ss%zz:@proxy:3128/", "http://proxy:3128/", Some(("ann", "p@ss%zz:"))),
        ] {
            let proxy = read(url).unwrap();
            assert_eq!(proxy.to_string(), address);
            let read = proxy.credentials.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
            assert_eq!(read, credentials, "{url}");
        }
        for url in ["ftp://ann:hunter2@proxy", "ann:hunter2@proxy", "socks4://proxy", "http://"] {
            assert!(!read(url).unwrap_err().contains("hunter2"), "{url}");
        }
    }
}
