//! The gateway before providers that a test plays: who is asked, what each is sent, and what whoever asked is told.

use std::fmt::Write as _;
use std::process::Command;

use anchorwatch_testbed::{Answer, Receiver, Reply, Service};
use serde_json::{Value, json};

use crate::world::{World, certify, config_map, list};

pub(crate) const CHAT: &str = "/v1/chat/completions";

/// A service with two local providers in the private chain, and a cloud in that of `chat`.
pub(crate) struct Gateway {
    pub(crate) world: World,
    pub(crate) service: Service,
    pub(crate) nemotron: Receiver,
    pub(crate) second: Receiver,
    pub(crate) cloud: Receiver,
    people: Receiver,
    pub(crate) token: String,
}

/// An answer in pieces, as OpenAI's servers send them.
pub(crate) fn said(text: &str) -> Reply {
    let piece = |delta: Value, finish: Value| {
        json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "really-this-one",
               "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let usage = json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "really-this-one",
                       "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}});
    let pieces =
        [piece(json!({"role": "assistant", "content": text}), Value::Null), piece(json!({}), json!("stop")), usage];
    let mut body = String::new();
    for piece in &pieces {
        let _ = write!(body, "data: {piece}\n\n");
    }
    Reply::Say {
        status: 200,
        headers: vec!["Content-Type: text/event-stream".to_owned()],
        body: format!("{body}data: [DONE]\n\n"),
    }
}

pub(crate) fn busy() -> Reply {
    Reply::json(503, &json!({"error": {"message": "too many", "type": "busy"}}))
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let (nemotron, second, cloud) = (
            Receiver::start(said("from nemotron")).unwrap(),
            Receiver::start(said("from the second")).unwrap(),
            Receiver::start(said("from the cloud")).unwrap(),
        );
        let people = Receiver::start(Reply::json(200, &json!({}))).unwrap();
        let world = World::new();
        world.write("git/a.yaml", config_map("a", "k: v"));
        world.write("live.json", list(&[crate::world::live_config_map("a", &json!({"k": "v"}))]));
        world.write("hook.secret", "between us");
        world.write("cloud.key", "sk-cloud");
        let config = format!(
            "listen: 127.0.0.1:0\nclusters: [{{name: lab, snapshot: live.json}}]\n\
             sources: [{{name: shop, cluster: lab, address: git, interval: 24h}}]\n\
             notifications:\n  webhooks: [{{name: hook, url: '{}/hook', secret_file: hook.secret}}]\n\
             route:\n  providers:\n\
             \x20 - {{name: nemotron, dialect: nemotron, url: '{}', model: nano}}\n\
             \x20 - {{name: second, dialect: openai, url: '{}', model: small}}\n\
             \x20 - {{name: elsewhere, dialect: openai, url: '{}', model: big, cloud: true, key_file: cloud.key}}\n\
             \x20 private: [nemotron, second]\n  intents: {{chat: [elsewhere]}}\n",
            people.url(),
            nemotron.url(),
            second.url(),
            cloud.url(),
        );
        world.write("config.yaml", config);
        let command = world.command(&["serve", "--config", "config.yaml"]);
        let service = Service::start("anchorwatch", command, &world.state().join("log")).unwrap();
        let token = Self::token_of(&world, "robot", &["--role", "gateway", "--intent", "chat"]);
        Self { world, service, nemotron, second, cloud, people, token }
    }

    pub(crate) fn token_of(world: &World, name: &str, more: &[&str]) -> String {
        let arguments = [&["token", "create", name, "--config", "config.yaml"], more].concat();
        let run = world.run_with(world.command(&arguments));
        run.ends(0, &[]);
        run.out.trim().to_owned()
    }

    pub(crate) fn ask(&self, intent: &str, content: &str) -> Answer {
        self.ask_as(&self.token, intent, &json!({"model": "any", "messages": [{"role": "user", "content": content}]}))
    }

    pub(crate) fn ask_as(&self, token: &str, intent: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        if !intent.is_empty() {
            headers.push(("x-anchorwatch-intent", intent));
        }
        self.service.ask("POST", CHAT, &headers, &body.to_string())
    }

    /// What a provider was sent so far.
    pub(crate) fn sent(provider: &Receiver) -> Vec<Value> {
        provider.received(CHAT).iter().map(anchorwatch_testbed::Received::json).collect()
    }

    /// The audit's rows, verified.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let verified = self.world.run_with(self.world.command(&["audit", "verify", "--config", "config.yaml"]));
        verified.ends(0, &[]);
        let shown =
            self.world.run_with(self.world.command(&["audit", "show", "--config", "config.yaml", "-o", "json"]));
        shown.ends(0, &[]);
        let rows: Value = serde_json::from_str(&shown.out).unwrap();
        rows["items"].as_array().cloned().unwrap_or_default()
    }
}

