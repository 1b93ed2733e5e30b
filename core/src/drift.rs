//! Drift, one object at a time: compare → differences, judge → origin, grade → level; a report last.

pub mod audit;
pub mod compare;
mod equal;
pub mod examine;
pub(crate) mod filled;
pub mod item;
pub mod level;
pub mod lifecycle;
pub mod mask;
pub mod origin;
pub mod policy;
pub mod report;
pub mod rules;
mod system;
pub mod unmanaged;

pub use compare::{Change, Difference, compare};
pub use item::DriftItem;
pub use level::DriftLevel;
pub use origin::Origin;
pub use report::DriftReport;
