//! What a source holds and was not read.

use std::fmt;

use crate::render::Renderer;

/// Something in a source that was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Its path, relative to the source, or to the repository for an export.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why something was left out, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// A submodule: its files are in another repository.
    Submodule,
    /// A symbolic link that is not followed.
    Link {
        /// What the link says.
        target: String,
        /// What is wrong with it.
        fault: LinkFault,
    },
    /// A file kept by Git LFS, outside the source's path.
    LargeFilePointer,
    /// A file that is too large, outside the source's path.
    TooLarge,
    /// A folder whose files are rendered before they are applied.
    Rendered(Renderer),
    /// A pipe, a socket or a device with a manifest's name.
    Special,
    /// A file or folder that cannot be read, and why.
    Unreadable(String),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submodule => f.write_str("a submodule: name its repository as a source of its own"),
            Self::Link { target, fault } => {
                write!(f, "a symbolic link to {target}: it {fault}; make it a real file")
            }
            Self::LargeFilePointer => f.write_str("kept by Git LFS: not fetched"),
            Self::TooLarge => f.write_str("too large"),
            Self::Rendered(Renderer::Kustomize) => f.write_str("a kustomization: name it as a source of its own"),
            Self::Rendered(Renderer::Helm) => f.write_str("a chart: name it as a source of its own"),
            Self::Special => f.write_str("no regular file"),
            Self::Unreadable(reason) => write!(f, "it cannot be read: {reason}"),
        }
    }
}

/// What is wrong with a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkFault {
    /// Its target is an absolute path, which a repository cannot know.
    Absolute,
    /// Its target lies outside the repository.
    LeavesRepository,
    /// Its target lies outside the folder on disk that is the source.
    LeavesSource,
    /// Its target does not exist.
    Missing,
    /// It leads to itself.
    Loop,
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "has an absolute target",
            Self::LeavesRepository => "leads out of the repository",
            Self::LeavesSource => "leads out of the source",
            Self::Missing => "has no target",
            Self::Loop => "leads to itself",
        })
    }
}
