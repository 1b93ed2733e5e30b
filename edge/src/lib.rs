//! What Anchorwatch touches, one module per outside thing.

pub mod clock;
pub mod cluster;
pub mod files;
pub mod forge;
pub mod git;
pub mod journal;
pub mod lines;
pub mod llm;
pub mod notify;
pub mod otlp;
pub mod outbound;
pub mod process;
pub mod render;
pub mod snapshot;
pub mod store;
pub mod tls;
