//! The page, without a browser: what is on it, who may do what on it, and that nothing hostile gets through it.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anchorwatch_testbed::{Answer, Service};
use serde_json::{Value, json};

use crate::hostile;
use crate::world::{World, config_map, list};

/// A service that was started, and the world it runs in.
struct Served {
    service: Service,
    world: World,
}

/// A person's browser: its cookie, and its language.
#[derive(Clone, Default)]
struct Person {
    cookie: String,
    language: &'static str,
}

/// An answer, looked at.
struct Page(Answer);

impl Served {
    fn start(world: World, arguments: &[&str]) -> Self {
        let service = Service::start("anchorwatch", world.command(arguments), &world.state().join("log")).unwrap();
        Self { service, world }
    }

    /// The sample: everybody may read.
    fn demo() -> Self {
        let served = Self::start(World::new(), &["demo", "--serve"]);
        served.wait(&Person::default(), "/", "Deployment/web");
        served
    }

    /// A configured one, of which nobody may read without being known.
    fn configured(world: World) -> Self {
        world.write("config.yaml", CONFIG);
        Self::started(world)
    }

    /// One whose configuration is written.
    fn started(world: World) -> Self {
        Self::start(world, &["serve", "--config", "config.yaml", "--listen", "127.0.0.1:0", "--log", "warn"])
    }

    /// Ends it; its world stays.
    fn end(self) -> World {
        self.world
    }

    /// Waits until a page says something.
    fn wait(&self, person: &Person, path: &str, text: &str) {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let page = self.get(person, path);
            if page.0.text.contains(text) {
                return;
            }
            assert!(Instant::now() < until, "{text:?} is never on {path}: {}", page.0.text);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn get(&self, person: &Person, path: &str) -> Page {
        self.ask(person, ("GET", path), &[], "")
    }

    /// A form that is sent from the page itself.
    fn post(&self, person: &Person, path: &str, form: &str) -> Page {
        self.ask(person, ("POST", path), &[("sec-fetch-site", "same-origin")], form)
    }

    fn ask(&self, person: &Person, (method, path): (&str, &str), headers: &[(&str, &str)], form: &str) -> Page {
        let mut all = vec![("accept", "text/html,*/*")];
        if !form.is_empty() {
            all.push(("content-type", "application/x-www-form-urlencoded"));
        }
        all.extend([("cookie", person.cookie.as_str()), ("accept-language", person.language)]);
        all.retain(|(name, value)| !value.is_empty() && !headers.iter().any(|(other, _)| other == name));
        all.extend(headers);
        Page(self.service.ask(method, path, &all, form))
    }

    /// The code of the link that was printed.
    fn code(&self) -> String {
        let log = self.service.log();
        let (_, code) = log.split_once("/login?code=").unwrap();
        code.split_whitespace().next().unwrap().to_owned()
    }

    /// Comes in by the link that was printed.
    fn first(&self) -> Person {
        let page = self.post(&Person::default(), "/login", &format!("code={}&to=%2Freports", self.code()));
        Person { cookie: page.leads_to("/reports").cookie(), ..Person::default() }
    }

    /// Makes a token.
    fn token(&self, name: &str, role: &[&str]) -> String {
        let arguments = [&["token", "create", name, "--config", "config.yaml"], role].concat();
        let run = self.world.run_with(self.world.command(&arguments));
        run.ends(0, &[]);
        run.out.split_whitespace().last().unwrap().to_owned()
    }

    /// Makes a token, and comes in by it.
    fn with_token(&self, name: &str, role: &[&str]) -> Person {
        let token = self.token(name, role);
        let page = self.post(&Person::default(), "/login", &format!("token={token}"));
        Person { cookie: page.leads_to("/").cookie(), ..Person::default() }
    }

    /// An item's address, by words of its object or path.
    #[track_caller]
    fn item(&self, person: &Person, words: &str) -> String {
        let page = self.get(person, &format!("/?status=all&q={words}"));
        format!("/items/{}", page.after("href=\"/items/"))
    }
}

impl Page {
    #[track_caller]
    fn is(&self, status: u16) -> &Self {
        assert_eq!(self.0.status, status, "{:?}\n{}", self.0.headers, self.0.text);
        self
    }

