//! The page in a real browser, on the sample: what people see, what they can do by mouse, by keys and without either's
//! script, and what a checker of accessibility says of it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anchorwatch_testbed::Service;
use serde_json::Value;

use crate::chromium::Browser;

/// The version of axe-core that judges.
const AXE: &str = "axe-core@4.14.1";

/// The sample, as a service.
struct Demo {
    service: Service,
    base: String,
    _folder: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.args(["demo", "--serve"]).env("TMPDIR", folder.path()).env("TZ", "Asia/Taipei");
        let service = Service::start("anchorwatch", command, &folder.path().join("log")).unwrap();
        Self { base: service.url().to_owned(), service, _folder: folder }
    }

    /// The link that was printed.
    fn login(&self) -> String {
        let log = self.service.log();
        let (_, link) = log.split_once("come in with: ").unwrap();
        link.split_whitespace().next().unwrap().to_owned()
    }

    /// An item's address, by a part of its path.
    fn item(&self, browser: &mut Browser, path: &str) -> String {
        browser.open(&format!("{}/?status=all&q={path}", self.base));
        let href = browser.run("document.querySelector('a.open').getAttribute('href')");
        format!("{}{}", self.base, href.as_str().unwrap())
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests is told what they did not try")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// The checker's program; `None` where it cannot be fetched.
fn axe() -> Option<String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("axe").join(AXE).join("package/axe.min.js");
    if !file.exists() {
        let into = folder.join("axe").join(AXE);
        fs::create_dir_all(&into).unwrap();
        let packed = Command::new("npm").current_dir(&into).args(["pack", "--silent", AXE]).output().ok()?;
        let name = String::from_utf8(packed.stdout).ok()?;
        let status = Command::new("tar").current_dir(&into).args(["xzf", name.trim()]).status().ok()?;
        if !packed.status.success() || !status.success() {
            return None;
        }
    }
    fs::read_to_string(file).ok()
}

/// A browser, the sample, and the checker if there is one.
struct Visit {
    browser: Browser,
    demo: Demo,
    axe: Option<String>,
}

