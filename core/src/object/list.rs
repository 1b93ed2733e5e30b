//! The raw items of a LIST body or of a recorded snapshot, unparsed but for their heads.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Just enough of an object to know which one it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawHead<'a> {
    /// `apiVersion`; empty in the items of a typed LIST.
    #[serde(borrow, default)]
    pub api_version: std::borrow::Cow<'a, str>,
    /// `kind`; empty in the items of a typed LIST.
    #[serde(borrow, default)]
    pub kind: std::borrow::Cow<'a, str>,
    /// Name, namespace and resourceVersion.
    #[serde(borrow, default)]
    pub metadata: RawMetadata<'a>,
}

/// The part of `metadata` that says which object it is, in which state.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawMetadata<'a> {
    /// Name.
    #[serde(borrow, default)]
    pub name: std::borrow::Cow<'a, str>,
    /// Namespace.
    #[serde(borrow, default)]
    pub namespace: std::borrow::Cow<'a, str>,
    /// Opaque state.
    #[serde(borrow, default)]
    pub resource_version: std::borrow::Cow<'a, str>,
}

/// A LIST body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawList<'a> {
    /// `apiVersion` of the list.
    #[serde(default)]
    pub api_version: String,
    /// Kind of the list, such as `DeploymentList`.
    #[serde(default)]
    pub kind: String,
    /// Resource version and where to go on.
    #[serde(default)]
    pub metadata: ListMetadata,
    /// The items.
    #[serde(borrow, default)]
    pub items: Option<Vec<&'a RawValue>>,
}

/// Metadata of a LIST.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMetadata {
    /// State of the whole list.
    #[serde(default)]
    pub resource_version: String,
    /// Token of the next page; empty on the last one.
    #[serde(default, rename = "continue")]
    pub next: Option<String>,
}

/// Takes a document apart: a `List`'s items, or the one object that it is.
pub fn items(json: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    // An object with a field `items` that is no list is no `List` either.
    if let Ok(RawList { kind, items: Some(items), .. }) = serde_json::from_str::<RawList<'_>>(json)
        && kind.ends_with("List")
    {
        return Ok(items);
    }
    Ok(vec![serde_json::from_str(json)?])
}
