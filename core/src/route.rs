//! Where a request goes, and what becomes of it: what it is for and whether it stays inside, whom it is asked of, and how they
//! answer and fail.

pub mod breaker;
pub mod chain;
pub mod failure;
pub mod intent;
pub mod locality;
pub mod provider;
