//! What a template's text names: values, and fields.

use super::super::{Aim, join, list};
use super::{Chart, Said};
use crate::object::path::Step;
use crate::object::value::Map;
use crate::source::edit;

/// The text of a template, as far as it is read: not a line of it is run.
pub(super) struct Template<'a> {
    /// Its path in the chart; empty where nobody knows.
    name: &'a str,
    text: &'a str,
    /// Keys under which its chart's values stand: none for the chart itself, its name for one in `charts/`.
    pub(super) scope: Vec<String>,
    /// The folders of these charts.
    pub(super) folders: Vec<String>,
    /// The values that it and its helpers name, from the top.
    pub(super) references: Vec<Reference>,
}

/// A value that is named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) keys: Vec<String>,
    /// Where: 0 on the line of the field, 1 in the template, 2 in a helper.
    pub(super) distance: u32,
}

impl<'a> Template<'a> {
    pub(super) fn of(chart: Chart<'a>, aim: &Aim<'_>) -> Self {
        let name = chart.template.unwrap_or_default();
        let inner = Inner::of(chart, name);
        let (scope, folders) = (inner.scope, inner.folders);
        let folder = folders.last().cloned().unwrap_or_else(|| chart.folder.to_owned());
        let text = join(&folder, inner.rest).and_then(|file| chart.files.get(&file)).map_or("", String::as_str);
        let key = field_name(aim);
        let mut references = inner.conditions;
        for line in text.lines() {
            let is_field = key.is_some_and(|key| says(line, key));
            named(line, &scope, u32::from(!is_field), &mut references);
        }
        let helpers = chart.files.iter().filter(|(file, _)| {
            file.strip_prefix(&folder).is_some_and(|rest| rest.trim_start_matches('/').starts_with("templates/"))
                && std::path::Path::new(file).extension().is_some_and(|extension| extension == "tpl")
        });
        for (_, text) in helpers {
            text.lines().for_each(|line| named(line, &scope, 2, &mut references));
        }
        Self { name, text, scope, folders, references }
    }

    /// How near a value is named; 3 for one that is not.
    pub(super) fn distance(&self, keys: &[String]) -> u32 {
        let near = self.references.iter().filter(|reference| keys.starts_with(&reference.keys));
        near.map(|reference| reference.distance).min().unwrap_or(3)
    }

    /// The line that says the aim's field, and whether no value is on it.
    pub(super) fn said(&self, aim: &Aim<'_>) -> Said {
        let Some(key) = field_name(aim).filter(|_| !self.text.is_empty()) else { return Said::Unknown };
        let old = aim.old().and_then(super::scalar::written);
        let lines = || self.text.lines().enumerate().filter(|(_, line)| says(line, key));
        let has_old = |line: &str| old.as_ref().is_some_and(|old| line.contains(old.as_str()));
        let Some((at, line)) = lines().find(|(_, line)| has_old(line)).or_else(|| lines().next()) else {
            return Said::Nowhere;
        };
        let place = format!("{}:{}", self.name, at + 1);
        if line.contains("{{") { Said::Made(place) } else { Said::Fixed(place) }
    }
}

/// Which chart a template is of: the one that is rendered, or one in its `charts/`.
struct Inner<'a> {
    scope: Vec<String>,
    folders: Vec<String>,
    /// The template in that chart.
    rest: &'a str,
    /// The values that have it rendered at all.
    conditions: Vec<Reference>,
}

impl<'a> Inner<'a> {
    fn of(chart: Chart<'_>, name: &'a str) -> Self {
        let mut inner = Self { scope: Vec::new(), folders: Vec::new(), rest: name, conditions: Vec::new() };
        while let Some((key, rest)) = inner.rest.strip_prefix("charts/").and_then(|rest| rest.split_once('/')) {
            let folder = inner.folders.last().map_or(chart.folder, String::as_str);
            let found = dependency(chart, folder, key);
            for condition in found.as_ref().and_then(|entry| entry.str("condition")).unwrap_or_default().split(',') {
                let own = condition.trim().split('.').map(str::to_owned);
                let keys = inner.scope.iter().cloned().chain(own).collect();
                inner.conditions.push(Reference { keys, distance: 2 });
            }
            let called = found.as_ref().and_then(|entry| entry.str("name")).unwrap_or(key);
            inner.folders.push(join(folder, &format!("charts/{called}")).unwrap_or_default());
            inner.scope.push(key.to_owned());
            inner.rest = rest;
        }
        inner
    }
}

/// What a chart says of one that it needs, by its name or what it is called here.
fn dependency(chart: Chart<'_>, folder: &str, called: &str) -> Option<Map<'static>> {
    let text = chart.files.get(&join(folder, "Chart.yaml")?)?;
    let (_, root) = edit::objects(text).ok()?.into_iter().next()?;
    let mut found = list(&root.value, "dependencies").iter().filter_map(|node| node.value.as_map());
    found.find(|entry| entry.str("alias").or_else(|| entry.str("name")) == Some(called)).cloned()
}

/// The last name on the way to the field.
pub(super) fn field_name<'a>(aim: &Aim<'a>) -> Option<&'a str> {
    aim.edit?.path.0.iter().rev().find_map(|step| match step {
        Step::Field(name) => Some(name.as_str()),
        _ => None,
    })
}

/// True for a line with this key.
fn says(line: &str, key: &str) -> bool {
    line.match_indices(key).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_none_or(|c| " -\"'{,".contains(c));
        let after = line[at + key.len()..].trim_start_matches(['"', '\'']);
        before && after.starts_with(':')
    })
}

/// The values that a line names: `.Values.a.b`.
fn named(line: &str, scope: &[String], distance: u32, found: &mut Vec<Reference>) {
    const VALUES: &str = ".Values.";
    for (at, _) in line.match_indices(VALUES) {
        let rest = &line[at + VALUES.len()..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c))).unwrap_or(rest.len());
        let own: Vec<String> = rest[..end].split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
        if own.is_empty() {
            continue;
        }
        let is_global = own.first().is_some_and(|key| key == "global");
        let keys = if is_global { own } else { [scope, &own].concat() };
        let known = found.iter().any(|other: &Reference| other.keys == keys && other.distance <= distance);
        if !known {
            found.push(Reference { keys, distance });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_values_and_says_a_field() {
        let mut found = Vec::new();
        let line = "  replicas: {{ default 1 $.Values.web.replicas | int }} # .Values.global.x.";
        named(line, &["db".to_owned()], 0, &mut found);
        let keys: Vec<String> = found.iter().map(|reference| reference.keys.join(".")).collect();
        assert_eq!(keys, ["db.web.replicas", "global.x"]);
        for (line, key, expected) in [
            ("  replicas: 1", "replicas", true),
            ("- name: x", "name", true),
            ("{name: x, image: y}", "image", true),
            ("  maxReplicas: 1", "Replicas", false),
            ("  {{ include \"image\" . }}", "image", false),
        ] {
            assert_eq!(says(line, key), expected, "{line}");
        }
    }
}
