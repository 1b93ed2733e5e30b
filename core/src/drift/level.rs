//! How much a difference matters.

use serde::{Deserialize, Serialize};

use super::compare::{Change, Difference};
use super::origin::Origin;
use super::rules::{self, RULES, Rule};
use crate::object::path::{Path, Step};
use crate::object::value::Value;

/// How much an item matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftLevel {
    /// Recorded in silence.
    Info,
    /// Told, not urgent.
    Medium,
    /// Told at once, needs a confirmation.
    High,
}

/// A level, and which rule gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grade {
    /// The level.
    pub level: DriftLevel,
    /// Id of the rule.
    pub rule: &'static str,
    /// The rule's reason.
    pub reason: &'static str,
}

impl From<Rule> for Grade {
    fn from(rule: Rule) -> Self {
        Self { level: rule.level, rule: rule.id, reason: rule.reason }
    }
}

/// Replica counts that an autoscaler keeps, inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `spec.minReplicas`.
    pub min: i64,
    /// `spec.maxReplicas`.
    pub max: i64,
}

/// Grades one differing field. `bounds`: of the autoscaler that scales this object, if one does.
pub fn grade(difference: &Difference<'_>, kind: &str, origin: Origin, bounds: Option<Bounds>) -> Grade {
    if is_replicas(&difference.path) {
        return replicas(difference, bounds);
    }
    if origin == Origin::Controller {
        return rules::CONTROLLER.into();
    }
    let value = difference.live.or(difference.git);
    // A PodTemplate has its template where others have their spec.
    let in_spec = (kind == "PodTemplate").then(|| {
        let spec = Step::Field("spec".to_owned());
        Path(std::iter::once(&spec).chain(&difference.path.0).cloned().collect())
    });
    let is_in_template = |pattern: &str| in_spec.as_ref().is_some_and(|path| matches_path(pattern, path));
    let fits = |rule: &&Rule| {
        (rule.kinds.is_empty() || rule.kinds.contains(&kind))
            && rule.paths.iter().any(|pattern| matches_path(pattern, &difference.path) || is_in_template(pattern))
            && rule.key.is_none_or(|start| last_field(&difference.path).is_some_and(|key| key.starts_with(start)))
            && rule.holds.is_none_or(|field| value.and_then(Value::as_map).is_some_and(|m| m.get(field).is_some()))
    };
    RULES.iter().find(fits).copied().expect("the table ends with a rule for everything").into()
}

/// True for `spec.replicas`.
pub fn is_replicas(path: &Path) -> bool {
    matches!(path.0.as_slice(), [Step::Field(spec), Step::Field(replicas)] if spec == "spec" && replicas == "replicas")
}

fn replicas(difference: &Difference<'_>, bounds: Option<Bounds>) -> Grade {
    let count = |value: Option<&Value<'_>>| value.and_then(Value::as_int);
    let live = count(difference.live);
    debug_assert!(difference.change != Change::MissingObject, "a field was graded, not an object");
    // What Git does not say is 1, unless an autoscaler may go to zero.
    let wanted = count(difference.git).unwrap_or_else(|| bounds.map_or(1, |b| b.min.min(1)));
    let rule = match (live, bounds) {
        (Some(0), _) if wanted >= 1 => rules::SCALED_TO_ZERO,
        (Some(live), Some(bounds)) if live < bounds.min || live > bounds.max => rules::OUTSIDE_AUTOSCALER,
        (_, Some(_)) => rules::AUTOSCALED,
        (_, None) => rules::REPLICAS,
    };
    rule.into()
}

/// Maps whose keys people choose.
const MAPS_OF_KEYS: &[&str] = &["annotations", "labels", "matchLabels", "nodeSelector"];

fn last_field(path: &Path) -> Option<&str> {
    match path.0.last()? {
        Step::Field(name) => Some(name),
        Step::Element { .. } | Step::Member { .. } => None,
    }
}

