//! The seeds: manifests of ours that show the server every field worth learning about.
//!
//! A document may carry a `harvest` key that is not sent: `optional: true` for a kind that not every minor serves,
//! `template: /json/pointer` in a workload that stands for itself with every Pod seed as its template (and
//! `restartPolicy`, what such a template must say), `only: [Kind, …]` in a Pod seed that not every workload takes,
//! `allocates: true` where a dry run makes up what a real creation would draw from a pool.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::HarvestError;
use super::types::{Kind, Types};

/// The namespace that seeds without one are sent to.
const NAMESPACE: &str = "default";

/// One object to be sent.
#[derive(Debug, Clone)]
pub struct Seed {
    /// What it is called in messages.
    pub label: String,
    /// The object.
    pub object: Value,
    /// The type of the object.
    pub type_name: String,
    /// Group and kind.
    pub group_kind: String,
    /// Where it is sent.
    pub collection: String,
    /// Whether only a real creation shows what it gets.
    pub allocates: bool,
}

/// Reads every seed of a folder; workloads with a template come back once for each Pod.
pub fn read(folder: &Path, types: &Types) -> Result<Vec<Seed>, HarvestError> {
    let mut documents = Vec::new();
    for file in yaml_files(folder)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let read = fs::read_to_string(&file).map_err(|failure| failure.to_string());
        let parsed = read.and_then(|text| parse(&text));
        let parsed = parsed.map_err(|message| HarvestError::SeedFile { file: file.display().to_string(), message })?;
        documents.extend(parsed.into_iter().map(|document| Document::new(&name, document)));
    }
    let pods: Vec<Document> = documents.iter().filter(|document| document.kind() == "Pod").cloned().collect();
    let mut seeds = Vec::new();
    for document in &documents {
        let expanded = document.with_templates(&pods);
        for document in expanded {
            seeds.extend(document.into_seed(types)?);
        }
    }
    Ok(seeds)
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, HarvestError> {
    let file_error = |source| HarvestError::File { attempted: "list", file: folder.display().to_string(), source };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(file_error)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    Ok(files)
}

fn parse(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|failure| failure.to_string())?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// A document of a seed file, with its `harvest` key set apart.
#[derive(Debug, Clone)]
struct Document {
    label: String,
    object: Value,
    directions: Value,
}

impl Document {
    fn new(file: &str, mut object: Value) -> Self {
        let directions = object.as_object_mut().and_then(|fields| fields.shift_remove("harvest")).unwrap_or_default();
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        let label = format!("{file} {} {}", kind.as_str().unwrap_or("?"), name.as_str().unwrap_or("?"));
        Self { label, object, directions }
    }

    fn kind(&self) -> &str {
        self.object["kind"].as_str().unwrap_or_default()
    }

    fn takes(&self, workload: &str) -> bool {
        let only = self.directions["only"].as_array();
        only.is_none_or(|only| only.iter().any(|kind| kind == workload))
    }

    /// Itself, or the workload around each Pod.
    fn with_templates(&self, pods: &[Self]) -> Vec<Self> {
        let Some(place) = self.directions["template"].as_str() else {
            let alone = self.kind() != "Pod" || self.takes("Pod");
            return alone.then(|| self.clone()).into_iter().collect();
        };
        let suitable = pods.iter().filter(|pod| pod.takes(self.kind()));
        suitable.map(|pod| self.around(pod, place)).collect()
    }

    fn around(&self, pod: &Self, place: &str) -> Self {
        let mut workload = self.clone();
        workload.label = format!("{} around {}", self.label, pod.label);
        workload.object["metadata"]["name"] = pod.object["metadata"]["name"].clone();
        let mut metadata = pod.object["metadata"].clone();
        if let Some(fields) = metadata.as_object_mut() {
            fields.shift_remove("name");
        }
        let mut template = json!({"metadata": metadata, "spec": pod.object["spec"].clone()});
        let policy = &self.directions["restartPolicy"];
        if !policy.is_null() && template["spec"]["restartPolicy"].is_null() {
            template["spec"]["restartPolicy"] = policy.clone();
        }
        let (parent, field) = place.rsplit_once('/').unwrap_or_default();
        if let Some(parent) = workload.object.pointer_mut(parent) {
            parent[field] = template;
        }
        workload
    }

    fn into_seed(self, types: &Types) -> Result<Option<Seed>, HarvestError> {
        let api_version = self.object["apiVersion"].as_str().unwrap_or_default();
        let kind = format!("{api_version} {}", self.kind());
        match types.of_kind(api_version, self.kind()) {
            Some((type_name, found)) => Ok(Some(self.seed_of(type_name, found))),
            None if self.directions["optional"] == true => Ok(None),
            None => Err(HarvestError::NotServed { seed: self.label, kind }),
        }
    }

    fn seed_of(&self, type_name: &str, kind: &Kind) -> Seed {
        let namespace = self.object["metadata"]["namespace"].as_str().unwrap_or(NAMESPACE);
        Seed {
            label: self.label.clone(),
            object: self.object.clone(),
            type_name: type_name.to_owned(),
            group_kind: kind.group_kind(),
            collection: kind.collection(namespace),
            allocates: self.directions["allocates"] == true,
        }
    }
}
