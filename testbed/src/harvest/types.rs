//! The built-in types: structs with their fields, and which of them are kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Every struct type by its name, as in `apps.v1.Deployment`.
#[derive(Debug, Clone, Default)]
pub struct Types {
    /// The structs.
    pub structs: BTreeMap<String, Struct>,
}

/// A struct type.
#[derive(Debug, Clone, Default)]
pub struct Struct {
    /// Whether an apply replaces it as one value.
    pub atomic: bool,
    /// Its fields by name.
    pub fields: BTreeMap<String, Field>,
    /// The strings among them that are one word of a few.
    pub choices: BTreeSet<String>,
    /// Set if it is the type of an object.
    pub kind: Option<Kind>,
}

/// What makes a struct the type of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The resource's plural name, as in a request's path.
    pub plural: String,
    /// Whether its objects have no namespace.
    pub cluster: bool,
}

/// The type of a field, an element or a map's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Not looked into.
    Scalar(Scalar),
    /// Another struct.
    Struct {
        /// Its name.
        name: String,
        /// Whether this field, not the struct itself, is declared atomic.
        atomic: bool,
    },
    /// A list.
    List {
        /// What it holds.
        element: Box<Self>,
        /// How its elements are told apart.
        identity: Identity,
    },
    /// A map with any keys.
    Map {
        /// What it holds.
        value: Box<Self>,
        /// Whether an apply replaces it as one value.
        atomic: bool,
    },
}

/// A value without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word it is written as")]
pub enum Scalar {
    String,
    Integer,
    Number,
    Boolean,
    Bytes,
    Quantity,
    IntOrString,
    Time,
    Any,
}

/// How the elements of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// They are not; the list is one value.
    Atomic,
    /// By their value.
    Set,
    /// By these fields.
    Keys(Vec<String>),
}

impl Types {
    /// The struct of this name.
    pub fn get(&self, name: &str) -> Option<&Struct> {
        self.structs.get(name)
    }

    /// The struct of an object, with its name.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<(&str, &Kind)> {
        self.structs.iter().find_map(|(name, known)| {
            let found = known.kind.as_ref()?;
            (found.kind == kind && found.api_version() == api_version).then_some((name.as_str(), found))
        })
    }
}

impl Kind {
    /// As in a manifest: `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of the collection in a namespace (which a cluster-scoped kind ignores).
    pub fn collection(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let scope = if self.cluster { String::new() } else { format!("namespaces/{namespace}/") };
        format!("{root}/{}/{scope}{}", self.api_version(), self.plural)
    }

    /// Group and kind, as in `apps/Deployment`, `/Pod`.
    pub fn group_kind(&self) -> String {
        format!("{}/{}", self.group, self.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = if self.cluster { " cluster" } else { "" };
        write!(f, "{}/{}/{} {}{cluster}", self.group, self.version, self.kind, self.plural)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |atomic: &bool| if *atomic { "!" } else { "" };
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.word()),
            Self::Struct { name, atomic } => write!(f, "{name}{}", mark(atomic)),
            Self::Map { value, atomic } => write!(f, "<{value}>{}", mark(atomic)),
            Self::List { element, identity: Identity::Atomic } => write!(f, "[{element}]"),
            Self::List { element, identity: Identity::Set } => write!(f, "[{element}]="),
            Self::List { element, identity: Identity::Keys(keys) } => write!(f, "[{element}]{{{}}}", keys.join(",")),
        }
    }
}

impl Scalar {
    /// How the catalogue writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Bytes => "bytes",
            Self::Quantity => "quantity",
            Self::IntOrString => "intstr",
            Self::Time => "time",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for Types {
    /// The lines of `types.txt`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, known) in &self.structs {
            write!(f, "type {name}")?;
            if let Some(kind) = &known.kind {
                write!(f, " {kind}")?;
            }
            writeln!(f, "{}", if known.atomic { " !" } else { "" })?;
            for (field, of) in &known.fields {
                writeln!(f, "  {field} {of}")?;
            }
        }
        Ok(())
    }
}
