//! Calls to the outside: how far they reach, and that they end.

use std::time::Duration;

use anchorwatch_core::route::locality::Networks;
use anchorwatch_edge::outbound::{Answer, Get, Outbound, OutboundError, Post};
use anchorwatch_testbed::{Receiver, Reply};
use http::HeaderMap;
use secrecy::SecretString;

async fn post<Reach>(client: &Outbound<Reach>, url: &str) -> Result<Answer, OutboundError> {
    let url = SecretString::from(url);
    let timeout = Duration::from_secs(1);
    client.post(Post { url: &url, headers: HeaderMap::new(), body: b"{}".to_vec(), timeout }).await
}

fn said(status: u16, headers: &[&str], body: &str) -> Reply {
    let headers = headers.iter().map(|&header| header.to_owned()).collect();
    Reply::Say { status, headers, body: body.to_owned() }
}

#[tokio::test]
async fn whoever_reaches_inside_only_reaches_nothing_else() {
    let receiver = Receiver::start(said(200, &[], "here")).unwrap();
    let inside = Outbound::inside_only(Networks::loopback());
    let port = receiver.url().rsplit_once(':').unwrap().1.to_owned();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]"] {
        assert_eq!(post(&inside, &format!("http://{host}:{port}/")).await.unwrap().body, "here", "{host}");
    }
    for host in ["192.0.2.1", "[2001:db8::1]", "3221225985", "[::ffff:192.0.2.1]", "10.0.0.1"] {
        let error = post(&inside, &format!("http://{host}/secret")).await.unwrap_err();
        assert!(matches!(error, OutboundError::Outside(_)), "{host}: {error:?}");
        assert!(!error.may_have_arrived());
    }
}

#[tokio::test]
async fn a_service_of_ones_own_is_believed_by_named_authorities_or_is_here() {
    let receiver = Receiver::start(said(200, &[], &"x".repeat(2 * 1024 * 1024))).unwrap();
    let here = Outbound::to_own_service_here();
    let get = async |url: &str| {
        let url = SecretString::from(url);
        here.get(Get { url: &url, headers: HeaderMap::new(), timeout: Duration::from_secs(5) }).await
    };
    assert_eq!(get(&receiver.url()).await.unwrap().body.len(), 2 * 1024 * 1024, "its answers may be long");
    let error = get("http://192.0.2.1/secret").await.unwrap_err();
    assert!(matches!(error, OutboundError::Outside(_)), "{error:?}");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        let error = Outbound::to_own_service(Some(pem.as_bytes())).unwrap_err();
        assert!(matches!(error, OutboundError::Authority(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_handed_back() {
    let receiver = Receiver::start(said(307, &["Location: http://192.0.2.1/leak"], "")).unwrap();
    assert_eq!(post(&Outbound::anywhere(), &receiver.url()).await.unwrap().status, 307);
    assert_eq!(receiver.received("").len(), 1);
}

#[tokio::test]
async fn a_call_ends_and_says_whether_it_may_have_arrived() {
    let receiver = Receiver::start(Reply::Cut).unwrap();
    let client = Outbound::anywhere();
    let cut = post(&client, &receiver.url()).await.unwrap_err();
    receiver.otherwise(Reply::Hang);
    let hung = post(&client, &receiver.url()).await.unwrap_err();
    receiver.otherwise(said(200, &[], &"x".repeat(2 * 1024 * 1024)));
    let endless = post(&client, &receiver.url()).await.unwrap_err();
    assert_eq!(receiver.received("").len(), 3, "nothing is sent twice");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = post(&client, &format!("http://{nobody}/secret")).await.unwrap_err();
    let errors = [cut, hung, endless, refused];
    assert!(matches!(
        errors,
        [OutboundError::Broken(_), OutboundError::Timeout(_), OutboundError::TooLarge(_), OutboundError::Connect(_)]
    ));
    assert_eq!(errors.each_ref().map(OutboundError::may_have_arrived), [true, true, true, false]);
}

#[tokio::test]
async fn no_error_has_the_address_in_it() {
    let client = Outbound::anywhere();
    for url in [
        "http://127.0.0.1:1/hidden",
        "http://hidden.invalid/",
        "https://user:hidden@127.0.0.1/",
        "file:///hidden",
        "hidden",
        "http://127.0.0.1:99999/hidden",
    ] {
        let error = post(&client, url).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
    }
}
