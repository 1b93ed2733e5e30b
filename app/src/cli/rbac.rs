//! `anchorwatch rbac`: the rights that a feature needs, ready for `kubectl apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anchorwatch_core::delivery::pause;
use anchorwatch_core::object::{GroupKind, split_api_version};
use anchorwatch_core::schema::{Schema, catalogue};
use clap::ValueEnum;

use super::target;
use crate::config::{self, Discover};
use crate::drift::rollback::dependants::USUAL;
use crate::drift::source::{self, SourceRequest};
use crate::failure::Failure;

/// Kinds that are asked, not kept: nobody can list them.
const NOT_LISTED: &[&str] = &[
    "Binding",
    "ComponentStatus",
    "DeleteOptions",
    "Eviction",
    "LocalSubjectAccessReview",
    "Scale",
    "SelfSubjectAccessReview",
    "SelfSubjectReview",
    "SelfSubjectRulesReview",
    "SubjectAccessReview",
    "TokenRequest",
    "TokenReview",
];

/// Replicas are judged by the bounds of the autoscaler.
const AUTOSCALERS: (&str, &str) = ("autoscaling", "horizontalpodautoscalers");

/// Whether a person may do it, too, is asked of the cluster; nothing is kept of that.
const REVIEWS: (&str, &str) = ("authorization.k8s.io", "subjectaccessreviews");

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct RbacArgs {
    /// What the rights are for.
    #[arg(long, value_enum)]
    feature: Feature,
    /// Only the kinds that this source mentions; without it, all built-in kinds but Secrets.
    #[arg(long, value_name = "SRC")]
    source: Option<String>,
    /// Only the kinds that the sources of this configuration mention, with `discover` all built-in ones and its lists;
    /// Secrets where a source says `secrets: compare`.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["source", "namespace", "values", "release_name", "allow_remote_bases"]
    )]
    config: Option<PathBuf>,
    #[command(flatten)]
    reading: target::Reading,
    /// The ClusterRole's name; else anchorwatch-scan, or anchorwatch-rollback.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Feature {
    /// Compare: get and list.
    Scan,
    /// Serve, and see changes as they are made: get, list and watch.
    Watch,
    /// Roll back, and undo: get, list, and to write what the source mentions.
    Rollback,
}

impl Feature {
    fn verbs(self) -> &'static str {
        match self {
            Self::Scan => "get, list",
            Self::Watch => "get, list, watch",
            Self::Rollback => "get, list, patch, create, delete",
        }
    }
}

pub(super) fn run(args: RbacArgs) -> Result<ExitCode, Failure> {
    let RbacArgs { feature, source, config, reading, name } = args;
    if matches!(feature, Feature::Rollback) && source.is_none() {
        return Err(Failure::new("rights to write are given for what a source mentions, and for nothing more")
            .hint("name it with --source"));
    }
    let mut rights = Rights { schema: catalogue::load(None).0, resources: BTreeMap::new(), unknown: BTreeSet::new() };
    match (source, config) {
        (Some(address), _) => rights.add_source(&reading.of(address), true)?,
        (None, Some(file)) => {
            let config = config::read(&file)?;
            for source in &config.sources {
                rights.add_source(source.reading(), source.compares_secrets())?;
            }
            for list in &config.discover {
                rights.add_list(list);
            }
        }
        (None, None) => rights.add_all_built_in(),
    }
    let name = name.as_deref().unwrap_or(match feature {
        Feature::Rollback => "anchorwatch-rollback",
        Feature::Scan | Feature::Watch => "anchorwatch-scan",
    });
    let role = match feature {
        Feature::Rollback => {
            rights.role(name, feature.verbs()) + &rights.read_by_rollback() + &rule(REVIEWS.0, REVIEWS.1, "create")
        }
        Feature::Scan | Feature::Watch => {
            rights.add(AUTOSCALERS.0, AUTOSCALERS.1);
            rights.role(name, feature.verbs())
        }
    };
    super::print(&role)?;
    Ok(ExitCode::SUCCESS)
}

/// What may be looked at.
struct Rights {
    schema: Schema,
    /// Plurals by API group.
    resources: BTreeMap<String, BTreeSet<String>>,
    /// Kinds whose plural only the cluster knows.
    unknown: BTreeSet<GroupKind>,
}

