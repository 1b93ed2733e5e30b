//! Answers of providers, read from their bytes: the recorded shapes, and what they become when they are cut anywhere.

mod answers;
mod cutting;
mod requests;
