//! `anchorwatch`: sees to it that a Kubernetes cluster does not drift from Git.

mod api;
mod cli;
mod config;
mod drift;
mod fail_point;
mod failure;
mod faults;
mod gateway;
mod index;
mod notify;
mod route;
mod secret;
mod serve;
mod shown;
mod telemetry;
mod ui;
mod words;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
