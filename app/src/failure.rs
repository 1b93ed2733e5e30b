//! Errors into words: what failed, where, why, what to do.

use std::error::Error;
use std::fmt::Write as _;

/// Whose it is to do something about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cause {
    /// Something that is needed did not answer as it should: Git, a cluster, a disk.
    #[default]
    Broken,
    /// Things are otherwise by now than whoever asked could know: to be looked at again.
    Conflict,
    /// It cannot be done at all as it is asked for, or set up.
    Unfit,
}

/// Something that ends a command.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Whose it is.
    pub(crate) cause: Cause,
    what: String,
    details: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    /// What failed.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { cause: Cause::default(), what: what.into(), details: Vec::new(), hint: None }
    }

    /// What failed, and the chain of reasons.
    pub(crate) fn because(error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(error.to_string());
        let mut source = error.source();
        while let Some(reason) = source {
            failure.details.push(reason.to_string());
            source = reason.source();
        }
        failure
    }

    /// What failed, as things are otherwise by now.
    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self { cause: Cause::Conflict, ..Self::new(what) }
    }

    /// What cannot be done at all.
    pub(crate) fn unfit(what: impl Into<String>) -> Self {
        Self { cause: Cause::Unfit, ..Self::new(what) }
    }

    /// Adds a line that says where or why.
    pub(crate) fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What failed and why, on one line.
    pub(crate) fn line(&self) -> String {
        let lines = self.what.lines().chain(self.details.iter().flat_map(|d| d.lines())).map(str::trim);
        crate::cli::plain(&lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; "))
    }

    /// What failed, why, and what to do, a line each; for the page and the API.
    pub(crate) fn body(&self) -> String {
        let text = self.text();
        text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
    }

    /// The text for a terminal, control characters made visible.
    pub(crate) fn text(&self) -> String {
        // What a tool said may have several lines.
        let mut what = self.what.lines();
        let mut text = format!("error: {}\n", crate::cli::plain(what.next().unwrap_or_default()));
        for line in what.chain(self.details.iter().flat_map(|d| d.lines())).filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(text, "  {}", crate::cli::plain(line));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "hint: {}", crate::cli::plain(hint));
        }
        text
    }
}
