//! Proxies: the one that the kubeconfig names is used, those of the environment are not.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::server::{Answer, Server, free_port};
use crate::world::{Run, World, config_map};

/// A proxy that leads to one server, whatever it is asked for; what it was asked for is kept.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `greet` speaks with the client until everything is passed on, and gives what it asked for.
    fn start(server: u16, greet: fn(&mut TcpStream) -> io::Result<String>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || -> io::Result<()> {
                    let said = greet(&mut client)?;
                    log.lock().unwrap().push(said);
                    let (mut up, mut down) = (TcpStream::connect(("127.0.0.1", server))?, client.try_clone()?);
                    let mut answers = up.try_clone()?;
                    thread::spawn(move || io::copy(&mut answers, &mut down));
                    io::copy(&mut client, &mut up).map(drop)
                });
            }
        });
        Self { port, asked }
    }
}

/// HTTP CONNECT, up to the empty line.
fn connect(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// SOCKS 5 without credentials, a name asked for (RFC 1928).
fn socks(client: &mut TcpStream) -> io::Result<String> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting)?;
    client.read_exact(&mut vec![0; usize::from(greeting[1])])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 5];
    client.read_exact(&mut request)?;
    let mut name = vec![0; usize::from(request[4])];
    client.read_exact(&mut name)?;
    client.read_exact(&mut [0; 2])?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn server() -> Server {
    Server::cluster(|_, _| {
        let item = json!({"metadata": {"name": "a", "namespace": "shop"}, "data": {"k": "v"}});
        Answer::ok(json!({"kind": "ConfigMapList", "items": [item]}).to_string())
    })
}

/// A scan of a cluster that only the proxy knows the way to.
fn scan_through(proxy_url: &str) -> Run {
    let world = World::new();
    world.write("git.yaml", config_map("a", "k: v"));
    let config = crate::server::kubeconfig(6443)
        .replace("http://127.0.0.1:6443\"", &format!("http://cluster.invalid:6443\", proxy-url: \"{proxy_url}\""));
    world.write("config", config);
    world.run(&["scan", "--source", "git.yaml", "--kubeconfig", "config"])
}

#[test]
fn the_proxy_of_the_kubeconfig_is_used() {
    let server = server();
    let proxy = Proxy::start(server.port(), connect);
    scan_through(&format!("http://ann:p%40ss@127.0.0.1:{}", proxy.port)).ends(0, &[]);
    let asked = proxy.asked.lock().unwrap().join("\n");
    assert!(asked.starts_with("CONNECT cluster.invalid:6443 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic YW5uOnBAc3M=\r\n"), "{asked}");

    let proxy = Proxy::start(server.port(), socks);
    scan_through(&format!("socks5://127.0.0.1:{}", proxy.port)).ends(0, &[]);
    assert_eq!(proxy.asked.lock().unwrap()[0], "cluster.invalid");
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error() {
    let port = free_port();
    let run = scan_through(&format!("http://ann:hunter2@127.0.0.1:{port}"));
    run.ends(2, &["cannot reach the cluster test", &format!("through the proxy http://127.0.0.1:{port}/")]);
    run.hides(&["hunter2"]);
    let run = scan_through("ftp://ann:hunter2@proxy");
    run.ends(2, &["cannot use the proxy of cluster test", "http, https and socks5 are known", "hint:"]);
    run.hides(&["hunter2"]);
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let server = server();
    let world = World::new();
    world.write("git.yaml", config_map("a", "k: v"));
    world.write("config", server.kubeconfig());
    for value in [format!("http://127.0.0.1:{}", free_port()), "no address".to_owned()] {
        let mut command = world.command(&["scan", "--source", "git.yaml", "--kubeconfig", "config"]);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(name, &value);
        }
        world.run_with(command).ends(0, &[]);
    }
}
