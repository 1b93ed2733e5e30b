//! Chromium, driven by its debugging protocol over two pipes: a person's eyes and hands for the page.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// How long anything of a page may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running browser with one page.
pub(crate) struct Browser {
    process: Child,
    messages: Receiver<Value>,
    session: String,
    last: u64,
    /// Errors that the page's console told.
    errors: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None` where Chromium is not installed.
    pub(crate) fn start() -> Option<Self> {
        let program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
        let program = program.iter().find(|program| Path::new(program).exists())?;
        let profile = tempfile::tempdir().unwrap();
        let script = "program=$1; shift; exec \"$program\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "sh", "-c", script, "sh", program]);
        command.args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
            "--hide-scrollbars",
        ]);
        command.args(["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--lang=en"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while answers.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
                let message = serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes));
                if message.is_ok_and(|message| sender.send(message).is_err()) {
                    return;
                }
                bytes.clear();
            }
        });
        let mut browser =
            Self { process, messages, session: String::new(), last: 0, errors: Vec::new(), _profile: profile };
        let targets = browser.ask("Target.getTargets", &json!({}));
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|t| t["type"] == "page").unwrap();
        let attached = browser.ask("Target.attachToTarget", &json!({"targetId": page["targetId"], "flatten": true}));
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(format!("{message}\0").as_bytes()).unwrap();
        stdin.flush().unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let message = self.next(until).unwrap_or_else(|| unreachable!("no answer to {method} {params}"));
            if message["id"] == self.last {
                assert!(message.get("error").is_none(), "{method} {params}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// The next message; what the console says in it is kept.
    fn next(&mut self, until: Instant) -> Option<Value> {
        let message = self.messages.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.errors.push(params["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                self.errors.push(params["args"].to_string());
            }
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.errors.push(params["entry"].to_string());
            }
            _ => {}
        }
        Some(message)
    }

    /// Fails if the console told of an error since the last time.
    #[track_caller]
    pub(crate) fn is_quiet(&mut self) {
        self.ask("Runtime.evaluate", &json!({"expression": "1"}));
        let errors = std::mem::take(&mut self.errors);
        assert!(errors.is_empty(), "the console says: {errors:#?}");
    }

    /// Forgets what the console said: it was asked for.
    pub(crate) fn forgive(&mut self) {
        self.ask("Runtime.evaluate", &json!({"expression": "1"}));
        self.errors.clear();
    }

    /// Goes to an address, and waits until it is loaded.
    pub(crate) fn open(&mut self, address: &str) {
        self.leaving(|browser| {
            browser.ask("Page.navigate", &json!({"url": address}));
        });
    }

    /// Does something that leads to another page, and waits until that is loaded.
    pub(crate) fn leaving(&mut self, act: impl FnOnce(&mut Self)) {
        self.run("window.isOld = true; 1");
        act(self);
        self.wait("!window.isOld && document.readyState === 'complete'");
    }

    /// What an expression is, promises awaited.
    #[track_caller]
    pub(crate) fn run(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.ask("Runtime.evaluate", &params);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let params = json!({"expression": expression, "returnByValue": true});
            // Between two pages there is nothing to ask.
            let result = self.ask("Runtime.evaluate", &params);
            if result["result"]["value"] == true {
                return;
            }
            assert!(Instant::now() < until, "never: {expression}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a person reads.
    pub(crate) fn text(&mut self) -> String {
        self.run("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Fails unless the page says all this.
    #[track_caller]
    pub(crate) fn shows(&mut self, texts: &[&str]) {
        let shown = self.text();
        for text in texts {
            assert!(shown.contains(text), "{text:?} is not on the page:\n{shown}");
        }
    }

    /// Presses a key, as `j`, `Enter` or `Tab`.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            key => (u32::from(key.to_ascii_uppercase().chars().next().unwrap()), key),
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code, "text": text});
        if text.is_empty() {
            event["type"] = "rawKeyDown".into();
        }
        self.ask("Input.dispatchKeyEvent", &event);
        self.ask("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// Types a text where the focus is.
    pub(crate) fn write(&mut self, text: &str) {
        self.ask("Input.insertText", &json!({"text": text}));
    }

    /// Sets how wide the screen is, in CSS pixels.
    pub(crate) fn width(&mut self, width: u32) {
        let screen = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500});
        self.ask("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// Prefers `light` or `dark`.
    pub(crate) fn prefers(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.ask("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Reads this language best.
    pub(crate) fn reads(&mut self, language: &str) {
        self.ask("Network.setExtraHTTPHeaders", &json!({"headers": {"Accept-Language": language}}));
    }

    /// Takes a picture of the whole page, where somebody asked for pictures.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("ANCHORWATCH_PICTURES") else { return };
        let shot = self.ask("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    /// Asks it to end, so that none of its processes writes into the profile while that is removed.
    fn drop(&mut self) {
        if let Some(stdin) = &mut self.process.stdin {
            let _ = stdin.write_all(b"{\"id\": 0, \"method\": \"Browser.close\"}\0").and_then(|()| stdin.flush());
        }
        let until = Instant::now() + Duration::from_secs(5);
        while self.process.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