#[track_caller]
pub(crate) fn content(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

#[test]
fn a_diagnosis_is_answered_inside_and_says_by_whom() {
    let gateway = Gateway::start();
    let answer = gateway.ask("", "why does web crash?");
    assert_eq!(content(&answer), "from nemotron");
    assert_eq!(answer.header("x-anchorwatch-provider"), Some("nemotron"));
    assert_eq!(answer.header("x-anchorwatch-intent"), Some("diagnose"));
    let body = answer.json();
    assert_eq!((&body["model"], &body["usage"]["total_tokens"]), (&json!("really-this-one"), &json!(7)));
    let [sent] = &Gateway::sent(&gateway.nemotron)[..] else { panic!() };
    assert_eq!((&sent["model"], &sent["messages"][0]["content"]), (&json!("nano"), &json!("why does web crash?")));
    // The first one is busy, and then both are.
    gateway.nemotron.otherwise(busy());
    assert_eq!(content(&gateway.ask("diagnose", "and now?")), "from the second");
    gateway.second.otherwise(Reply::Cut);
    let rejected = gateway.ask("diagnose", "and now?");
    assert_eq!(rejected.status, 503, "{}", rejected.text);
    let error = &rejected.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("rejected"), &json!("rejected")));
    let codes: Vec<&Value> = error["providers"].as_array().unwrap().iter().map(|each| &each["code"]).collect();
    assert_eq!(codes, [&json!("server_error"), &json!("connection_broken")], "{error}");
    assert!(Gateway::sent(&gateway.cloud).is_empty());
    let audit = gateway.audit();
    let attempts: Vec<&Value> = audit.iter().filter(|row| row["begin"].is_object()).collect();
    assert_eq!((attempts.len(), audit.len()), (5, 6), "{audit:?}");
    // What was sent was sent there, whatever was answered.
    assert!(attempts.iter().all(|row| row["end"]["peer"] == row["begin"]["address"]), "{attempts:?}");
    gateway.service.until("people are told", || !gateway.people.received("/hook").is_empty());
    gateway.ask("diagnose", "and again?");
    let route = gateway.service.get("/api/v1/route", &Gateway::token_of(&gateway.world, "vic", &[])).json();
    let [again, first] = &route["rejections"].as_array().unwrap()[..] else { panic!("{route}") };
    assert!(again["at"].as_str() >= first["at"].as_str());
    assert_eq!(again["reasons"], "nemotron: server_error, second: connection_broken");
    let told = gateway.people.received("/hook");
    assert!(told[0].body.contains("rejected") && told[0].body.contains("nemotron"), "{}", told[0].body);
    assert!(!told[0].body.contains("again"));
    let metrics = gateway.service.get("/metrics", &Gateway::token_of(&gateway.world, "eve", &[])).text;
    assert!(metrics.contains("route_requests_total{intent=\"diagnose\",outcome=\"rejected\"} 2"), "{metrics}");
}