    /// A header begins so.
    #[track_caller]
    fn heads(&self, name: &str, value: &str) -> &Self {
        let found = self.0.header(name);
        assert!(found.is_some_and(|found| found.starts_with(value)), "{name}: {found:?}");
        self
    }

    #[track_caller]
    fn leads_to(&self, path: &str) -> &Self {
        self.is(303);
        assert_eq!(self.0.header("location"), Some(path));
        self
    }

    #[track_caller]
    fn shows(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.0.text.contains(text), "{text:?} is not on the page:\n{}", self.0.text);
        }
        self
    }

    #[track_caller]
    fn hides(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(!self.0.text.contains(text), "{text:?} is on the page:\n{}", self.0.text);
        }
        self
    }

    /// What stands behind a mark, up to the next quote.
    #[track_caller]
    fn after(&self, mark: &str) -> String {
        self.shows(&[mark]);
        self.0.text.split_once(mark).unwrap().1.split('"').next().unwrap().to_owned()
    }

    /// The session that it gives.
    fn cookie(&self) -> String {
        let line = self.0.header("set-cookie").unwrap();
        for part in ["anchorwatch_session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"] {
            assert!(line.contains(part), "{line}");
        }
        line.split(';').next().unwrap().to_owned()
    }
}

const CONFIG: &str = "store: sqlite:state.db
clusters:
- name: prod
  snapshot: live.json
sources:
- name: shop
  cluster: prod
  address: git
  secrets: compare
rules:
- id: team-labels
  match: {kind: Deployment, path: metadata.labels.team}
  ignore: true
  owner: ann
  reason: teams label by hand
  expires: 2020-01-01
";

/// Config maps that differ in `data.k`, in two namespaces.
fn differing(count: usize) -> World {
    let world = World::new();
    let (mut git, mut live) = (String::new(), Vec::new());
    for n in 0..count {
        let namespace = if n % 2 == 0 { "shop" } else { "bank" };
        let name = format!("c{n:04}");
        let _ =
            write!(git, "{}", config_map(&name, "k: v").replace("namespace: shop", &format!("namespace: {namespace}")));
        live.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": {"k": "w"}}));
    }
    world.write("git/all.yaml", git);
    world.write("live.json", list(&live));
    world
}

#[test]
fn each_page_speaks_both_languages() {
    let demo = Served::demo();
    let (english, chinese) =
        (Person { language: "en", ..Person::default() }, Person { language: "zh-TW,zh;q=0.9", ..Person::default() });
    let item = demo.item(&english, "containers%5Bname%3Dweb%5D.image");
    let report = demo.get(&english, "/reports").after("href=\"/reports/");
    for (path, in_english, in_chinese) in [
        (
            "/",
            &["Drift", "HIGH", "shop/web:1.4.3-hotfix", "alice", "min ago"][..],
            &["漂移", "高", "手動新增", "分鐘前"][..],
        ),
        ("/?level=info", &["info", "spec.replicas"], &["資訊", "spec.replicas"]),
        ("/?q=nothing-like-it", &["Nothing fits these filters."], &["沒有符合這些條件的項目。"]),
        (
            &item,
            &[
                "<del>1.4.2</del>",
                "<ins>1.4.3-hotfix</ins>",
                "web.yaml:21 @",
                "other code runs",
                "a tool that people use",
            ],
            &["證據", "首次發現"],
        ),
        ("/reports", &["HIGH×6, MEDIUM×5, info×1", "13"], &["高×6, 中×5, 資訊×1"]),
        (&format!("/reports/{report}"), &["all compared", "13 objects"], &["全部已比對"]),
        (
            "/workloads/demo/shop/Deployment/web",
            &["What happened", "edited", "Git says otherwise since"],
            &["事情經過", "編輯"],
        ),
        ("/rules", &["No rule hides anything"], &["沒有隱藏或改變等級的規則"]),
        ("/sources", &["Last looked", "13 objects", "in 1 h"], &["上次查看", "1 小時後"]),
        ("/login", &["Come in", "Token"], &["登入", "權杖"]),
    ] {
        demo.get(&english, path).is(200).shows(in_english).shows(&["<html lang=\"en\">", "lang=zh-TW"]);
        demo.get(&chinese, path).is(200).shows(in_chinese).shows(&["<html lang=\"zh-TW\">", "English"]);
    }
    // What was chosen is remembered, and no other cookie is lost by it.
    let chosen = demo.get(&english, "/?level=high&lang=zh-TW");
    chosen.is(303).heads("set-cookie", "anchorwatch_lang=zh-TW;").heads("location", "/?level=high");
    let remembered = Person { cookie: "anchorwatch_lang=zh-TW".to_owned(), language: "en" };
    demo.get(&remembered, "/").shows(&["漂移"]);
}

