//! The private router: what was asked goes where it may, and the audit tells where it went.

pub(crate) mod audit;
