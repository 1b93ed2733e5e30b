//! The stories of drift: scanning, rolling back, adopting.

pub(crate) mod adopt;
mod confirm;
pub(crate) mod examiner;
mod ground;
mod live;
mod meant;
mod past;
pub(crate) mod record;
pub(crate) mod rollback;
pub(crate) mod scan;
pub(crate) mod side;
pub(crate) mod source;
mod unlisted;
mod unstable;
pub(crate) mod watch;
