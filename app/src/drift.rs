//! The stories of drift: scanning, so far.

pub(crate) mod examiner;
mod live;
pub(crate) mod scan;