/// Matches a path against a pattern of a rule.
pub fn matches_path(pattern: &str, path: &Path) -> bool {
    let mut is_key = false;
    let mut tokens: Vec<&str> = Vec::with_capacity(path.0.len());
    for step in &path.0 {
        tokens.push(match step {
            // A key that people chose is no field, whatever it is called.
            Step::Field(_) if std::mem::take(&mut is_key) => "{}",
            Step::Field(name) => {
                is_key = MAPS_OF_KEYS.contains(&name.as_str());
                name.as_str()
            }
            Step::Element { .. } | Step::Member { .. } => "[]",
        });
    }
    let mut parts: Vec<&str> = Vec::new();
    for word in pattern.split('.') {
        match word.strip_suffix("[]") {
            Some(name) => parts.extend([name, "[]"]),
            None => parts.push(word),
        }
    }
    matches(&parts, &tokens)
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|skip| matches(rest, &path[skip..])),
        Some((word, rest)) => {
            path.first().is_some_and(|p| p == word || (*word == "*" && *p != "[]")) && matches(rest, &path[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        let mut steps = Vec::new();
        for word in text.split('.') {
            match word.strip_suffix("[]") {
                Some(name) => steps
                    .extend([Step::Field(name.to_owned()), Step::Element { keys: Vec::new(), ordinal: 1, index: 0 }]),
                None => steps.push(Step::Field(word.to_owned())),
            }
        }
        Path(steps)
    }

    fn level_of(kind: &str, at: &str) -> (DriftLevel, &'static str) {
        let difference = Difference {
            path: path(at),
            change: Change::Extra,
            git: None,
            live: None,
            line: 0,
            atomic_from: usize::MAX,
            excuse: None,
        };
        let grade = grade(&difference, kind, Origin::Human, None);
        (grade.level, grade.rule)
    }

    #[test]
    fn a_field_is_graded_by_its_effect() {
        use DriftLevel::{High, Info, Medium};
        for (kind, at, level, rule) in [
            ("Deployment", "spec.template.spec.containers[].image", High, "image"),
            ("Rollout", "spec.template.spec.containers[].image", High, "image"),
            ("Deployment", "spec.template.spec.containers[]", High, "container"),
            ("Deployment", "spec.template.spec.containers[].env[]", High, "env"),
            ("Deployment", "spec.template.spec.containers[].env[].value", High, "env"),
            ("Deployment", "spec.template.spec.containers[].args", High, "command"),
            ("Deployment", "spec.template.spec.containers[].ports[]", High, "ports"),
            ("Deployment", "spec.template.spec.hostNetwork", High, "host"),
            ("Deployment", "spec.template.spec.containers[].resources.limits.cpu", Info, "resources"),
            ("Deployment", "spec.template.metadata.labels.version", Medium, "any"),
            // Whatever people call their keys.
            ("Deployment", "spec.template.metadata.labels.env", Medium, "any"),
            ("Deployment", "spec.template.spec.nodeSelector.command", Medium, "any"),
            ("PodDisruptionBudget", "spec.selector.matchLabels.env", Medium, "any"),
            ("Rollout", "spec.template.spec.containers", High, "container"),
            ("PodTemplate", "template.spec.containers[].image", High, "image"),
            ("PodTemplate", "template.spec.hostNetwork", High, "host"),
            ("ClusterRole", "metadata.labels.team", Medium, "any"),
            ("Service", "spec.type", High, "service"),
            ("Service", "spec.ports[].targetPort", High, "service"),
            ("NetworkPolicy", "spec.ingress", High, "network-policy"),
            ("RoleBinding", "subjects", High, "rbac"),
            ("ConfigMap", "data.flag", Medium, "any"),
        ] {
            assert_eq!(level_of(kind, at), (level, rule), "{kind} {at}");
        }
    }

    #[test]
    fn replicas_are_graded_by_the_autoscalers_bounds() {
        let grade_of = |git: Option<i64>, live: i64, bounds: Option<(i64, i64)>| {
            let number = |n| Value::Number(crate::object::value::Number::Int(n));
            let (git, live) = (git.map(number), number(live));
            let difference = Difference {
                path: path("spec.replicas"),
                change: Change::Changed,
                git: git.as_ref(),
                live: Some(&live),
                line: 0,
                atomic_from: usize::MAX,
                excuse: None,
            };
            let bounds = bounds.map(|(min, max)| Bounds { min, max });
            grade(&difference, "Deployment", Origin::Controller, bounds).rule
        };
        assert_eq!(grade_of(Some(2), 5, None), "replicas");
        assert_eq!(grade_of(Some(2), 0, None), "scaled-to-zero");
        assert_eq!(grade_of(Some(0), 0, None), "replicas");
        assert_eq!(grade_of(None, 0, None), "scaled-to-zero");
        assert_eq!(grade_of(Some(2), 5, Some((2, 6))), "replicas-autoscaled");
        assert_eq!(grade_of(Some(2), 7, Some((2, 6))), "replicas-outside-autoscaler");
        assert_eq!(grade_of(Some(2), 1, Some((2, 6))), "replicas-outside-autoscaler");
    }
}