#[test]
fn problems_are_pages_for_people_and_json_for_programs() {
    let demo = Served::demo();
    let nobody = Person::default();
    demo.get(&nobody, "/items/none")
        .is(404)
        .shows(&["There is nothing here", "<nav"])
        .heads("content-security-policy", "");
    demo.get(&nobody, "/no/such/page").is(404).shows(&["There is nothing here"]);
    demo.get(&nobody, "/?level=dreadful").is(400).shows(&["This cannot be done"]);
    demo.get(&nobody, "/?q=%00").is(400);
    demo.get(&nobody, "/?at=18446744073709551615").is(400);
    demo.get(&nobody, "/?at=4294967295").is(200);
    demo.get(&nobody, "/workloads/demo/shop/Deployment/none").is(404);
    demo.get(&nobody, "/api/v1/drift/items/none").is(404).heads("content-type", "application/problem+json");
    let program = demo.ask(&nobody, ("GET", "/items/none"), &[("accept", "application/json")], "");
    program.is(404).heads("content-type", "application/problem+json");
    let elsewhere = demo.ask(&nobody, ("GET", "/"), &[("host", "evil.example")], "");
    elsewhere.is(421).shows(&["This service is not called so"]).heads("content-security-policy", "");
}

#[test]
fn who_is_not_known_comes_in_first_and_goes_on_to_where_they_wanted() {
    let service = Served::configured(differing(2));
    let nobody = Person::default();
    service.get(&nobody, "/?level=high").leads_to("/login?to=%2F%3Flevel%3Dhigh");
    service.post(&nobody, "/items/a/acknowledge", "x=1").leads_to("/login?to=%2Fitems%2Fa");
    let live = service.ask(&nobody, ("GET", "/"), &[("hx-request", "true")], "");
    live.is(401).heads("hx-redirect", "/login?to=%2F");
    service.get(&nobody, "/login?to=%2Freports").is(200).shows(&["name=\"to\" value=\"/reports\""]);
    service.get(&nobody, "/login?to=https%3A%2F%2Fevil.example").shows(&["name=\"to\" value=\"/\""]);
    service.get(&nobody, "/assets/page.css").is(200).heads("cache-control", "public");

    let wrong = service.post(&nobody, "/login", "token=wrong");
    wrong.is(401).shows(&["This token is wrong"]).hides(&["value=\"wrong\""]);
    for _ in 0..25 {
        service.post(&nobody, "/login", "token=wrong");
    }
    service.post(&nobody, "/login", "token=wrong").is(429).shows(&["Wait a minute"]);
}

#[test]
fn a_link_comes_in_once_by_a_button_and_a_session_ends() {
    let demo = Served::demo();
    let nobody = Person::default();
    let code = demo.code();
    // To look at it uses nothing up: programs look at links, too.
    for _ in 0..2 {
        demo.get(&nobody, &format!("/login?code={code}")).is(200).shows(&["This link lets you in once.", &code]);
    }
    let foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    demo.ask(&nobody, ("POST", "/login"), &foreign, &format!("code={code}")).is(403);
    let person = demo.first();
    demo.get(&person, "/").shows(&["first login", "Log out"]);
    demo.post(&nobody, "/login", &format!("code={code}")).is(401).shows(&["This link was used already"]);
    demo.post(&person, "/logout", "").is(303).heads("set-cookie", "anchorwatch_session=;");
    demo.get(&person, "/").shows(&["Log in"]).hides(&["first login"]);
}

