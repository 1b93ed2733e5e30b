//! The stories of drift: scanning, and rolling back.

mod confirm;
pub(crate) mod examiner;
mod ground;
mod live;
mod past;
pub(crate) mod record;
pub(crate) mod rollback;
pub(crate) mod scan;
pub(crate) mod side;
pub(crate) mod source;
mod unlisted;
mod unstable;
pub(crate) mod watch;