impl Rights {
    fn add(&mut self, group: &str, plural: &str) {
        self.resources.entry(group.to_owned()).or_default().insert(plural.to_owned());
    }

    fn add_all_built_in(&mut self) {
        let is_listed = |kind: &GroupKind| kind.kind != "Secret" && !NOT_LISTED.contains(&kind.kind.as_str());
        for (kind, known) in self.schema.all_kinds().filter(|(kind, _)| is_listed(kind)) {
            self.resources.entry(kind.group.clone()).or_default().insert(known.plural.to_string());
        }
    }

    /// What a list of sources is read from, and all that its sources may hold.
    fn add_list(&mut self, list: &Discover) {
        for kind in list.tool.kinds() {
            self.add(split_api_version(kind.api_version).0, kind.plural);
        }
        self.add_all_built_in();
        if list.compares_secrets() {
            self.add("", "secrets");
        }
    }

    fn add_source(&mut self, request: &SourceRequest, with_secrets: bool) -> Result<(), Failure> {
        let scratch = crate::drift::scratch()?;
        let read = super::runtime()?.block_on(source::read(request, None, scratch.path()))?;
        let contents = read.contents(&target::secret_key(false)?);
        for object in &contents.objects {
            let kind = object.identity().group_kind;
            if !with_secrets && kind.is_secret() {
                continue;
            }
            match self.schema.kind(object.head().api_version, &kind) {
                Some(known) => {
                    let plural = known.plural.to_string();
                    self.add(&kind.group, &plural);
                }
                // Anything else in here could smuggle rights into what people pipe to kubectl.
                None if is_name(&kind.kind) && (kind.group.is_empty() || is_name(&kind.group)) => {
                    self.unknown.insert(kind);
                }
                None => super::tell(&format!("warning: left out: {kind} is no kind that a cluster can have")),
            }
        }
        Ok(())
    }

    /// What is read, and not written: autoscalers, who delivers, and what may belong to an object that is deleted. Who may list Secrets may read
    /// them; so of these nobody looks whether they belong to it, unless the source has some.
    fn read_by_rollback(&self) -> String {
        let mut read = BTreeMap::from([(AUTOSCALERS.0.to_owned(), BTreeSet::from([AUTOSCALERS.1.to_owned()]))]);
        for (api_version, kind) in USUAL.iter().filter(|(_, kind)| *kind != "Secret") {
            let kind = GroupKind::of(api_version, kind);
            let Some(known) = self.schema.kind(api_version, &kind) else { continue };
            read.entry(kind.group).or_default().insert(known.plural.to_string());
        }
        for (api_version, plural) in pause::kinds() {
            let group = split_api_version(api_version).0.to_owned();
            read.entry(group).or_default().insert(plural.to_owned());
        }
        let unwritten = |(group, plurals): (&String, &BTreeSet<String>)| {
            let written = self.resources.get(group);
            let is_read = |plural: &&String| written.is_none_or(|written| !written.contains(*plural));
            let plurals: Vec<&str> = plurals.iter().filter(is_read).map(String::as_str).collect();
            (!plurals.is_empty()).then(|| rule(group, &plurals.join(", "), Feature::Scan.verbs()))
        };
        read.iter().filter_map(unwritten).collect()
    }

    fn role(&self, name: &str, verbs: &str) -> String {
        let mut out =
            format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules:\n");
        for (group, plurals) in &self.resources {
            let list = plurals.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            out.push_str(&rule(group, &list, verbs));
        }
        for kind in &self.unknown {
            // The plural is known to the cluster only; this is what most are called.
            let plural = format!("{}s", kind.kind.to_lowercase());
            let _ = writeln!(
                out,
                "- apiGroups: [\"{}\"]\n  resources: [{plural}]  # check with: kubectl api-resources --api-group={}\n  verbs: [{verbs}]",
                kind.group, kind.group
            );
        }
        out
    }
}

fn rule(group: &str, resources: &str, verbs: &str) -> String {
    format!("- apiGroups: [\"{group}\"]\n  resources: [{resources}]\n  verbs: [{verbs}]\n")
}

/// True for what the kind or the group of a resource can be.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}