#[test]
fn what_is_decided_was_shown_before() {
    let demo = Served::demo();
    let (nobody, person) = (Person::default(), demo.first());
    let hotfix = demo.item(&person, "HOTFIX");
    demo.get(&nobody, &hotfix).shows(&["Log in"]).hides(&["Acknowledge<", "Ignore…"]);
    demo.post(&nobody, &format!("{hotfix}/acknowledge"), "").is(403).shows(&["You may not do this"]);
    demo.get(&nobody, &format!("{hotfix}/ignore")).is(403);
    let foreign = [("sec-fetch-site", "cross-site")];
    demo.ask(&person, ("POST", &format!("{hotfix}/acknowledge")), &foreign, "").is(403);
    let unsaid: [(&str, &str); 0] = [];
    demo.ask(&person, ("POST", &format!("{hotfix}/acknowledge")), &unsaid, "").is(403);

    demo.post(&person, &format!("{hotfix}/acknowledge"), "").leads_to(&hotfix);
    demo.get(&person, &hotfix).shows(&["acknowledged", "first login"]).hides(&["id=\"acknowledge\""]);
    demo.get(&person, "/?status=acknowledged").shows(&["HOTFIX"]);
    demo.get(&person, "/").hides(&["HOTFIX"]);

    let form = demo.get(&person, &format!("{hotfix}/ignore"));
    form.is(200).shows(&["This item only", "This field of every Deployment in shop"]);
    let day = form.after("type=\"date\" required value=\"");
    let without = demo.get(&person, &format!("{hotfix}/ignore?preview=1&expires={day}"));
    without.is(422).shows(&["Say why."]);
    let late = demo.get(&person, &format!("{hotfix}/ignore?preview=1&reason=x&expires=2099-01-01"));
    late.is(422).shows(&["a day from today to a year from now"]);
    let asked = format!("reason=agreed&expires={day}&scope=object&owner=ann");
    let preview = demo.get(&person, &format!("{hotfix}/ignore?preview=1&{asked}"));
    preview.is(200).shows(&["It hides 4 items now", "containers[name=web].image", "Ignore 4 items"]);
    let agreed = preview.after("name=\"agreed\" value=\"");
    assert_eq!(agreed.split(',').count(), 4);
    // Who agrees to less than it hides is shown the rest.
    let less = demo.post(&person, &format!("{hotfix}/ignore"), &format!("{asked}&agreed="));
    less.is(200).shows(&["Meanwhile there is more", "Ignore 4 items"]);
    let agreed = agreed.replace(',', "%2C");
    demo.post(&person, &format!("{hotfix}/ignore"), &format!("{asked}&agreed={agreed}")).is(303);
    demo.get(&person, "/").hides(&["Deployment/web"]);
    let rules = demo.get(&person, "/rules");
    rules.shows(&["agreed", "ann", "made by first login", "End it"]);
    let end = rules.after("action=\"/rules/");
    demo.post(&nobody, &format!("/rules/{end}"), "").is(403);
    demo.post(&person, &format!("/rules/{end}"), "").is(303);
    demo.get(&person, "/rules").shows(&["No rule hides anything"]);
    demo.post(&person, "/sources/shop/scan", "").is(303).heads("location", "/sources?job=");
    demo.wait(&person, "/", "Deployment/web");
}

