//! Signs of life on stderr, for scans that take longer than a moment.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How long a scan stays silent.
const PATIENCE: Duration = Duration::from_millis(300);

/// A spinner that comes after a moment, only on a terminal, and goes with this value.
pub(super) struct Progress(Option<(ProgressBar, std::sync::mpsc::Sender<()>)>);

impl Progress {
    /// Starts waiting.
    pub(super) fn start(quiet: bool, what: String) -> Self {
        if quiet || !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::hidden();
        let (done, waiting) = std::sync::mpsc::channel();
        let shown = bar.clone();
        std::thread::spawn(move || {
            // Ends at once when the sender is dropped.
            if waiting.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                shown.set_draw_target(indicatif::ProgressDrawTarget::stderr());
                shown.set_style(ProgressStyle::with_template(" {spinner} {msg} {elapsed}").expect("a valid template"));
                shown.set_message(what);
                shown.enable_steady_tick(Duration::from_millis(100));
            }
        });
        Self(Some((bar, done)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((bar, done)) = self.0.take() {
            drop(done);
            bar.finish_and_clear();
        }
    }
}
