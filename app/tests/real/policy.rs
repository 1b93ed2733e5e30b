//! The generated NetworkPolicy on a real API server: it is taken as it is, and says the same when it is read back.

use std::fs;
use std::process::Command;

use anchorwatch_testbed::Person;
use serde_json::Value;

use crate::world::{World, text};

/// A store, sources, channels, providers; each alone is a configuration, too.
const CONFIGURATIONS: [(&str, &str, &[&str]); 6] = [
    ("nothing", "", &[]),
    (
        "names",
        "route:\n  providers:\n  - {name: nim, dialect: nemotron, url: 'http://nim.models.svc:8000', model: m}\n  private: [nim]\n",
        &[],
    ),
    (
        "networks",
        "route:\n  networks: [100.64.0.0/10, {network: 203.0.113.0/28, ours_though_public: true}]\n  networks_not: ['fd00:64::/96']\n  \
         providers:\n  - {name: six, dialect: ollama, url: 'http://[fd00::7]:11434', model: m}\n  \
         - {name: mapped, dialect: openai, url: 'http://[::ffff:10.1.2.3]:80', model: m}\n  \
         - {name: named, dialect: openai, url: 'http://vllm.models.svc', model: m}\n  private: [six, mapped, named]\n",
        &[],
    ),
    (
        "telegram",
        "notifications:\n  telegram: {chats: [-1], people: [1]}\n  slack: {}\n  webhooks:\n  \
         - {name: pager, url: 'https://pager.example.com/hook', secret_file: s}\n",
        &["--address", "hooks.slack.com=0.0.0.0/0", "--address", "hooks.slack.com=::/0"],
    ),
    (
        "clouds",
        "route:\n  providers:\n  - {name: a, dialect: openai, url: 'https://api.example.com/v1', model: m, cloud: true}\n  \
         - {name: b, dialect: openai, url: 'https://9.9.9.9/v1', model: m, cloud: true}\n  intents: {chat: [a, b]}\n",
        &["--with-clouds"],
    ),
    (
        "sources",
        "store: postgres://anchorwatch@[fd00::5]:5433/anchorwatch\ntraces: {endpoint: 'http://otel.traces.svc:4318'}\nclusters:\n\
         - {name: here, in_cluster: true}\n- {name: other, kubeconfig: kubeconfig}\nsources:\n\
         - {name: a, cluster: here, address: 'https://git.example.com/ops/shop.git//deploy?ref=main'}\n\
         - {name: b, cluster: other, address: 'ssh://git@10.3.3.3:2222/ops/shop.git//deploy'}\ndiscover:\n\
         - {cluster: here, from: flux, namespaces: [flux-system], repositories: ['https://forge.example.com:8443/ops/*']}\n",
        &["--address", "git.example.com=203.0.113.7"],
    ),
];

fn kubectl(world: &World, arguments: &[&str], input: &str) -> Value {
    let output = world.kubectl_as(Person::Admin, arguments, input);
    let errors = text(&output.stderr);
    assert!(output.status.success() && !errors.contains("Warning"), "{arguments:?}: {errors}\n{input}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_policy_is_read_back_as_it_was_applied() {
    let world = World::shared();
    world.namespace("policies");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(world.plane.kubeconfig(Person::Admin), folder.path().join("kubeconfig")).unwrap();
    for (name, config, more) in CONFIGURATIONS {
        fs::write(folder.path().join("anchorwatch.yaml"), format!("listen: 127.0.0.1:0\n{config}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_anchorwatch"));
        command.args([
            "route",
            "network-policy",
            "--config",
            "anchorwatch.yaml",
            "--namespace=policies",
            "--name",
            name,
        ]);
        let made = command.args(more).env_clear().current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{name}: {}", text(&made.stderr));
        let policy = text(&made.stdout);
        let said = kubectl(&world, &["apply", "--dry-run=client", "--output=json", "--filename=-"], &policy);
        kubectl(&world, &["apply", "--server-side", "--validate=strict", "--output=json", "--filename=-"], &policy);
        let kept = kubectl(&world, &["get", "networkpolicy", name, "--namespace=policies", "--output=json"], "");
        assert_eq!(kept["spec"], said["spec"], "{name}");
        let rules = kept["spec"]["egress"].as_array().unwrap();
        let is_narrow =
            |rule: &Value| ["to", "ports"].iter().all(|field| rule[*field].as_array().is_some_and(|l| !l.is_empty()));
        assert!(rules.iter().all(is_narrow), "{name}: a rule without peers or ports is open to all: {rules:?}");
    }
}
