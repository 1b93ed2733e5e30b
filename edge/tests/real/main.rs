//! Rendering with the real kubectl and helm, which the testbed builds, fetching from real Git servers, a store on a real
//! PostgreSQL, following a real API server, and asking a real model.

#[cfg(test)]
#[path = "../it/audit_kill.rs"]
mod audit_kill;
#[cfg(test)]
#[path = "../it/audit_suite.rs"]
mod audit_suite;
#[cfg(test)]
#[path = "../it/fakes.rs"]
mod fakes;
#[cfg(test)]
mod git_remote;
#[cfg(test)]
mod git_servers;
#[cfg(test)]
mod llm;
#[cfg(test)]
#[path = "../it/outbox_suite.rs"]
mod outbox_suite;
#[cfg(test)]
#[path = "../it/permits.rs"]
mod permits;
#[cfg(test)]
mod render_fence;
#[cfg(test)]
mod render_helm;
#[cfg(test)]
mod render_kustomize;
#[cfg(test)]
mod render_trial;
#[cfg(test)]
#[path = "../it/repository.rs"]
#[expect(dead_code, reason = "shared with the quick tests, which need more of it")]
mod repository;
#[cfg(test)]
mod store;
#[cfg(test)]
#[path = "../it/store_suite.rs"]
mod store_suite;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod watch;
