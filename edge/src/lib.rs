//! What Anchorwatch touches, one module per outside thing.

pub mod clock;
pub mod files;
pub mod git;
pub mod snapshot;