#[test]
fn only_what_all_labels_let_goes_to_a_cloud_and_what_was_private_never_does() {
    let gateway = Gateway::start();
    assert_eq!(content(&gateway.ask("chat", "tell me a joke")), "from the cloud");
    assert_eq!(gateway.cloud.received(CHAT)[0].header("authorization"), Some("Bearer sk-cloud"));
    // A label that contradicts, an unknown one, a token that does not list it.
    let both = json!({"model": "anchorwatch/diagnose", "messages": [{"role": "user", "content": "another one"}]});
    assert_eq!(content(&gateway.ask_as(&gateway.token, "chat", &both)), "from nemotron");
    assert_eq!(content(&gateway.ask("gossip", "a third one")), "from nemotron");
    let viewer = Gateway::token_of(&gateway.world, "eve", &[]);
    let chat = json!({"model": "anchorwatch/chat", "messages": [{"role": "user", "content": "a fourth one"}]});
    assert_eq!(content(&gateway.ask_as(&viewer, "chat", &chat)), "from nemotron");
    assert_eq!(content(&gateway.ask_as(&gateway.token, "", &chat)), "from nemotron", "it was said in private just now");
    // What was asked and answered in private stays so, whatever it is called later.
    gateway.ask("diagnose", "the database of payments is down");
    let quoted = json!({"model": "m", "messages": [
        {"role": "user", "content": "be so kind"},
        {"role": "assistant", "content": " from nemotron "},
        {"role": "user", "content": "say that in French"},
    ]});
    assert_eq!(content(&gateway.ask_as(&gateway.token, "chat", &quoted)), "from nemotron");
    let marked = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "what is this?"},
        {"type": "text", "text": "the plan", "anchorwatch": {"private": true}},
    ]}]});
    assert_eq!(content(&gateway.ask_as(&gateway.token, "chat", &marked)), "from nemotron");
    assert_eq!(Gateway::sent(&gateway.cloud).len(), 1);
    // A cloud that fails is followed by nobody here.
    gateway.cloud.otherwise(busy());
    assert_eq!(gateway.ask("chat", "a fifth one").status, 503);
}

#[test]
fn a_value_of_a_scanned_secret_stays_here_though_nothing_else_tells_that_it_is_one() {
    let model = Receiver::start(said("ok")).unwrap();
    let world = World::new();
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "default"}, "data": {"word": value}});
    // In Git one value, in the cluster another.
    world.write("git/a.yaml", secret("Ymx1ZS1Ib3JzZQ==").to_string());
    world.write("live.json", list(&[secret("Z3JlZW4tSG9yc2UK")]));
    world.write(
        "config.yaml",
        format!(
            "listen: 127.0.0.1:0\nclusters: [{{name: lab, snapshot: live.json}}]\n\
             sources: [{{name: shop, cluster: lab, address: git, interval: 24h, secrets: compare}}]\n\
             route:\n  providers:\n  - {{name: near, dialect: openai, url: '{}', model: m}}\n  private: [near]\n\
             \x20 redaction: {{emails: false, internal_domains: [corp.example]}}\n",
            model.url()
        ),
    );
    let command = world.command(&["serve", "--config", "config.yaml"]);
    let service = Service::start("anchorwatch", command, &world.state().join("log")).unwrap();
    let operator = Gateway::token_of(&world, "olga", &["--role", "operator"]);
    let scanned = service.post("/api/v1/drift/scan", &operator, &json!({}));
    assert_eq!(scanned.status, 200, "{}", scanned.text);
    let token = Gateway::token_of(&world, "robot", &["--role", "gateway"]);
    let content = "they call it blue-Horse in Git, green-Horse in the cluster, and red-Horse nowhere; ann@example.com on db.corp.example";
    let asked = json!({"model": "m", "messages": [{"role": "user", "content": content}]});
    service.post(CHAT, &token, &asked);
    let [sent] = &Gateway::sent(&model)[..] else { panic!("{}", service.log()) };
    let text = sent.to_string();
    let expected = "<SECRET_1> in Git, <SECRET_2> in the cluster, and red-Horse nowhere; ann@example.com on <HOST_1>";
    assert!(text.contains(expected), "{text}");
    // Nor does it stand in the log, in what the provider said of it.
    let error = json!({"error": {"message": "no green-Horse; password=hunter2 was wrong on db.corp.example"}});
    model.otherwise(Reply::json(500, &error));
    service.post(CHAT, &token, &asked);
    let log = service.log();
    assert!(log.contains("no <SECRET>; password=<SECRET> was wrong on db.corp.example"), "{log}");
}

