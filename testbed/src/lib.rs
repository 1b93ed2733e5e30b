//! A real Kubernetes control plane for tests, and the tools that record from it.
//!
//! [`Binaries`] finds the programs or builds them from their Go modules, [`ControlPlane`] starts them on free ports in
//! a fresh folder and stops them again, [`harvest`] learns from a running API server what it adds to objects, and
//! [`record`] records what `anchorwatch demo` shows. [`Postgres`] is a database for tests of the store, of which
//! [`remember`] gives each service one of its own, [`Receiver`] a server for tests of what is sent, [`Chat`] a Telegram, [`Service`] a program that serves HTTP,
//! [`Llama`] a model, and [`python`] installs what comes from Python's package index.
//!
//! Nothing started here outlives its starter: dropping a [`ControlPlane`] stops and reaps every process, and if the
//! test process itself is killed the kernel kills them (see `process.rs`).

mod binaries;
mod client;
mod control_plane;
mod database;
pub mod harvest;
mod hexadecimal;
mod llama;
mod ports;
mod postgres;
mod process;
mod proxy;
pub mod python;
mod receiver;
pub mod record;
mod service;
mod telegram;

pub use binaries::{Binaries, BuildError, Tool};
pub use client::{Client, PatchKind};
pub use control_plane::{ControlPlane, ControlPlaneError, Options, Person};
pub use database::{remember, remember_there};
pub use llama::Llama;
pub use ports::free_ports;
pub use postgres::Postgres;
pub use process::{Server, command, find_on_path, run};
pub use receiver::{Received, Receiver, Reply};
pub use service::{Answer, Service};
pub use telegram::Chat;
