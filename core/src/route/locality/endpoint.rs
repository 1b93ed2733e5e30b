//! The address of a provider, read once and in one way.
//!
//! All spellings are read as browsers read them (WHATWG URL), so that `0x7f.1`, `2130706433` and `１２７.0.0.1` are the
//! address that they are before anybody looks for a name. What makes two readers disagree is refused: user names, zones
//! of IPv6, backslashes, blanks.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// An http(s) address without a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why an address cannot be used. No text has the address in it, as some are secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It cannot be read, or names no host.
    #[error("it is no URL with a host")]
    Unreadable,
    /// It is neither http nor https.
    #[error("it begins with neither http:// nor https://")]
    Scheme,
    /// There is a user or a password in it.
    #[error("there is a user in it")]
    User,
    /// There is the zone of an IPv6 address in it.
    #[error("there is an IPv6 zone in it")]
    Zone,
    /// There are characters in it that are not read alike everywhere.
    #[error("there are blanks, backslashes or control characters in it")]
    Characters,
}

impl Endpoint {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(EndpointError::Characters);
        }
        // The reader drops an empty user and knows no zones: they are looked for in what is written.
        let (_, rest) = text.split_once(':').ok_or(EndpointError::Unreadable)?;
        let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(EndpointError::User);
        }
        if authority.starts_with('[') && authority.contains('%') {
            return Err(EndpointError::Zone);
        }
        let mut url = Url::parse(text).map_err(|_| EndpointError::Unreadable)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EndpointError::Scheme);
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The address as all spellings of it come out.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host's name in ASCII, with the root's dot where it is written: then it is looked up as it is; `None` for an
    /// address.
    pub fn name(&self) -> Option<&str> {
        self.0.domain()
    }

    /// The host's address, where one is written; `None` for a name.
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }

    /// Host and port, as in `nim.models.svc:8000` or `[fd00::1]:443`.
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.0.host_str().unwrap_or_default(), self.port())
    }

    /// The port, that of the scheme where none is written.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().expect("http and https have a port")
    }
}

impl fmt::Debug for Endpoint {
    /// Without path and query: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}://{}:{})", self.0.scheme(), self.0.host_str().unwrap_or_default(), self.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One loopback address in the spellings that people and attackers have for it.
    const SPELLINGS: [&str; 21] = [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7F000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f.1",
        "0177.1",
        "0x7f.0x0.0x0.0x1",
        "127.000.000.001",
        "127.0.0x0.01",
        "%31%32%37.0.0.1",
        "127%2e0%2E0%2e1",
        "１２７.0.0.1",
        "127。0。0。1",
        "１２７．０．０．１",
        "①②⑦.0.0.1",
    ];

    #[test]
    fn an_address_is_the_same_in_every_spelling() {
        for host in SPELLINGS {
            let endpoint = Endpoint::parse(&format!("http://{host}:8000/v1")).unwrap();
            assert_eq!(endpoint.address(), Some("127.0.0.1".parse().unwrap()), "{host}");
            assert_eq!(endpoint.name(), None, "{host}");
            assert_eq!(endpoint.as_str(), "http://127.0.0.1:8000/v1");
        }
        for (host, address) in [
            ("[::1]", "::1"),
            ("[0:0:0:0:0:0:0:1]", "::1"),
            ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
            ("[::FFFF:7f00:1]", "::ffff:127.0.0.1"),
            ("[64:ff9b::1.2.3.4]", "64:ff9b::102:304"),
        ] {
            let endpoint = Endpoint::parse(&format!("https://{host}")).unwrap();
            assert_eq!((endpoint.address(), endpoint.port()), (Some(address.parse().unwrap()), 443), "{host}");
        }
    }

    #[test]
    fn a_name_is_a_name_in_small_ascii() {
        for (text, name, port) in [
            ("http://Localhost", "localhost", 80),
            ("HTTPS://nim.Example.COM.:8443/v1", "nim.example.com.", 8443),
            ("http://bücher.example", "xn--bcher-kva.example", 80),
            ("http://ＮＩＭ.example", "nim.example", 80),
            ("http://0x7f.1.example", "0x7f.1.example", 80),
            ("http://nim:80#part", "nim", 80),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!((endpoint.name(), endpoint.port(), endpoint.address()), (Some(name), port, None), "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused_and_not_repeated() {
        for (text, error) in [
            ("http://user:hunter2@127.0.0.1/", EndpointError::User),
            ("http://hunter2@127.0.0.1/", EndpointError::User),
            ("http://@127.0.0.1/", EndpointError::User),
            ("http:@127.0.0.1/", EndpointError::User),
            ("http:///hunter2@127.0.0.1", EndpointError::User),
            ("http://127.0.0.1:80@hunter2/", EndpointError::User),
            ("http://[fe80::1%eth0]/", EndpointError::Zone),
            ("http://[fe80::1%25eth0]/", EndpointError::Zone),
            ("http://[::1%25lo]:80/", EndpointError::Zone),
            ("http://127.0.0.1\\@hunter2/", EndpointError::Characters),
            ("http:\\\\hunter2/", EndpointError::Characters),
            ("http://hun\tter2/", EndpointError::Characters),
            (" http://hunter2/", EndpointError::Characters),
            ("http://127.0.0.1%00.hunter2/", EndpointError::Unreadable),
            ("http://127.0.0.1%40hunter2/", EndpointError::Unreadable),
            ("http://256.1.1.1/", EndpointError::Unreadable),
            ("http://0x100000000/", EndpointError::Unreadable),
            ("http://1.2.3.4.5/", EndpointError::Unreadable),
            ("http://127.0.0.1:99999/", EndpointError::Unreadable),
            ("http://[::1/", EndpointError::Unreadable),
            ("http://", EndpointError::Unreadable),
            ("hunter2", EndpointError::Unreadable),
            ("file:///hunter2", EndpointError::Scheme),
            ("ftp://hunter2/", EndpointError::Scheme),
            ("localhost:11434", EndpointError::Scheme),
        ] {
            let refused = Endpoint::parse(text).unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("hunter2"));
        }
        let endpoint = Endpoint::parse("https://api.example.com/bot1:hunter2/send?key=hunter2").unwrap();
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://api.example.com:443)");
    }
}