#[test]
fn secrets_stay_here_also_where_they_are_asked_of_a_model_inside() {
    let gateway = Gateway::start();
    let secret = ["Tr0ub", "4dor&3", "Xq"].concat();
    let asked = json!({"model": "m", "messages": [
        {"role": "system", "content": "be short"},
        {"role": "user", "content": format!("the log says password={secret}")},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "login", "arguments": format!("{{\"password\": \"{secret}\"}}")}}]},
        {"role": "tool", "tool_call_id": "1", "content": format!("{secret} was refused")},
    ]});
    gateway.ask_as(&gateway.token, "", &asked);
    let [sent] = &Gateway::sent(&gateway.nemotron)[..] else { panic!() };
    let text = sent.to_string();
    assert!(!text.contains(&secret) && text.contains("<SECRET_1> was refused"), "{text}");
    assert!(sent["messages"][0]["content"].as_str().unwrap().contains("placeholders"), "{text}");
    assert!(!gateway.service.log().contains(&secret));
}

#[test]
fn an_answer_has_the_shape_that_was_asked_for_or_the_next_one_is_asked() {
    let gateway = Gateway::start();
    let schema = json!({"type": "object", "properties": {"cause": {"enum": ["oom", "image"]}}, "required": ["cause"]});
    let asked = json!({"model": "m", "messages": [{"role": "user", "content": "why?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "diagnosis", "schema": schema}}});
    gateway.nemotron.next(CHAT, said("it ran out of memory"));
    gateway.nemotron.next(CHAT, said("{\"cause\": \"oom\"}"));
    assert_eq!(content(&gateway.ask_as(&gateway.token, "", &asked)), "{\"cause\": \"oom\"}");
    let sent = Gateway::sent(&gateway.nemotron);
    assert_eq!(sent[1]["messages"][1]["content"], "it ran out of memory");
    // Twice wrong is once too often.
    gateway.nemotron.otherwise(said("{\"cause\": \"sunspots\"}"));
    gateway.second.otherwise(said("{\"cause\": \"image\"}"));
    assert_eq!(content(&gateway.ask_as(&gateway.token, "", &asked)), "{\"cause\": \"image\"}");
    assert_eq!(Gateway::sent(&gateway.nemotron).len(), 4);
}

#[test]
fn an_answer_in_pieces_is_one_that_was_whole() {
    let gateway = Gateway::start();
    let asked = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "why?"}]});
    let Reply::Say { status, headers, body } = said("half of it") else { panic!() };
    let cut = body.split_inclusive("\n\n").next().unwrap().to_owned();
    gateway.nemotron.next(CHAT, Reply::Say { status, headers, body: cut });
    let answer = gateway.ask_as(&gateway.token, "", &asked);
    assert_eq!((answer.status, answer.header("x-anchorwatch-provider")), (200, Some("second")), "{}", answer.text);
    let pieces: Vec<Value> =
        answer.text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let text: String = pieces.iter().filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "from the second");
    assert_eq!(pieces.last().unwrap()["usage"]["total_tokens"], 7);
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    gateway.nemotron.otherwise(busy());
    gateway.second.otherwise(busy());
    assert_eq!(gateway.ask_as(&gateway.token, "", &asked).status, 503);
}

