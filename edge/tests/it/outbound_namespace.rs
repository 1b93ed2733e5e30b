//! That nothing leaves, seen from outside of the program: in a network that leads to one host only, with each attempt to
//! connect written down by strace. Without namespaces or strace it is skipped, and says so.

use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anchorwatch_core::route::locality::Networks;
use anchorwatch_edge::outbound::{Answer, Get, Outbound, OutboundError};
use anchorwatch_testbed::{command, find_on_path, run};
use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use http::HeaderMap;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::outbound_inside::Silent;

/// Which part this process plays in the namespace; none where somebody just runs the tests.
const PART: &str = "ANCHORWATCH_TEST_PART";
const HOST: &str = "10.77.0.2:8000";
const NAME_SERVER: &str = "10.77.0.2:53";
const IS_SET_UP: &str = "the network is set up";
/// Where somebody listens who must hear nothing.
const ELSEWHERE: u16 = 8001;

fn part() -> Option<String> {
    std::env::var(PART).ok()
}

#[test]
fn nothing_is_connected_to_but_the_allowed_host() {
    let folder = tempfile::tempdir().unwrap();
    let ran = match in_a_namespace(folder.path()) {
        Ok(ran) => ran,
        Err(why) => return writeln!(std::io::stderr(), "skipped: {why}").unwrap(),
    };
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if !said.contains(IS_SET_UP) {
        return writeln!(std::io::stderr(), "skipped: no network can be made here: {said}").unwrap();
    }
    assert!(ran.status.success(), "{said}");
    let allowed = [HOST, NAME_SERVER].map(|address| address.parse().unwrap());
    assert_eq!(attempts(&folder.path().join("inside")), BTreeSet::from(allowed));
    // The same calls by a client that reaches anywhere: so they would have been heard and written down.
    let anywhere = attempts(&folder.path().join("anywhere"));
    for address in ["203.0.113.7", "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "64:ff9b::a4d:2"] {
        let address = SocketAddr::new(address.parse().unwrap(), ELSEWHERE);
        assert!(anywhere.contains(&address), "{address} is not in {anywhere:?}");
    }
}

/// Runs the script beside this file; or says what is missing.
fn in_a_namespace(folder: &Path) -> Result<Output, String> {
    for program in ["unshare", "nsenter", "setpriv", "ip", "strace"] {
        find_on_path(program)
            .ok_or_else(|| format!("{program} is not installed (Debian: util-linux iproute2 strace)"))?;
    }
    let works = |command: Command, what: &str| {
        let ran = run(command, b"", Duration::from_secs(10)).map_err(|error| format!("{what}: {error}"))?;
        let why = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        if ran.status.success() { Ok(()) } else { Err(format!("{what}: {why}")) }
    };
    let mut traced = command("strace");
    works(
        {
            traced.args(["-f", "-qq", "-o", "/dev/null", "true"]);
            traced
        },
        "strace is forbidden",
    )?;
    let unshare = |flags: &str| {
        let mut unshare = command("unshare");
        unshare.arg(flags);
        unshare
    };
    // Root without user namespaces is enough too.
    let flags = ["-rnm", "-nm"];
    let may = |flags: &&str| {
        works(
            {
                let mut unshare = unshare(flags);
                unshare.arg("true");
                unshare
            },
            "",
        )
    };
    let flags = flags.iter().find(|flags| may(flags).is_ok()).ok_or("network namespaces are forbidden")?;
    let mut script = unshare(flags);
    script.args(["sh", "-c", include_str!("outbound_namespace.sh"), "sh"]);
    script.arg(std::env::current_exe().unwrap()).arg(folder);
    run(script, b"", Duration::from_mins(2)).map_err(|error| format!("the namespace does not end: {error}"))
}

/// All that was connected or sent to, over IP, by the lines of strace.
fn attempts(log: &Path) -> BTreeSet<SocketAddr> {
    std::fs::read_to_string(log).unwrap().lines().filter_map(attempt).collect()
}

/// As in `12 connect(9, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}, 16) = 0`.
fn attempt(line: &str) -> Option<SocketAddr> {
    let between = |start: &str, end: &str| Some(line.split_once(start)?.1.split_once(end)?.0);
    let address = between("inet_addr(\"", "\")").or_else(|| between("inet_pton(AF_INET6, \"", "\""))?;
    let port = between("port=htons(", ")")?;
    Some(SocketAddr::new(address.parse::<IpAddr>().ok()?.to_canonical(), port.parse().ok()?))
}

#[test]
fn an_attempt_is_read_as_strace_writes_it() {
    for (line, address) in [
        (
            r#"7 connect(9, {sa_family=AF_INET, sin_port=htons(8000), sin_addr=inet_addr("10.77.0.2")}, 16) = -1 EINPROGRESS (Operation now in progress)"#,
            Some("10.77.0.2:8000"),
        ),
        (
            r#"7 connect(9, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::7", &sin6_addr), sin6_scope_id=0}, 28) = -1 ENETUNREACH (Network is unreachable)"#,
            Some("[2001:db8::7]:80"),
        ),
        (
            r#"7 sendto(5, "\1", 1, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, 16) = 1"#,
            Some("8.8.8.8:53"),
        ),
        (r#"7 connect(5, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT"#, None),
        (r#"7 sendto(9, "POST / HTTP/1.1\r\n", 17, MSG_NOSIGNAL, NULL, 0) = 17"#, None),
    ] {
        assert_eq!(attempt(line), address.map(|address| address.parse().unwrap()), "{line}");
    }
}

/// The other end of the /30: it answers, or sends elsewhere who asks for `/redirect`. It ends with the script.
#[tokio::test]
async fn the_allowed_host() {
    if part().as_deref() != Some("host") {
        return;
    }
    tokio::spawn(answer_names());
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8000").await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let is_redirected = request[..read].starts_with(b"GET /redirect ");
            let head = if is_redirected { "307 -\r\nLocation: http://203.0.113.7:8001/" } else { "200 -" };
            let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
            stream.write_all(answer.as_bytes()).await
        });
    }
}

