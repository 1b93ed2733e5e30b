//! What Anchorwatch decides: plain data in, plain data out. No IO, no clock, no async, no randomness.

pub mod change;
pub mod delivery;
pub mod drift;
pub mod guard;
pub mod notification;
pub mod object;
pub mod ownership;
pub mod route;
pub mod schema;
pub mod source;