#[test]
fn all_items_of_a_report_are_ignored_together() {
    let service = Served::configured(differing(8));
    let viewer = service.with_token("eve", &["--role", "viewer"]);
    let operator = service.with_token("olga", &["--role", "operator"]);
    service.wait(&operator, "/reports?namespace=shop", "prod / shop");
    let report = service.get(&operator, "/reports?namespace=shop").after("href=\"/reports/");
    let report = format!("/reports/{report}");
    service.get(&viewer, &report).is(200).hides(&["Ignore all"]);
    service.get(&operator, &report).shows(&["Ignore all"]);
    let form = service.get(&operator, &format!("{report}/ignore"));
    form.is(200).shows(&["All of the report: 4 open items"]).hides(&["What is ignored"]);
    let day = form.after("type=\"date\" required value=\"");
    let asked = format!("reason=agreed&expires={day}");
    service.get(&viewer, &format!("{report}/ignore?preview=1&{asked}")).is(403);
    let preview = service.get(&operator, &format!("{report}/ignore?preview=1&{asked}"));
    let agreed = preview.is(200).shows(&["Ignore 4 items"]).after("name=\"agreed\" value=\"");
    assert_eq!(agreed.split(',').count(), 4);
    // Nothing is ignored that was not shown.
    let (first, _) = agreed.split_once(',').unwrap();
    let confirm = |agreed: &str| {
        let body = format!("{asked}&agreed={}", agreed.replace(',', "%2C"));
        service.post(&operator, &format!("{report}/ignore"), &body).leads_to(&report);
    };
    confirm(first);
    service.get(&operator, &format!("{report}/ignore")).shows(&["All of the report: 3 open items"]);
    confirm(&agreed);
    service.get(&operator, &report).is(200).hides(&["Ignore all"]);
    service.get(&operator, &format!("{report}/ignore")).shows(&["Nothing in this report is open."]);
}

#[test]
fn the_page_of_models_shows_chains_and_what_was_rejected() {
    let world = differing(2);
    // Nobody listens there.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let route = format!(
        "route:\n  providers: [{{name: nano, dialect: nemotron, url: '{url}', model: 'a<b'}}]\n  private: [nano]\n"
    );
    world.write("config.yaml", format!("{CONFIG}{route}"));
    let service = Served::started(world);
    let person = service.first();
    let shown = ["<strong>nano</strong> → ", "REJECT", "a&lt;b", "127.0.0.0/8"];
    service.get(&person, "/models").is(200).shows(&shown).hides(&["Rejected lately"]);
    let asked = r#"{"model": "m", "messages": [{"role": "user", "content": "why?"}]}"#;
    let bearer = format!("Bearer {}", service.token("robot", &["--role", "gateway"]));
    let answer = service.service.ask("POST", "/v1/chat/completions", &[("authorization", &bearer)], asked);
    assert_eq!(answer.status, 503, "{}", answer.text);
    service.get(&person, "/models").shows(&["Rejected lately", "nano: connection_refused"]);
    service.get(&person, "/models?lang=zh-TW").is(303);
    let reader = Person { language: "zh-TW", ..person };
    service.get(&reader, "/models").shows(&["最近被拒絕的請求", "內部"]);
}

#[test]
fn messages_that_reach_nobody_are_told_of() {
    let world = differing(2);
    world.write("hook.secret", "between us");
    // Nobody listens there.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", taken.local_addr().unwrap());
    drop(taken);
    let hook = format!("notifications: {{webhooks: [{{name: hook, url: '{url}', secret_file: hook.secret}}]}}\n");
    world.write("config.yaml", format!("{CONFIG}{hook}"));
    let service = Served::started(world);
    let person = service.first();
    service.wait(
        &person,
        "/",
        "A message to hook waits (the oldest was made just now) and is tried again: cannot connect",
    );
    service.get(&person, "/sources").shows(&["A message to hook waits"]);
    let reader = Person { language: "zh-TW", ..person };
    service.get(&reader, "/").shows(&["則發往 hook 的訊息尚未送達"]);
}