/// The name server on the same host. Nobody there but `nim` in `models.test`, and `rebind.test`, which leads outside from
/// the second time on that it is asked for.
async fn answer_names() {
    let socket = server_socket().await;
    let mut asked = HashMap::new();
    let mut datagram = [0; 512];
    loop {
        let (length, client) = socket.recv_from(&mut datagram).await.unwrap();
        let question = Message::from_vec(&datagram[..length]).unwrap();
        let query = question.queries[0].clone();
        let times = asked.entry(query.clone()).and_modify(|times| *times += 1).or_insert(1);
        let addresses: &[&str] = match (query.query_type(), query.name().to_ascii().as_str(), *times) {
            (RecordType::A, "nim.models.test." | "six.test.", _) | (RecordType::A, "rebind.test.", 1) => &["10.77.0.2"],
            (RecordType::A, "rebind.test.", _) => &["203.0.113.7"],
            (RecordType::A, "both.test.", _) => &["10.77.0.2", "203.0.113.7"],
            (RecordType::AAAA, "six.test.", _) => &["2001:db8::7"],
            _ => &[],
        };
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.response_code =
            if addresses.is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError };
        for address in addresses {
            let address = RData::from(address.parse::<IpAddr>().unwrap());
            answer.add_answer(Record::from_rdata(query.name().clone(), 0, address));
        }
        answer.add_query(query);
        socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "the test is the name server")]
async fn server_socket() -> tokio::net::UdpSocket {
    tokio::net::UdpSocket::bind("0.0.0.0:53").await.unwrap()
}

/// What is called; all but the allowed host is at [`ELSEWHERE`].
const OUTSIDE: [&str; 30] = [
    "rebind.test",
    "both.test",
    "six.test",
    "out.test",
    "mixed.test",
    "mapped.test",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "203.0.113.7",
    "203.0.28935",
    "0xcb.0.113.7",
    "%32%30%33.0.113.7",
    "２０３.0.113.7",
    "203.0.113.7.",
    "100.100.100.200",
    "100.64.0.1",
    "[fd00:ec2::254]",
    "[2001:db8::7]",
    "[64:ff9b::a4d:2]",
    "[64:ff9b::10.77.0.2]",
    "[2002:a4d:2::1]",
    "[::10.77.0.2]",
    "[fe80::1%25near]",
    "user@203.0.113.7",
    "0.0.0.0",
    "[::]",
    "255.255.255.255",
];

#[tokio::test]
async fn the_calls() {
    match part().as_deref() {
        Some("inside") => {
            let elsewhere = Silent::at(Ipv6Addr::UNSPECIFIED, ELSEWHERE);
            let client = Outbound::inside_only(Networks::default());
            let answer = get_patiently(&client, &format!("http://{HOST}/")).await;
            assert_eq!((&*answer.body, answer.peer.to_string().as_str()), (b"hi".as_slice(), HOST));
            for name in ["one.test", "nim", "nim.models.test", "rebind.test"] {
                let named = get(&client, &format!("http://{name}:8000/")).await.unwrap();
                assert_eq!(named.peer.to_string(), HOST, "{name}");
            }
            let nobody = get(&client, "http://nobody.test:8000/").await.unwrap_err().to_string();
            assert_eq!(nobody, "cannot connect: the name leads nowhere");
            for host in OUTSIDE {
                let error = get(&client, &format!("http://{host}:{ELSEWHERE}/")).await.unwrap_err();
                assert!(matches!(error, OutboundError::Outside(_) | OutboundError::Address), "{host}: {error:?}");
            }
            assert_eq!(get(&client, &format!("http://{HOST}/redirect")).await.unwrap().status, 307);
            assert!(!elsewhere.was_called());
        }
        Some("anywhere") => {
            let elsewhere = Silent::at(Ipv6Addr::UNSPECIFIED, ELSEWHERE);
            for host in OUTSIDE {
                // Nobody answers there.
                let url = format!("http://{host}:{ELSEWHERE}/");
                let _ = tokio::time::timeout(Duration::from_millis(100), get(&Outbound::anywhere(), &url)).await;
            }
            assert!(elsewhere.was_called());
        }
        _ => {}
    }
}

async fn get<Reach>(client: &Outbound<Reach>, url: &str) -> Result<Answer, OutboundError> {
    let url = SecretString::from(url);
    client.get(Get { url: &url, headers: HeaderMap::new(), timeout: Duration::from_secs(5) }).await
}

/// The allowed host may not be there yet.
async fn get_patiently<Reach>(client: &Outbound<Reach>, url: &str) -> Answer {
    for _ in 0..60 {
        if let Ok(answer) = get(client, url).await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the allowed host does not answer");
}
