//! Where a request may go, and what stays inside.

pub mod locality;