#[test]
fn roles_and_limits_decide_what_is_shown() {
    let service = Served::configured(differing(4));
    let first = service.first();
    service.wait(&first, "/", "ConfigMap/c0003");
    service.get(&first, "/rules").shows(&["team-labels", "expired", "in the configuration"]);
    let viewer = service.with_token("eve", &["--role", "viewer"]);
    let item = service.item(&viewer, "c0000");
    service.get(&viewer, &item).shows(&["You may read."]).hides(&["id=\"acknowledge\"", "id=\"ignore\""]);
    service.post(&viewer, &format!("{item}/acknowledge"), "").is(403);
    service.get(&viewer, "/sources").hides(&["Scan now"]);
    service.post(&viewer, "/sources/shop/scan", "").is(403);

    let teller = service.with_token("tom", &["--role", "operator", "--namespace", "bank"]);
    service.get(&teller, "/").shows(&["ConfigMap/c0001", "2 items"]).hides(&["c0000"]);
    service.get(&teller, &item).is(404);
    service.get(&teller, "/workloads/prod/shop/ConfigMap/c0000").is(404);
    service.get(&teller, "/reports").shows(&["prod / bank", "1 report"]).hides(&["prod / shop"]);
    let own = service.item(&teller, "c0001");
    service.get(&teller, &own).shows(&["id=\"acknowledge\"", "id=\"ignore\""]);
    let wide = format!("{own}/ignore?preview=1&reason=x&scope=everywhere&expires=");
    let day = service.get(&teller, &format!("{own}/ignore")).after("type=\"date\" required value=\"");
    service.get(&teller, &format!("{wide}{day}")).is(403).shows(&["This rule is not made."]);
    service.post(&teller, "/sources/shop/scan", "").is(303);
}

#[test]
fn each_state_of_a_source_is_said() {
    let world = World::new();
    world.write("git/a.yaml", config_map("a", "k: v"));
    world.write("broken/a.yaml", config_map("a", "k: v"));
    world.write("broken/b.yaml", "kind: [");
    world.write("live.json", list(&[crate::world::live_config_map("a", &json!({"k": "v"}))]));
    let source = |name: &str, address: &str| format!("- name: {name}\n  cluster: prod\n  address: {address}\n");
    let (sources, _) = CONFIG.split_once("- name: shop").unwrap();
    let start = |world: &World, more: &str| world.write("config.yaml", format!("{sources}{more}"));

    start(&world, &source("shop", "git"));
    let service = Served::started(world);
    let person = service.first();
    service.wait(&person, "/", "No drift. Last looked just now, 1 object.");
    let world = service.end();

    start(&world, &(source("shop", "git") + &source("partly", "broken") + &source("gone", "nowhere")));
    let service = Served::started(world);
    let person = service.first();
    service.wait(&person, "/", "No drift in what was compared.");
    service.wait(&person, "/", "<strong>gone</strong> The scan failed just now. It was never compared.");
    service.wait(&person, "/", "1 not compared, and so not known to be clean");
    service.get(&person, "/").shows(&["nowhere", "b.yaml"]);
    service.get(&person, "/sources").shows(&[
        "class=\"source failed\"",
        "class=\"source partly\"",
        "class=\"source well\"",
    ]);
}

#[test]
fn a_long_list_comes_in_pages() {
    let service = Served::configured(differing(450));
    let person = service.first();
    service.wait(&person, "/", "450 items");
    let rows = |page: &Page| page.0.text.matches("class=\"open\"").count();
    let first = service.get(&person, "/");
    assert_eq!(rows(&first), 200);
    first.shows(&["rel=\"next\" href=\"/?at=200\""]).hides(&["rel=\"prev\""]);
    let last = service.get(&person, "/?at=400");
    assert_eq!(rows(&last), 50);
    last.shows(&["rel=\"prev\" href=\"/?at=200\""]).hides(&["rel=\"next\""]);
    service.get(&person, "/?namespace=bank&q=c000").shows(&["5 items", "namespace bank"]).hides(&["c0000"]);
    service.get(&person, "/?q=100%25").shows(&["0 items"]);
}