impl Visit {
    /// `None` where no browser is.
    fn start() -> Option<Self> {
        let Some(browser) = Browser::start() else {
            skipped("Chromium is not installed");
            return None;
        };
        let axe = axe();
        if axe.is_none() {
            skipped("axe-core cannot be fetched from the npm registry; accessibility is not checked");
        }
        let mut visit = Self { browser, demo: Demo::start(), axe };
        visit.browser.width(1200);
        visit.browser.reads("en");
        visit.browser.prefers("light");
        // The first scan is on its way.
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            visit.browser.open(&visit.demo.base);
            if visit.browser.text().contains("Deployment/web") {
                return Some(visit);
            }
            assert!(Instant::now() < until, "nothing is scanned: {}", visit.browser.text());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn open(&mut self, path: &str) {
        self.browser.open(&format!("{}{path}", self.demo.base));
    }

    /// Comes in by the link, which shows a button first.
    fn come_in(&mut self) {
        self.browser.open(&self.demo.login());
        self.browser.shows(&["This link lets you in once."]);
        self.browser.leaving(|browser| {
            browser.run("document.getElementById('come-in').click()");
        });
        self.browser.shows(&["first login", "Log out"]);
    }

    /// Fails if the page is wider than the screen, its console told of an error, or the checker finds something grave.
    #[track_caller]
    fn is_well(&mut self, name: &str) {
        self.browser.picture(name);
        let width = self.browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(width, 0, "{name} scrolls sideways");
        self.browser.is_quiet();
        let Some(axe) = &self.axe else { return };
        self.browser.run(&format!("window.axe || (() => {{ {axe} }})(); 1"));
        let found = self.browser.run(
            "axe.run({resultTypes: ['violations']}).then(result => result.violations\
             .filter(one => ['serious', 'critical'].includes(one.impact))\
             .map(one => one.id + ': ' + one.nodes.map(node => node.html + ' ' + node.failureSummary).join('\\n')))",
        );
        assert_eq!(found, Value::Array(Vec::new()), "{name}: {found:#}");
    }
}

#[test]
fn each_page_is_well_in_light_and_dark_in_both_languages_and_on_a_small_screen() {
    let Some(mut visit) = Visit::start() else { return };
    let image = visit.demo.item(&mut visit.browser, "containers[name=web].image");
    let rules = visit.demo.item(&mut visit.browser, "NetworkPolicy");
    let text = visit.demo.item(&mut visit.browser, "ConfigMap");
    visit.open("/reports");
    let report = visit.browser.run("document.querySelector('a.open').getAttribute('href')");
    let here = |address: &str| address.strip_prefix(&visit.demo.base).unwrap().to_owned();
    let pages = [
        ("overview", "/".to_owned()),
        ("item", here(&image)),
        ("item-list", here(&rules)),
        ("item-text", here(&text)),
        ("reports", "/reports".to_owned()),
        ("report", report.as_str().unwrap().to_owned()),
        ("workload", "/workloads/demo/shop/Deployment/web".to_owned()),
        ("sources", "/sources".to_owned()),
        ("rules", "/rules".to_owned()),
        ("changes", "/changes".to_owned()),
        ("login", "/login".to_owned()),
    ];
    for (language, scheme, width) in [
        ("en", "light", 1200),
        ("en", "dark", 1200),
        ("zh-TW", "light", 1200),
        ("en", "light", 360),
        ("zh-TW", "dark", 360),
    ] {
        visit.browser.reads(language);
        visit.browser.prefers(scheme);
        visit.browser.width(width);
        for (name, path) in &pages {
            visit.open(path);
            visit.is_well(&format!("{name}-{language}-{scheme}-{width}"));
        }
    }
    visit.browser.reads("zh-TW");
    visit.open("/");
    visit.browser.shows(&["漂移", "待處理", "手動新增", "分鐘前"]);
}

#[test]
fn somebody_comes_in_acknowledges_and_ignores_what_they_were_shown() {
    let Some(mut visit) = Visit::start() else { return };
    let hotfix = visit.demo.item(&mut visit.browser, "HOTFIX");
    visit.browser.open(&hotfix);
    visit.browser.shows(&["Log in", "Whoever is logged in as an operator"]);
    visit.come_in();
    visit.browser.open(&hotfix);
    visit.is_well("item-approver");
    visit.browser.leaving(|browser| {
        browser.run("document.getElementById('acknowledge').click()");
    });
    visit.browser.shows(&["acknowledged", "first login"]);
    visit.is_well("item-acknowledged");
    visit.browser.leaving(|browser| {
        browser.run("document.getElementById('ignore').click()");
    });
    visit.is_well("ignore");
    visit.browser.run("document.getElementById('reason').focus()");
    visit.browser.write("agreed with the shop");
    visit.browser.run("document.querySelector('[name=scope][value=object]').click()");
    visit.browser.leaving(|browser| {
        browser.run("document.getElementById('preview').click()");
    });
    visit.browser.shows(&["It hides", "containers[name=web].image"]);
    visit.is_well("ignore-preview");
    visit.browser.leaving(|browser| {
        browser.run("document.getElementById('confirm').click()");
    });
    visit.browser.shows(&["ignored", "first login"]);
    visit.open("/rules");
    visit.browser.shows(&["agreed with the shop", "End it"]);
    visit.is_well("rules-made");
    visit.open("/");
    assert!(!visit.browser.text().contains("HOTFIX"), "it is ignored");
    visit.open("/sources");
    visit.browser.leaving(|browser| {
        browser.run("document.querySelector('.source button').click()");
    });
    visit.browser.shows(&["shop", "scan"]);
    visit.is_well("sources-scanning");
    // The link counted once.
    let login = visit.demo.login();
    visit.browser.leaving(|browser| {
        browser.run("document.querySelector('.who button').click()");
    });
    visit.browser.open(&login);
    visit.browser.leaving(|browser| {
        browser.run("document.getElementById('come-in').click()");
    });
    visit.browser.shows(&["This link was used already"]);
    // The answer says 401, and so does the console.
    visit.browser.forgive();
}

#[test]
fn the_keys_are_enough_and_what_others_do_is_seen() {
    let Some(mut visit) = Visit::start() else { return };
    visit.come_in();
    visit.open("/");
    let focused = "document.activeElement.id || document.activeElement.tagName";
    visit.browser.press("j");
    let first = visit.browser.run(focused);
    visit.browser.press("j");
    let second = visit.browser.run(focused);
    assert!(first.as_str().unwrap().starts_with("i-") && first != second, "{first} {second}");
    visit.is_well("overview-focus");
    visit.browser.press("k");
    assert_eq!(visit.browser.run(focused), first);

    // Somebody else decides: the list is asked for anew, and the focus stays.
    visit.browser.press("j");
    let fetch = format!("fetch('/{}/acknowledge', {{method: 'POST'}}).then(() => 1)", {
        let first = first.as_str().unwrap();
        format!("items/{}", &first[2..])
    });
    visit.browser.run(&fetch);
    visit.browser.wait(&format!("!document.getElementById('{}')", first.as_str().unwrap()));
    assert_eq!(visit.browser.run(focused), second);
    visit.browser.wait("document.getElementById('said').textContent.includes('Updated.')");

    visit.browser.leaving(|browser| browser.press("Enter"));
    visit.browser.shows(&["Evidence"]);
    visit.browser.press("?");
    visit.browser.wait("document.getElementById('help').open");
    visit.is_well("help");
    visit.browser.press("Escape");
    visit.browser.wait("!document.getElementById('help').open");
    visit.browser.leaving(|browser| {
        browser.press("g");
        browser.press("o");
    });
    visit.browser.press("/");
    assert_eq!(visit.browser.run(focused), "q");
    visit.browser.write("service/metrics");
    visit.browser.leaving(|browser| browser.press("Enter"));
    visit.browser.shows(&["Service/metrics", "1 item"]);
    visit.browser.press("Tab");
    visit.browser.is_quiet();
}