#[test]
fn whoever_may_not_is_refused_and_what_is_wrong_is_said_in_the_clients_own_shape() {
    let gateway = Gateway::start();
    let bearer = format!("Bearer {}", gateway.token);
    let token = [("authorization", bearer.as_str())];
    let ask = |path: &str, headers: &[(&str, &str)], body: &str| gateway.service.ask("POST", path, headers, body);
    let told = |answer: &Answer| answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    for (headers, body, status, words) in [
        (&[][..], "{}", 401, "a token is needed"),
        (&[("authorization", "Bearer aw_wrong")], "{}", 401, "the token is wrong"),
        (&token, "{", 400, "EOF"),
        (&token, "{\"model\": \"m\", \"model\": \"n\", \"messages\": []}", 400, "twice"),
        (&token, "{\"model\": \"m\", \"messages\": []}", 400, "at least one message"),
    ] {
        let answer = ask(CHAT, headers, body);
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(told(&answer).contains(words), "{}", answer.text);
    }
    // It reads nothing else, and comes in nowhere.
    assert_eq!(gateway.service.get("/api/v1/drift/items", &gateway.token).status, 403);
    assert_eq!(gateway.service.get("/metrics", &gateway.token).status, 403);
    let models = gateway.service.get("/v1/models", &gateway.token).json();
    let models: Vec<&str> =
        models["data"].as_array().unwrap().iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(models.contains(&"anchorwatch/diagnose") && models.contains(&"anchorwatch/chat"), "{models:?}");
    assert!(!models.contains(&"anchorwatch/summarize"));
    for (path, status, words) in [
        ("models/anchorwatch/chat", 200, ""),
        ("models/anchorwatch%2Fchat", 200, ""),
        ("models/anchorwatch/summarize", 404, "no such model"),
        ("responses", 404, "chat/completions, embeddings and models"),
    ] {
        let answer = gateway.service.get(&format!("/v1/{path}"), &gateway.token);
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(told(&answer).contains(words), "{path}: {}", answer.text);
    }
    // What all providers call the caller's fault is.
    gateway.nemotron.otherwise(Reply::json(422, &json!({"error": {"message": "no such tool"}})));
    gateway.second.otherwise(Reply::json(400, &json!({"error": {"message": "what?"}})));
    let answer = gateway.ask("", "why?");
    assert_eq!((answer.status, told(&answer).as_str()), (422, "no such tool"), "{}", answer.text);
}

#[test]
fn a_token_that_was_revoked_is_turned_away_though_it_was_just_asked_with() {
    let gateway = Gateway::start();
    let token = Gateway::token_of(&gateway.world, "leaver", &["--role", "gateway"]);
    let status = || gateway.service.get("/v1/models", &token).status;
    assert_eq!((status(), status()), (200, 200));
    let revoke = ["token", "revoke", "leaver", "--config", "config.yaml"];
    gateway.world.run_with(gateway.world.command(&revoke)).ends(0, &[]);
    gateway.service.until("the end of the token", || status() == 401);
}

#[test]
fn what_there_is_no_time_to_read_is_left_out_and_the_answer_says_so() {
    let gateway = Gateway::start();
    let Reply::Say { status, headers, body } = said("slowly") else { panic!() };
    let timed = body
        .replace("\"usage\":", "\"timings\":{\"prompt_per_second\":10.0,\"predicted_per_second\":1000.0},\"usage\":");
    assert_ne!(timed, body);
    gateway.nemotron.otherwise(Reply::Say { status, headers, body: timed });
    let evidence = |rank: u32, text: String| json!({"type": "text", "text": text, "anchorwatch": {"rank": rank}});
    let asked = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "why?"}, evidence(2, "old ".repeat(500)), evidence(1, "OOMKilled ".repeat(40)),
    ]}]});
    // Of whom no speed is known everything is asked; then it is known.
    for left_out in [0, 1] {
        let answer = gateway.ask_as(&gateway.token, "", &asked);
        assert_eq!(
            answer.json()["anchorwatch"],
            json!({"provider": "nemotron", "left_out": left_out}),
            "{}",
            answer.text
        );
        let sent = Gateway::sent(&gateway.nemotron).pop().unwrap().to_string();
        assert_eq!((sent.contains("OOMKilled"), sent.contains("old old")), (true, left_out == 0));
        assert!(!sent.contains("anchorwatch"), "{sent}");
    }
}