#[test]
fn ten_thousand_items_come_in_pages_of_a_size_that_can_be_read() {
    const MOST_BYTES: usize = 600 << 10;
    let service = Served::configured(differing(10_000));
    let person = service.first();
    service.wait(&person, "/", "10000 items");
    let rows = |page: &Page| page.0.text.matches("class=\"open\"").count();
    for (at, more) in [(0, true), (5000, true), (9800, false)] {
        let page = service.get(&person, &format!("/?at={at}"));
        assert_eq!((rows(&page), page.0.text.contains("rel=\"next\"")), (200, more), "at {at}");
        assert!(page.0.text.len() < MOST_BYTES, "{} bytes", page.0.text.len());
    }
    let reports = service.get(&person, "/reports");
    let report = format!("/reports/{}", reports.after("href=\"/reports/"));
    for (at, pages) in [(0, [false, true]), (2400, [true, true]), (4800, [true, false])] {
        let page = service.get(&person, &format!("{report}?at={at}"));
        let turned = ["rel=\"prev\"", "rel=\"next\""].map(|turn| page.0.text.contains(turn));
        assert_eq!((rows(&page), turned), (200, pages), "at {at}");
        assert!(page.0.text.len() < MOST_BYTES, "{} bytes", page.0.text.len());
    }
    service.get(&person, &format!("{report}?at=4294967295")).is(200);
    // Programs get each item once, page by page.
    let (mut seen, mut after) = (std::collections::BTreeSet::new(), String::new());
    loop {
        let answer = service.get(&person, &format!("/api/v1/drift/items?limit=500{after}"));
        let list = answer.is(200).0.json();
        assert_eq!(list["total"], 10_000);
        let items = list["items"].as_array().unwrap();
        assert!(items.len() <= 500);
        seen.extend(items.iter().map(|item| item["fingerprint"].as_str().unwrap().to_owned()));
        let Some(next) = list["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 10_000);
}

#[test]
fn a_session_goes_over_tls_only_where_a_proxy_has_it() {
    for (setting, is_secure) in [("behind_proxy: true\n", true), ("", false)] {
        let world = differing(2);
        world.write("config.yaml", format!("{setting}{CONFIG}"));
        let service = Served::started(world);
        let page = service.post(&Person::default(), "/login", &format!("code={}", service.code()));
        let cookie = page.leads_to("/").0.header("set-cookie").unwrap().to_owned();
        assert_eq!(cookie.split("; ").any(|part| part == "Secure"), is_secure, "{cookie}");
        let person = Person { cookie: page.cookie(), ..Person::default() };
        let left = service.post(&person, "/logout", "");
        let ended = left.is(303).0.header("set-cookie").unwrap();
        assert_eq!(ended.split("; ").any(|part| part == "Secure"), is_secure, "{ended}");
    }
}

#[test]
fn nothing_hostile_gets_through_and_no_secret_is_shown() {
    let world = hostile::world();
    let markup = "<img src=x onerror=alert(1)>\"'&";
    world.write(
        "git/markup.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: shop}\ndata: {k: a}\n",
    );
    let mut live: Value = serde_json::from_str(&fs::read_to_string(world.work().join("live.json")).unwrap()).unwrap();
    live["items"].as_array_mut().unwrap().push(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "m", "namespace": "shop"}, "data": {"k": markup, (markup): "b"}}));
    world.write("live.json", live.to_string());
    let service = Served::configured(world);
    let person = service.first();
    service.wait(&person, "/", "ConfigMap/m");
    let mut pages = vec!["/?status=all".to_owned(), "/reports".to_owned(), "/sources".to_owned(), "/rules".to_owned()];
    let mut at = 0;
    while let Some(path) = pages.get(at).cloned() {
        at += 1;
        let answer = service.get(&person, &path);
        answer.is(200).hides(&["<img", "onerror=alert(1)>"]).hides(&hostile::SECRETS);
        let hidden = answer.0.text.chars().find(|c| *c != '\n' && *c != '\r' && hostile::is_hidden(*c));
        assert_eq!(hidden, None, "{path}: {:?}", answer.0.text);
        let links = answer.0.text.split(" href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
        for href in links {
            assert!(href.starts_with(['/', '#']), "{path} leads to {href}");
            let is_new = !href.contains("lang=") && !pages.iter().any(|page| page == href);
            if is_new && ["/items/", "/reports/", "/workloads/"].iter().any(|kind| href.starts_with(kind)) {
                pages.push(href.replace("&amp;", "&"));
            }
        }
    }
    assert!(pages.len() > 12, "{pages:?}");
    service.get(&person, "/?q=markup-is-nowhere").is(200);
    service.get(&person, "/?q=%3Cimg%20src%3Dx%3E").hides(&["<img"]).shows(&["&lt;img src=x&gt;"]);
}
