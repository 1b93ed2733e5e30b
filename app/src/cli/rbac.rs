//! `anchorwatch rbac`: the rights that a feature needs, ready for `kubectl apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use anchorwatch_core::object::GroupKind;
use anchorwatch_core::schema::catalogue;
use clap::ValueEnum;

use super::target;
use crate::drift::source;
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

/// What can be said on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct RbacArgs {
    /// What the rights are for.
    #[arg(long, value_enum)]
    feature: Feature,
    /// Only the kinds that this source mentions; without it, all built-in kinds but Secrets.
    #[arg(long, value_name = "SRC")]
    source: Option<String>,
    #[command(flatten)]
    reading: target::Reading,
    /// The ClusterRole's name.
    #[arg(long, default_value = "anchorwatch-scan")]
    name: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Feature {
    /// Compare: get and list.
    Scan,
}

pub(super) fn run(args: RbacArgs) -> Result<ExitCode, Failure> {
    let Feature::Scan = args.feature;
    let (schema, _) = catalogue::load(None);
    let mut resources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut unknown = Vec::new();
    match args.source {
        Some(address) => {
            let runtime = super::runtime()?;
            let request = args.reading.of(address);
            let scratch = tempfile::tempdir()
                .map_err(|e| Failure::new("cannot make a temporary folder").detail(e.to_string()))?;
            let read = runtime.block_on(source::read(&request, None, scratch.path()))?;
            let contents = read.contents(&target::secret_key(false)?);
            for object in &contents.objects {
                let kind = object.identity().group_kind;
                match schema.kind(object.head().api_version, &kind) {
                    Some(known) => {
                        resources.entry(kind.group).or_default().insert(known.plural.to_string());
                    }
                    // Anything else in here could smuggle rights into what people pipe to kubectl.
                    None if is_name(&kind.kind) && (kind.group.is_empty() || is_name(&kind.group)) => {
                        unknown.push(kind);
                    }
                    None => super::tell(&format!("warning: left out: {kind} is no kind that a cluster can have")),
                }
            }
        }
        None => {
            for (kind, known) in schema
                .all_kinds()
                .filter(|(kind, _)| kind.kind != "Secret" && !NOT_LISTED.contains(&kind.kind.as_str()))
            {
                resources.entry(kind.group.clone()).or_default().insert(known.plural.to_string());
            }
        }
    }
    // Replicas are judged by the bounds of the autoscaler.
    resources.entry("autoscaling".to_owned()).or_default().insert("horizontalpodautoscalers".to_owned());
    super::print(&role(&args.name, &resources, &unknown))?;
    Ok(ExitCode::SUCCESS)
}

/// True for what the kind or the group of a resource can be.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn role(name: &str, resources: &BTreeMap<String, BTreeSet<String>>, unknown: &[GroupKind]) -> String {
    let mut out =
        format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules:\n");
    for (group, plurals) in resources {
        let list = plurals.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "- apiGroups: [\"{group}\"]\n  resources: [{list}]\n  verbs: [get, list]");
    }
    let mut kinds: Vec<&GroupKind> = unknown.iter().collect();
    kinds.sort();
    kinds.dedup();
    for kind in kinds {
        // The plural is known to the cluster only; this is what most are called.
        let plural = format!("{}s", kind.kind.to_lowercase());
        let _ = writeln!(
            out,
            "- apiGroups: [\"{}\"]\n  resources: [{plural}]  # check with: kubectl api-resources --api-group={}\n  verbs: [get, list]",
            kind.group, kind.group
        );
    }
    out
}
