//! The raw items of a LIST body or of a recorded snapshot, unparsed but for their heads.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Just enough of an object to know which one it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawHead<'a> {
    /// `apiVersion`; empty in the items of a typed LIST.
    #[serde(borrow, default)]
    pub api_version: Cow<'a, str>,
    /// `kind`; empty in the items of a typed LIST.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
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
    pub name: Cow<'a, str>,
    /// Namespace.
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    /// Opaque state.
    #[serde(borrow, default)]
    pub resource_version: Cow<'a, str>,
}

/// Why an item is none of its list.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// Its head cannot be read.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// The reader of a struct would take an array, too.
    #[error("it is no object")]
    NoObject,
    /// It says to be something else.
    #[error("it says to be {0}")]
    OfAnotherKind(String),
}

/// Reads the head of a typed LIST's item, which mostly names neither `apiVersion` nor `kind`, and no other ones.
pub fn head_of_item<'a>(raw: &'a str, api_version: &str, kind: &str) -> Result<RawHead<'a>, ItemError> {
    if !raw.starts_with('{') {
        return Err(ItemError::NoObject);
    }
    let head: RawHead<'_> = serde_json::from_str(raw)?;
    let fits = |said: &str, listed: &str| said.is_empty() || said == listed;
    if !fits(&head.kind, kind) || !fits(&head.api_version, api_version) {
        return Err(ItemError::OfAnotherKind(format!("{} {}", head.api_version, head.kind)));
    }
    Ok(head)
}

/// One page of a LIST, taken apart into its items.
#[derive(Debug, Clone)]
pub struct ListPage {
    items: Vec<Range<usize>>,
    /// Token of the next page; `None` on the last one.
    pub next: Option<String>,
    /// The state of the cluster that the list shows, the same on each of its pages; empty where the server names none.
    pub resource_version: String,
    text: String,
}

/// Why a body is no page of a LIST.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Not UTF-8.
    #[error("the list is not UTF-8")]
    NotText(#[from] std::string::FromUtf8Error),
    /// Not an object.
    #[error("the list is no JSON object")]
    NoObject,
    /// Something else, such as a proxy's own answer: it would look like an empty list.
    #[error("it is no list with items: kind {0:?}")]
    NoList(String),
    /// Not a list in JSON.
    #[error("the list cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl ListPage {
    /// Reads a body.
    pub fn parse(body: Vec<u8>) -> Result<Self, PageError> {
        let text = String::from_utf8(body)?;
        // The reader of a struct would take an array, too, and find nothing in it.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(PageError::NoObject);
        }
        let RawList { kind, items, metadata } = serde_json::from_str(&text)?;
        let (true, Some(items)) = (kind.ends_with("List"), items) else {
            return Err(PageError::NoList(kind.chars().take(100).collect()));
        };
        let within = |raw: &RawValue| {
            let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
            start..start + raw.get().len()
        };
        let items = items.into_iter().map(within).collect();
        let next = metadata.next.filter(|token| !token.is_empty());
        Ok(Self { items, next, resource_version: metadata.resource_version, text })
    }

    /// The items' texts.
    pub fn items(&self) -> impl ExactSizeIterator<Item = &str> {
        self.items.iter().map(|range| &self.text[range.clone()])
    }
}

#[derive(Deserialize)]
struct RawList<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    metadata: ListMetadata,
    /// Nothing where there are none at all; `null` is how Go writes an empty list.
    #[serde(borrow, default, deserialize_with = "null_as_empty")]
    items: Option<Vec<&'a RawValue>>,
}

fn null_as_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    let items: Option<Vec<&'de RawValue>> = Option::deserialize(deserializer)?;
    Ok(Some(items.unwrap_or_default()))
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default, rename = "resourceVersion")]
    resource_version: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_another_kind_is_none_of_the_list() {
        for (raw, right) in [
            (r#"{"metadata":{"name":"a"}}"#, true),
            (r#"{"apiVersion":"v1","kind":"ConfigMap"}"#, true),
            (r#"{"apiVersion":"v1","kind":"Secret"}"#, false),
            (r#"{"apiVersion":"example.com/v1","kind":"ConfigMap"}"#, false),
            ("5", false),
            ("[]", false),
        ] {
            assert_eq!(head_of_item(raw, "v1", "ConfigMap").is_ok(), right, "{raw}");
        }
    }

    #[test]
    fn a_page_knows_its_items_and_the_next_page() {
        let page = |body: &str| ListPage::parse(body.as_bytes().to_vec());
        let first = page(
            r#" {"kind":"PodList","metadata":{"continue":"abc","resourceVersion":"7"},"items":[{"a":1}, {"b":"ü"}]}"#,
        )
        .unwrap();
        assert_eq!(first.resource_version, "7");
        assert_eq!(first.items().collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"b":"ü"}"#]);
        assert_eq!(first.next.as_deref(), Some("abc"));
        let last = page(r#"{"kind":"PodList","metadata":{"continue":""},"items":null}"#).unwrap();
        assert_eq!((last.items().len(), last.next.as_deref()), (0, None));
        assert!(matches!(page("[]"), Err(PageError::NoObject)));
        assert!(matches!(page(r#"{"items":[{"a":1}"#), Err(PageError::Malformed(_))));
        for other in [r#"{"code":0,"msg":"please log in"}"#, r#"{"kind":"Status","items":[]}"#, r#"{"kind":"PodList"}"#]
        {
            assert!(matches!(page(other), Err(PageError::NoList(_))), "{other}");
        }
        assert!(matches!(ListPage::parse(vec![b'{', 0xff]), Err(PageError::NotText(_))));
    }
}
