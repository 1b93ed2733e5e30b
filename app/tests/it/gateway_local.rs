//! Providers that are near and pass requests on: none of them gets a prompt.

use anchorwatch_testbed::{Receiver, Reply, Service};
use serde_json::{Value, json};

use crate::gateway::{CHAT, said};
use crate::world::{World, config_map, list};

/// A service whose only provider is described by this; what it says where it does not start.
fn started(provider: &str, files: &[(&str, &str)]) -> (World, Result<Service, String>) {
    let world = World::new();
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.write("live.json", list(&[crate::world::live_config_map("a", &json!({"k": "v"}))]));
    for (name, text) in files {
        world.write(name, *text);
    }
    let config = format!(
        "listen: 127.0.0.1:0\nclusters: [{{name: lab, snapshot: live.json}}]\n\
         sources: [{{name: shop, cluster: lab, address: git, interval: 24h}}]\n\
         route:\n  providers:\n  - {{name: near, {provider}}}\n  private: [near]\n"
    );
    world.write("config.yaml", config);
    let command = world.command(&["serve", "--config", "config.yaml"]);
    let service = Service::start("anchorwatch", command, &world.state().join("log"));
    (world, service.map_err(|error| error.to_string()))
}

/// A token for the gateway.
fn token_of(world: &World) -> String {
    let arguments = ["token", "create", "robot", "--role", "gateway", "--config", "config.yaml"];
    let made = world.run_with(world.command(&arguments));
    made.ends(0, &[]);
    made.out.trim().to_owned()
}

/// Asks for a diagnosis.
fn ask(service: &Service, token: &str, stream: bool) -> anchorwatch_testbed::Answer {
    let body =
        json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "why does web crash?"}]});
    service.post(CHAT, token, &body)
}

fn codes(answer: &anchorwatch_testbed::Answer) -> Value {
    answer.json()["error"]["providers"].as_array().unwrap().iter().map(|each| each["code"].clone()).collect()
}

#[test]
fn a_proxy_that_nobody_attests_gets_no_prompt_and_one_that_is_attested_does() {
    let ready = Reply::json(200, &json!({"status": "healthy", "litellm_version": "1.80.0"}));
    let proxy = Receiver::start(ready).unwrap();
    let described = format!("dialect: openai, url: '{}', model: m", proxy.url());
    let (world, service) = started(&described, &[]);
    let (service, token) = (service.unwrap(), token_of(&world));
    for stream in [false, true] {
        let answer = ask(&service, &token, stream);
        assert_eq!((answer.status, codes(&answer)), (503, json!(["proxy_not_local"])), "{}", answer.text);
    }
    assert!(proxy.received(CHAT).is_empty());
    assert_eq!(proxy.received("/health/readiness").len(), 1, "it is not asked again");
    assert!(service.log().contains("nobody attests what stands behind it"), "{}", service.log());
    let shown = world.run_with(world.command(&["audit", "show", "--config", "config.yaml", "-o", "json"]));
    assert!(shown.out.contains("\"rejected\"") && shown.out.contains("proxy_not_local"), "{}", shown.out);
    // With somebody's word it is asked.
    let word = "proxy: true, attestation: {owner: ann@example.com, date: 2026-11-26, words: ours}";
    let (world, service) = started(&format!("{described}, {word}"), &[]);
    let (service, token) = (service.unwrap(), token_of(&world));
    proxy.next(CHAT, said("from behind"));
    let answer = ask(&service, &token, false);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let shown = world.run_with(world.command(&["audit", "show", "--config", "config.yaml", "-o", "json"]));
    assert!(shown.out.contains("ann@example.com"), "{}", shown.out);
}

