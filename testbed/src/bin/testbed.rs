//! Servers of tests for the command line: `testbed up` holds a control plane until its standard input closes or a signal
//! comes, `testbed postgres` a database until a run of tests is over.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anchorwatch_testbed::{Binaries, ControlPlane, Options, Person, Postgres};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How often is looked whether a run of tests is over.
const POLL: Duration = Duration::from_millis(50);

const USAGE: &str = "usage: testbed up     build what is missing, start everything, print the kubeconfig's path, hold
       testbed build  only build
       testbed postgres COMMAND [ARGUMENT]...
                      run tests whose services remember in a PostgreSQL, each in a database of its own";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["up"] => up(),
        ["build"] => build(),
        ["postgres", program, ref arguments @ ..] => postgres(program, arguments),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn build() -> Done {
    let binaries = Binaries::find_or_build()?;
    writeln!(io::stdout(), "{}", binaries.folder().display())?;
    Ok(())
}

fn up() -> Done {
    let (end, ended) = channel();
    // Before the start, so that a signal during it still stops what has begun.
    end_on_signal(end.clone())?;
    let plane = ControlPlane::start(&Options::whole())?;
    writeln!(io::stdout(), "{}", plane.kubeconfig(Person::Admin).display())?;
    end_with_stdin(end);
    ended.recv()?;
    Ok(())
}

fn postgres(program: &str, arguments: &[&str]) -> Done {
    let (end, ended) = channel();
    end_on_signal(end)?;
    let Some(server) = Postgres::start()? else {
        writeln!(
            io::stderr(),
            "skipped: PostgreSQL is not installed (Debian: postgresql-15): {program} is not run on it"
        )?;
        return Ok(());
    };
    let mut command = anchorwatch_testbed::command(program);
    command.args(arguments);
    anchorwatch_testbed::remember_there(&mut command, &server.url());
    let mut run = command.spawn()?;
    let status = loop {
        if let Some(status) = run.try_wait()? {
            break status;
        }
        if ended.recv_timeout(POLL).is_ok() {
            run.kill()?;
        }
    };
    if status.success() { Ok(()) } else { Err(format!("{program}: {status}").into()) }
}

fn end_on_signal(end: Sender<()>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = end.send(());
        }
    });
    Ok(())
}

fn end_with_stdin(end: Sender<()>) {
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock().take(u64::MAX), &mut io::sink());
        let _ = end.send(());
    });
}
