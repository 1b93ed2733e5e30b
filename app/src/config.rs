//! The configuration file: people's own rules, so far.

use std::path::Path;

use anchorwatch_core::drift::policy::{OwnRule, Policy};
use serde::Deserialize;

use crate::failure::Failure;

/// What a configuration file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// People's own rules.
    #[serde(default)]
    rules: Vec<OwnRule>,
}

/// What was configured.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// People's own rules.
    pub(crate) policy: Policy,
}

/// Reads and checks a configuration file.
#[expect(clippy::disallowed_methods, reason = "one small file that a person named")]
pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
    let failure = || Failure::new(format!("cannot use the configuration {}", path.display()));
    let text = std::fs::read_to_string(path)
        .map_err(|e| failure().detail(e.to_string()).hint("name a file that can be read"))?;
    parse(&text).map_err(|reason| {
        failure()
            .detail(reason)
            .hint("anchorwatch.example.yaml shows every setting; check with: anchorwatch config check")
    })
}

/// The rules of a configuration file, as they are written.
#[expect(clippy::disallowed_methods, reason = "one small file that a person named")]
pub(crate) fn rules(path: &Path) -> Result<Vec<OwnRule>, Failure> {
    let failure = || Failure::new(format!("cannot use the configuration {}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| failure().detail(e.to_string()))?;
    let file: File = serde_saphyr::from_str(&text).map_err(|e| failure().detail(e.to_string()))?;
    Ok(file.rules)
}

fn parse(text: &str) -> Result<Config, String> {
    let File { rules } = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
    let policy = Policy::new(rules).map_err(|e| e.to_string())?;
    Ok(Config { policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_configuration() {
        parse(include_str!("../../anchorwatch.example.yaml")).unwrap();
    }

    #[test]
    fn what_is_not_understood_names_its_line() {
        for (text, said) in [
            (
                "rules:\n- id: a\n  match: {kind: Job}\n  ignore: true\n  owner: x\n  reason: y\n  colour: red\n",
                "colour",
            ),
            ("rulez: []\n", "rulez"),
            ("rules:\n- id: a\n  match: {kind: Job}\n  level: severe\n  owner: x\n  reason: y\n", "severe"),
            ("rules:\n- id: a\n  match: {}\n  ignore: true\n  owner: x\n  reason: y\n", "matches everything"),
            ("rules:\n- id: a\n  match: {kind: Job}\n  owner: x\n  reason: y\n", "either a level or ignore"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text}\n{error}");
        }
    }
}