#[test]
fn the_command_line_asks_and_tells_how_the_providers_are() {
    let gateway = Gateway::start();
    let world = &gateway.world;
    world.write("token", format!("{}\n", gateway.token));
    world.write("question.txt", "why does web crash?");
    world.write("log.txt", "OOMKilled");
    let run = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.args(["--server", gateway.service.url()]);
        world.run_with(command)
    };
    let asked = run(&["ask", "question.txt", "--evidence", "log.txt", "--token-file", "token"]);
    asked.ends(0, &["answered by nemotron (really-this-one)"]);
    assert_eq!(asked.out, "from nemotron\n");
    let sent = &Gateway::sent(&gateway.nemotron)[0]["messages"][0]["content"];
    assert_eq!(*sent, "why does web crash?\n\nOOMKilled");
    world.write("operator", Gateway::token_of(world, "olga", &["--role", "operator"]));
    let status = run(&["route", "status", "--token-file", "operator"]);
    status.ends(0, &[]);
    for words in
        ["private: nemotron → second → REJECT", "chat: elsewhere → REJECT", "inside  nemotron", "cloud   openai"]
    {
        assert!(status.out.contains(words), "{words}: {}", status.out);
    }
    // A receiver that answers whatever it is asked is well; one that is busy is not.
    gateway.second.otherwise(busy());
    let probe = run(&["route", "probe", "--token-file", "operator"]);
    probe.ends(1, &[]);
    assert!(probe.out.contains("it answered 503"), "{}", probe.out);
    gateway.nemotron.otherwise(busy());
    let rejected = run(&["ask", "question.txt", "--token-file", "token"]);
    rejected.ends(2, &["gives no answer", "nemotron: it answered 503: too many", "anchorwatch route probe"]);
    let policy = world.run_with(world.command(&["route", "network-policy", "--config", "config.yaml"]));
    policy.ends(0, &[]);
    assert!(policy.out.contains("kind: NetworkPolicy") && policy.out.contains("nemotron"), "{}", policy.out);
}

#[test]
fn what_is_too_much_is_refused_and_keeps_nobody_else_waiting() {
    let gateway = Gateway::start();
    let long = "a word ".repeat(10_000_000 / 7);
    assert_eq!(content(&gateway.ask("", &long)), "from nemotron");
    let longer = "x".repeat(60 << 20);
    let refused = gateway.ask("", &longer);
    assert_eq!(refused.status, 413);
    assert!(refused.text.contains("at most 32 MiB"), "{}", refused.text);
    let bearer = format!("Bearer {}", gateway.token);
    let binary = gateway.service.ask("POST", CHAT, &[("authorization", &bearer)], "{\"model\": \"\u{0}\"}");
    assert_eq!(binary.status, 400, "{}", binary.text);
    // A provider that says too much, in a header or in its answer, is no answer.
    let padded = said(&"x".repeat(5 << 20));
    gateway.nemotron.next(CHAT, padded);
    assert_eq!(content(&gateway.ask("", "why?")), "from the second");
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..64)
            .map(|n| {
                scope.spawn({
                    let gateway = &gateway;
                    move || gateway.ask("", &format!("question {n}")).status
                })
            })
            .collect();
        assert!(asking.into_iter().all(|asked| asked.join().unwrap() == 200));
    });
    assert_eq!(gateway.service.get("/readyz", "").status, 200);
}