#[test]
fn a_proxy_that_shows_itself_only_in_an_answer_is_not_believed_and_not_asked_again() {
    let proxy = Receiver::start(Reply::json(200, &json!({"status": "ok"}))).unwrap();
    let (world, service) = started(&format!("dialect: openai, url: '{}', model: m", proxy.url()), &[]);
    let (service, token) = (service.unwrap(), token_of(&world));
    let Reply::Say { status, mut headers, body } = said("from a cloud") else { panic!() };
    headers.push("openai-organization: acme".to_owned());
    proxy.next(CHAT, Reply::Say { status, headers, body });
    let answer = ask(&service, &token, false);
    assert_eq!((answer.status, codes(&answer)), (503, json!(["proxy_not_local"])), "{}", answer.text);
    assert!(!answer.text.contains("from a cloud"));
    assert_eq!(ask(&service, &token, false).status, 503);
    assert_eq!(proxy.received(CHAT).len(), 1);
}

#[test]
fn a_server_that_says_nothing_of_its_health_is_asked_all_the_same() {
    let bare = Receiver::start(Reply::json(404, &json!({"error": "no such path"}))).unwrap();
    let (world, service) = started(&format!("dialect: openai, url: '{}', model: m", bare.url()), &[]);
    let (service, token) = (service.unwrap(), token_of(&world));
    bare.next(CHAT, said("it needs more memory"));
    let answer = ask(&service, &token, false);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn an_ollama_that_passes_its_model_on_gets_no_prompt() {
    let ollama = Receiver::start(Reply::json(404, &json!({"error": "no such path"}))).unwrap();
    let tags = json!({"models": [{"name": "m:latest", "model": "m:latest", "digest": "abc"}]});
    for _ in 0..8 {
        ollama.next("/api/version", Reply::json(200, &json!({"version": "0.13.0"})));
        ollama.next("/api/tags", Reply::json(200, &tags));
        let shown =
            json!({"remote_host": "https://ollama.com:443", "remote_model": "m", "capabilities": ["completion"]});
        ollama.next("/api/show", Reply::json(200, &shown));
    }
    let (world, service) = started(&format!("dialect: ollama, url: '{}', model: m", ollama.url()), &[]);
    let (service, token) = (service.unwrap(), token_of(&world));
    let answer = ask(&service, &token, false);
    assert_eq!((answer.status, codes(&answer)), (503, json!(["model_not_local"])), "{}", answer.text);
    assert!(ollama.received("/api/chat").is_empty() && !ollama.received("/api/show").is_empty());
}

#[test]
fn an_ollama_has_loaded_its_model_before_anybody_asks() {
    let ollama = Receiver::start(Reply::json(404, &json!({"error": "no such path"}))).unwrap();
    let tags = json!({"models": [{"name": "m:latest", "model": "m:latest", "digest": "abc"}]});
    ollama.next("/api/version", Reply::json(200, &json!({"version": "0.13.0"})));
    for _ in 0..2 {
        ollama.next("/api/tags", Reply::json(200, &tags));
    }
    ollama.next("/api/show", Reply::json(200, &json!({"capabilities": ["completion"]})));
    ollama.next("/api/chat", Reply::json(200, &json!({"model": "m", "done": true, "done_reason": "load"})));
    let (_world, service) = started(&format!("dialect: ollama, url: '{}', model: m", ollama.url()), &[]);
    let service = service.unwrap();
    service.until("its model", || service.log().contains("its model is loaded"));
    let asked = ollama.received("/api/chat")[0].json();
    assert_eq!((&asked["messages"], &asked["model"]), (&json!([]), &json!("m")), "{asked}");
}

#[test]
fn what_is_a_clouds_by_its_host_or_its_key_does_not_start() {
    let key = ["nv", "api-", "abcdefgh"].concat();
    let files = [("near.key", key.as_str())];
    for (described, words) in [
        ("dialect: nemotron, url: 'https://integrate.api.nvidia.com/v1', model: m", "its host is NVIDIA"),
        ("dialect: nemotron, url: 'http://127.0.0.1:9', model: m, key_file: near.key", "its key is one of NVIDIA"),
    ] {
        let (_world, service) = started(described, &files);
        let said = service.err().unwrap();
        assert!(said.contains(words) && said.contains("cloud: true"), "{said}");
        assert!(!said.contains(&key));
    }
}
