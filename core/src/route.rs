//! Where a request goes, and what becomes of it: what it is for and whether it stays inside, what of it is shown, whom it is
//! asked of, how they answer and fail, and what is written down of it.

pub mod audit;
pub mod breaker;
pub mod budget;
pub mod chain;
pub mod completion;
pub mod dialect;
pub mod failure;
pub mod framing;
pub mod intent;
pub mod locality;
pub mod network_policy;
pub mod provider;
pub mod redaction;
pub mod shape;
pub mod thinking;