#[test]
fn texts_become_vectors_inside() {
    let gateway = Gateway::start();
    let vectors = json!({"object": "list", "model": "small", "usage": {"prompt_tokens": 2, "total_tokens": 2},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}, {"object": "embedding", "index": 1, "embedding": [1.0, 2.0]}]});
    gateway.nemotron.otherwise(Reply::json(404, &json!({"detail": "Not Found"})));
    gateway.second.otherwise(Reply::json(200, &vectors));
    let bearer = format!("Bearer {}", gateway.token);
    let headers = [("authorization", bearer.as_str()), ("x-anchorwatch-intent", "chat")];
    let ask = |body: Value| gateway.service.ask("POST", "/v1/embeddings", &headers, &body.to_string());
    let answer = ask(json!({"model": "any", "input": ["a", "b"]}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["data"][1]["embedding"], json!([1.0, 2.0]));
    let coded = ask(json!({"model": "any", "input": ["a", "b"], "encoding_format": "base64"}));
    assert_eq!(coded.json()["data"][0]["embedding"], "AAAAPwAAgL8=");
    assert_eq!(ask(json!({"input": []})).status, 400);
    assert!(gateway.cloud.received("").is_empty());
}

/// A provider behind TLS, whose certificate nobody but itself vouches for.
const BEHIND_TLS: &str = r#"
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def say(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.say("application/json", b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.say("text/event-stream", open("said", "rb").read())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("tls.crt", "tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(f"listening on https://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"#;

#[test]
fn a_provider_is_believed_by_an_authority_of_ones_own() {
    let world = World::new();
    if !certify(&world.work(), "IP:127.0.0.1", true) {
        return;
    }
    let Reply::Say { body, .. } = said("from behind") else { panic!() };
    world.write("said", body);
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.write("live.json", list(&[]));
    let provider = || {
        let mut python = Command::new("python3");
        python.args(["-c", BEHIND_TLS]).current_dir(world.work());
        Service::start("python3", python, &world.state().join("provider.log")).unwrap()
    };
    let answer = |provider: &Service, name: &str, more: &str| {
        world.write(
            "config.yaml",
            format!(
                "listen: 127.0.0.1:0\nclusters: [{{name: lab, snapshot: live.json}}]\n\
                 sources: [{{name: shop, cluster: lab, address: git, interval: 24h}}]\n\
                 route:\n  providers: [{{name: nim, dialect: nemotron, url: '{}', model: nano{more}}}]\n  private: [nim]\n",
                provider.url()
            ),
        );
        let command = world.command(&["serve", "--config", "config.yaml"]);
        let service = Service::start("anchorwatch", command, &world.state().join("log"))?;
        let token = Gateway::token_of(&world, name, &["--role", "gateway"]);
        let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json")];
        let body = json!({"model": "any", "messages": [{"role": "user", "content": "why?"}]});
        Ok::<Answer, std::io::Error>(service.ask("POST", CHAT, &headers, &body.to_string()))
    };
    let own = ", ca_file: tls.crt";
    let refused = |provider: &Service, name: &str, more: &str, reason: &str| {
        let refused = answer(provider, name, more).unwrap();
        assert!(refused.status == 503 && refused.text.contains(reason), "{}", refused.text);
    };
    refused(&provider(), "one", own, "the server needs one of its own (CA:FALSE)");
    assert!(certify(&world.work(), "IP:127.0.0.1", false));
    let provider = provider();
    refused(&provider, "two", "", "certificate");
    assert_eq!(content(&answer(&provider, "three", own).unwrap()), "from behind");
    let missing = answer(&provider, "four", ", ca_file: none.crt").unwrap_err().to_string();
    assert!(missing.contains("none.crt of the provider \"nim\"") && missing.contains("hint: "), "{missing}");
}
