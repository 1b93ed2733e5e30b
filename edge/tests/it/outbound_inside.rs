//! Whoever reaches inside only, and all that tries to lead him out. Somebody listens wherever he must not go, and hears
//! nothing.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anchorwatch_core::route::locality::{IpNet, Networks};
use anchorwatch_edge::outbound::{Answer, InsideOnly, Outbound, OutboundError, Post, Resolver};
use anchorwatch_testbed::{Receiver, Reply};
use futures::future::BoxFuture;
use http::HeaderMap;
use secrecy::SecretString;

/// Only this address is inside: the rest of loopback plays the world, as somebody can listen there.
const INSIDE: Ipv4Addr = Ipv4Addr::LOCALHOST;
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn inside() -> Networks {
    Networks::only(&[IpNet::from(IpAddr::from(INSIDE)).into()]).unwrap()
}

/// Somebody who listens, and whom nobody is to connect to.
pub(crate) struct Silent(TcpListener);

impl Silent {
    pub(crate) fn at(address: impl Into<IpAddr>, port: u16) -> Self {
        let listener = TcpListener::bind((address.into(), port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// A connection waits to be taken in, whoever made it and whatever became of it.
    pub(crate) fn was_called(&self) -> bool {
        !matches!(self.0.accept(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A name server that says what it was told to, answer for answer; the last one for ever.
#[derive(Debug)]
struct Told {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Told {
    fn new<const N: usize>(answers: [&[&str]; N]) -> Arc<Self> {
        let read = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().map(read).collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolver for Told {
    fn addresses(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async { Ok(answer.unwrap_or_default()) })
    }
}

async fn post<Reach>(client: &Outbound<Reach>, url: &str) -> Result<Answer, OutboundError> {
    let url = SecretString::from(url);
    let timeout = Duration::from_secs(5);
    client.post(Post { url: &url, headers: HeaderMap::new(), body: b"{\"prompt\": 1}".to_vec(), timeout }).await
}

fn said(status: u16, headers: &[&str]) -> Reply {
    Reply::Say { status, headers: headers.iter().map(|&header| header.to_owned()).collect(), body: "here".to_owned() }
}

/// Somebody inside who answers, and his port.
fn receiver(headers: &[&str]) -> (Receiver, u16) {
    let receiver = Receiver::start(said(200, headers)).unwrap();
    let port = receiver.url().rsplit_once(':').unwrap().1.parse().unwrap();
    (receiver, port)
}

/// A client that asks this name server, and nobody knows any other name.
fn asking(told: &Arc<Told>) -> Outbound<InsideOnly> {
    Outbound::inside_only_asking(inside(), Arc::clone(told) as Arc<dyn Resolver>)
}

#[tokio::test]
async fn an_answer_says_who_gave_it() {
    let (_receiver, port) = receiver(&[]);
    let told = Told::new([&["127.0.0.1"]]);
    for host in ["127.0.0.1", "nim.test", "[::ffff:127.0.0.1]"] {
        for _ in 0..2 {
            let answer = post(&asking(&told), &format!("http://{host}:{port}/")).await.unwrap();
            assert_eq!(answer.peer, SocketAddr::from((INSIDE, port)), "{host}");
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_outside_the_second_time_is_followed_the_first_time_only() {
    let (receiver, port) = receiver(&["Connection: close"]);
    let outside = Silent::at(OUTSIDE, port);
    let told = Told::new([&["127.0.0.1"], &["127.0.0.2"]]);
    let client = asking(&told);
    let url = format!("http://nim.test:{port}/");
    assert_eq!(post(&client, &url).await.unwrap().peer.ip(), IpAddr::from(INSIDE));
    assert_eq!(told.asked(), 1, "between the judgement and the connection nobody is asked again");
    for _ in 0..3 {
        let error = post(&client, &url).await.unwrap_err();
        assert!(matches!(error, OutboundError::Outside(_)), "{error:?}");
    }
    assert_eq!((told.asked(), receiver.received("").len()), (4, 1));
    assert!(!outside.was_called());
}

#[tokio::test]
async fn a_connection_that_is_kept_stays_where_it_was_judged() {
    let (receiver, port) = receiver(&[]);
    let outside = Silent::at(OUTSIDE, port);
    let told = Told::new([&["127.0.0.1"], &["127.0.0.2"]]);
    let client = asking(&told);
    for _ in 0..3 {
        let answer = post(&client, &format!("http://nim.test:{port}/")).await.unwrap();
        assert_eq!(answer.peer.ip(), IpAddr::from(INSIDE));
    }
    assert_eq!((told.asked(), receiver.received("").len()), (1, 3));
    assert!(!outside.was_called());
}

#[tokio::test]
async fn a_name_that_leads_outside_too_is_not_followed_at_all() {
    let (receiver, port) = receiver(&[]);
    let outside = Silent::at(OUTSIDE, port);
    let six = Silent::at(Ipv6Addr::LOCALHOST, port);
    let mixed: [&[&str]; 9] = [
        &["127.0.0.1", "127.0.0.2"],
        &["127.0.0.2", "127.0.0.1"],
        &["127.0.0.1", "::1"],
        &["127.0.0.1", "::ffff:127.0.0.2"],
        &["127.0.0.1", "::127.0.0.1"],
        &["127.0.0.1", "64:ff9b::127.0.0.1"],
        &["127.0.0.1", "169.254.169.254"],
        &["127.0.0.1", "0.0.0.0"],
        &["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "8.8.8.8"],
    ];
    for addresses in mixed {
        let error = post(&asking(&Told::new([addresses])), &format!("http://nim.test:{port}/")).await.unwrap_err();
        assert!(matches!(error, OutboundError::Outside(_)), "{addresses:?}: {error:?}");
        assert!(!error.may_have_arrived());
    }
    let error = post(&asking(&Told::new([&[]])), &format!("http://nim.test:{port}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Connect(_)), "a name that leads nowhere: {error:?}");
    assert_eq!(receiver.received("").len(), 0, "not even whoever is inside hears of it");
    assert!(!outside.was_called() && !six.was_called());
}

/// The outside address in the spellings that there are for it, and others that lead to it or near it.
const SPELLINGS: [&str; 28] = [
    "127.0.0.2",
    "127.0.0.2.",
    "127.2",
    "127.0.2",
    "2130706434",
    "017700000002",
    "0x7f000002",
    "0X7F000002",
    "0177.0.0.02",
    "0x7f.0x0.0x0.0x2",
    "0x7f.2",
    "0177.2",
    "127.000.000.002",
    "%31%32%37.0.0.2",
    "127%2E0%2e0%2E2",
    "１２７.0.0.2",
    "127。0。0。2",
    "１２７．０．０．２",
    "①②⑦.0.0.2",
    "[::ffff:127.0.0.2]",
    "[::ffff:7f00:2]",
    "[0:0:0:0:0:ffff:7f00:2]",
    "[::127.0.0.2]",
    "[::ffff:0:127.0.0.2]",
    "0",
    "0.0.0.0",
    "[::]",
    "[::1]",
];

#[tokio::test]
async fn an_address_is_outside_in_every_spelling() {
    let outside = Silent::at(Ipv6Addr::UNSPECIFIED, 0);
    let told = Told::new([&["127.0.0.1"]]);
    let client = asking(&told);
    for host in SPELLINGS {
        let error = post(&client, &format!("http://{host}:{}/", outside.port())).await.unwrap_err();
        assert!(matches!(error, OutboundError::Outside(_)), "{host}: {error:?}");
    }
    assert!(!outside.was_called());
    assert_eq!(told.asked(), 0, "no address is looked up as a name");
}

/// Else its silence above would say nothing.
#[tokio::test]
async fn who_listens_everywhere_hears_whoever_may_go_there() {
    let outside = Silent::at(Ipv6Addr::UNSPECIFIED, 0);
    let client = Outbound::inside_only(Networks::loopback());
    for host in SPELLINGS.iter().take(22).chain(&["[::1]"]) {
        let url = SecretString::from(format!("http://{host}:{}/", outside.port()));
        let timeout = Duration::from_millis(50);
        let called = client.post(Post { url: &url, headers: HeaderMap::new(), body: Vec::new(), timeout }).await;
        assert!(matches!(called, Err(OutboundError::Timeout(_))), "{host}: {called:?}");
        assert!(outside.was_called(), "{host}");
    }
}

#[tokio::test]
async fn what_is_never_inside_is_not_called_though_a_configuration_names_all_around_it() {
    let names = ["10.0.0.0/8", "100.64.0.0/10", "240.0.0.0/4", "fc00::/7"];
    let named = names.map(|network| network.parse::<IpNet>().unwrap().into());
    let client = Outbound::inside_only(Networks::default().and(&named).unwrap());
    for host in [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "0xa9fea9fe",
        "2852039166",
        "169.254.170.2",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "[fe80::a9fe:a9fe]",
        "[fe80::1]",
        "0.0.0.0",
        "[::]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a00:1]",
        "[2002:a9fe:a9fe::1]",
        "[2001::1]",
        "[fd00::5efe:a9fe:a9fe]",
    ] {
        let error = post(&client, &format!("http://{host}/latest/meta-data/")).await.unwrap_err();
        assert!(matches!(error, OutboundError::Outside(_)), "{host}: {error:?}");
    }
}

#[tokio::test]
async fn a_redirect_leads_nobody_anywhere() {
    let (receiver, port) = receiver(&[]);
    let outside = Silent::at(OUTSIDE, port);
    let client = Outbound::inside_only(inside());
    let mut calls = 0;
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for target in ["http://127.0.0.2", "//127.0.0.2", "https://127.0.0.2", "http://127.0.0.1", ""] {
            let at = if target.is_empty() { String::new() } else { format!("{target}:{port}") };
            let location = format!("Location: {at}/elsewhere");
            receiver.otherwise(said(status, &[&location, "Refresh: 0; url=http://127.0.0.2/"]));
            let answer = post(&client, &format!("http://127.0.0.1:{port}/here")).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.peer.ip()), (status, IpAddr::from(INSIDE)));
            calls += 1;
        }
    }
    assert_eq!((receiver.received("/here").len(), receiver.received("/elsewhere").len()), (calls, 0));
    assert!(!outside.was_called());
}

#[tokio::test]
async fn an_address_with_a_user_or_a_zone_in_it_is_not_called() {
    let (receiver, port) = receiver(&[]);
    let outside = Silent::at(OUTSIDE, port);
    let six = Silent::at(Ipv6Addr::LOCALHOST, port);
    let told = Told::new([&["127.0.0.1"]]);
    let clients = (asking(&told), Outbound::anywhere());
    for url in [
        "http://user:hunter2@127.0.0.1:PORT/",
        "http://user@127.0.0.1:PORT/",
        "http://@127.0.0.1:PORT/",
        "http://:@127.0.0.1:PORT/",
        "http://127.0.0.1@127.0.0.2:PORT/",
        "http://127.0.0.1:PORT@127.0.0.2:PORT/",
        "http://127.0.0.2:PORT\\@127.0.0.1:PORT/",
        "http://127.0.0.1:PORT#@127.0.0.2\\:PORT/",
        "http://127.0.0.1%40127.0.0.2:PORT/",
        "http://[::1%25lo]:PORT/",
        "http://[::1%lo]:PORT/",
        "http://[fe80::1%25lo]:PORT/",
        "http://[fe80::1%1]:PORT/",
        "http://127.0.0.1:PORT\r\nHost: x/",
        "\thttp://127.0.0.1:PORT/",
        "http://127.0.0.1 :PORT/",
        "http:\\\\127.0.0.2:PORT/",
    ] {
        let url = url.replace("PORT", &port.to_string());
        let errors = [post(&clients.0, &url).await.unwrap_err(), post(&clients.1, &url).await.unwrap_err()];
        assert!(matches!(errors, [OutboundError::Address, OutboundError::Address]), "{url}: {errors:?}");
    }
    assert_eq!((receiver.received("").len(), told.asked()), (0, 0));
    assert!(!outside.was_called() && !six.was_called());
}

#[tokio::test]
async fn a_cloud_is_not_called_though_its_name_leads_inside() {
    let (receiver, port) = receiver(&[]);
    let told = Told::new([&["127.0.0.1"]]);
    for name in ["integrate.api.nvidia.com", "1.invocation.api.NVCF.nvidia.com.", "ollama.com", "api.openai.com"] {
        let error = post(&asking(&told), &format!("http://{name}:{port}/v1/chat/completions")).await.unwrap_err();
        assert!(matches!(error, OutboundError::Cloud(_)), "{name}: {error:?}");
        assert!(!error.may_have_arrived());
    }
    assert_eq!((receiver.received("").len(), told.asked()), (0, 0), "not even its name is looked up");
}
