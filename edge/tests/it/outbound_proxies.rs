//! Proxies of the environment, which no client asks. A process has one environment, so a child of this one makes the
//! calls: this very test, told by a variable to be the child.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use anchorwatch_core::route::locality::Networks;
use anchorwatch_edge::outbound::{Get, Outbound};
use anchorwatch_testbed::{Receiver, Reply, run};
use http::HeaderMap;
use secrecy::SecretString;

use crate::outbound_inside::Silent;

/// Where the child is to call.
const CALLS: &str = "ANCHORWATCH_TEST_CALLS";

const VARIABLES: [&str; 10] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "SOCKS_PROXY",
    "socks_proxy",
    "FTP_PROXY",
    "ftp_proxy",
];

#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    let Ok(calls) = std::env::var(CALLS) else { return be_the_parent() };
    let (inside, anywhere) = (Outbound::inside_only(Networks::loopback()), Outbound::anywhere());
    for call in calls.split(' ') {
        let url = SecretString::from(call);
        // Nobody speaks TLS there: it matters who was called, not what is answered.
        let timeout = if call.starts_with("https:") { Duration::from_millis(300) } else { Duration::from_secs(5) };
        let get = || Get { url: &url, headers: HeaderMap::new(), timeout };
        let _ = (inside.get(get()).await, anywhere.get(get()).await);
    }
}

fn be_the_parent() {
    let proxy = Silent::at(Ipv4Addr::LOCALHOST, 0);
    for scheme in ["http", "https", "socks5"] {
        let receiver = Receiver::start(Reply::json(200, &serde_json::json!({}))).unwrap();
        let url = receiver.url();
        let port = url.rsplit_once(':').unwrap().1;
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "outbound_proxies::proxies_of_the_environment_are_not_asked"]);
        command.env(CALLS, format!("{url}/1 http://localhost:{port}/2 https://127.0.0.1:{port}/3"));
        for variable in VARIABLES {
            command.env(variable, format!("{scheme}://127.0.0.1:{}", proxy.port()));
        }
        for variable in ["NO_PROXY", "no_proxy"] {
            command.env_remove(variable);
        }
        let ended = run(command, b"", Duration::from_mins(1)).unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
        let called = ["/1", "/2"].map(|path| receiver.received(path).len());
        assert_eq!(called, [2, 2], "{scheme}");
        assert!(!proxy.was_called(), "{scheme}");
    }
}
