//! `anchorwatch route network-policy`: all that a configuration names, and nothing besides.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");

/// What is printed for a configuration, and what is told.
fn policy(config: &str, more: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("anchorwatch.yaml"), config).unwrap();
    fs::write(folder.path().join("kubeconfig"), KUBECONFIG).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
    command.args(["route", "network-policy", "--config", "anchorwatch.yaml"]).args(more);
    let output = command.env_clear().current_dir(folder.path()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

const KUBECONFIG: &str = "apiVersion: v1
kind: Config
current-context: a
contexts:
- {name: a, context: {cluster: a, user: u}}
- {name: proxied, context: {cluster: proxied, user: u}}
clusters:
- {name: a, cluster: {server: 'https://10.7.7.7:6443'}}
- {name: proxied, cluster: {server: 'https://far.example.com', proxy-url: 'http://10.8.8.8:3128'}}
users:
- {name: u, user: {}}
";

const ALL: &str = "store: postgres://anchorwatch@[fd00::5]:5433/anchorwatch
traces: {endpoint: 'http://otel.traces.svc:4318'}
clusters:
- {name: here, in_cluster: true}
- {name: other, kubeconfig: kubeconfig}
- {name: proxied, kubeconfig: kubeconfig, context: proxied}
- {name: missing, kubeconfig: not-there}
sources:
- {name: a, cluster: here, address: 'https://git.example.com/ops/shop.git//deploy?ref=main'}
- {name: b, cluster: other, address: 'ssh://git@10.3.3.3:2222/ops/shop.git//deploy'}
- {name: c, cluster: proxied, address: 'git@github.com:ops/shop.git//deploy'}
- {name: d, cluster: missing, address: 'https://git.example.com/ops/b.git//deploy?ref=main', allow_remote_bases: true}
discover:
- {cluster: here, from: flux, namespaces: [flux-system], repositories: ['https://forge.example.com:8443/ops/*']}
notifications:
  telegram: {chats: [-1], people: [1]}
  slack: {}
  webhooks:
  - {name: pager, url: 'https://10.4.4.4/hook', secret_file: s}
route:
  providers:
  - {name: nim, dialect: nemotron, url: 'http://nim.models.svc:8000', model: m}
  - {name: six, dialect: ollama, url: 'http://[fd00::7]:11434', model: m}
  - {name: here, dialect: openai, url: 'http://127.0.0.1:8080', model: m}
  - {name: elsewhere, dialect: openai, url: 'https://api.example.com/v1', model: m, cloud: true}
  private: [nim, six, here]
  intents: {chat: [elsewhere]}
";

/// Each rule by its comment: the peers' first, and the port.
fn rules(policy: &str) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for line in policy.lines() {
        let last = rules.last_mut();
        match (line.trim(), last) {
            (text, _) if line.starts_with("  # ") => rules.push(text.trim_start_matches("# ").to_owned()),
            (text, Some(last)) if text.starts_with("- ipBlock") && !last.contains(" → ") => {
                let cidr = text.split('"').nth(1).unwrap();
                let _ = write!(last, " → {cidr}");
            }
            (text, Some(last)) if text.starts_with("- {port") => {
                let port = text.trim_start_matches("- {port: ").split(',').next().unwrap();
                let _ = write!(last, " :{port}");
            }
            _ => {}
        }
    }
    rules
}

#[test]
fn every_destination_of_a_configuration_is_there_once_and_says_what_opened_it() {
    let (policy, told) =
        policy(ALL, &["--address", "github.com=140.82.112.0/20", "--address", "kubernetes.default.svc=10.9.9.9"]);
    let rules = rules(&policy);
    let expected = [
        "The store, at its address. → fd00::5/128 :5433",
        "The API server of here, in the network that was named for it. → 10.9.9.9/32 :443",
        "The API server of here, in the network that was named for it. → 10.9.9.9/32 :6443",
        "The API server of missing is left out:",
        "The API server of other, at its address. → 10.7.7.7/32 :6443",
        "The API server of proxied, at its address. → 10.8.8.8/32 :3128",
        "Git at 10.3.3.3, at its address. → 10.3.3.3/32 :2222",
        "Git at forge.example.com, wherever its name leads, as long as that is inside. → 10.0.0.0/8 :8443",
        "Git at git.example.com, wherever its name leads, as long as that is inside. → 10.0.0.0/8 :443",
        "Git at github.com, in the network that was named for it. → 140.82.112.0/20 :22",
        "What source d fetches as remote bases is left out:",
        "Provider nim, wherever its name leads, as long as that is inside. → 10.0.0.0/8 :8000",
        "Provider six, at its address. → fd00::7/128 :11434",
        "Provider here is on this machine: there is nothing to open.",
        "The cloud elsewhere, which no private chain has is left out: --with-clouds",
        "Telegram, in its own networks (core.telegram.org/resources/cidr.txt). → 91.105.192.0/23 :443",
        "Slack is left out: it is outside, by a name that leads to ever other addresses; say --address hooks.slack.com=NETWORK.",
        "Webhook pager, at its address. → 10.4.4.4/32 :443",
        "The collector of traces, wherever its name leads, as long as that is inside. → 10.0.0.0/8 :4318",
    ];
    assert_eq!(rules.len(), expected.len() + 1, "{rules:#?}");
    for (rule, expected) in rules[1..].iter().zip(expected) {
        assert!(rule.starts_with(expected), "{rule}\n{expected}");
    }
    assert!(told.contains("Slack is left out") && told.contains("missing is left out"), "{told}");
    assert!(!policy.contains("0.0.0.0/0"), "{policy}");
}

#[test]
fn only_with_the_flag_there_is_a_way_to_clouds_and_none_of_it_leads_inside() {
    let (policy, _) = policy(ALL, &["--with-clouds"]);
    let open: Vec<&str> = policy.lines().filter(|line| line.contains("\"0.0.0.0/0\"")).collect();
    assert_eq!(open.len(), 1, "{policy}");
    for inside in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"] {
        assert!(open[0].contains(inside), "{open:?}");
    }
}

#[test]
fn the_policy_of_the_manifests_is_made_of_their_configuration() {
    let config_map = fs::read_to_string(format!("{DEPLOY}/configmap.yaml")).unwrap();
    let lines = config_map.lines().skip_while(|line| line.trim() != "anchorwatch.yaml: |").skip(1);
    let config: Vec<&str> = lines.map(|line| line.strip_prefix("    ").unwrap_or_default()).collect();
    let (made, _) = policy(&config.join("\n"), &[]);
    let kept = fs::read_to_string(format!("{DEPLOY}/networkpolicy-egress.yaml")).unwrap();
    assert_eq!(kept, made, "deploy/README.md says how to make deploy/networkpolicy-egress.yaml anew");
}
