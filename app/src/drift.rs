//! The stories of drift: scanning, so far.

pub(crate) mod examiner;
pub(crate) mod scan;
