//! `anchorwatch audit export`

use std::io::{self, BufWriter, Write};

use anchorwatch_edge::store::AuditRow;
use serde_json::value::RawValue;

use super::file::Line;
use super::{Settings, each_page, look};
use crate::cli::output::Escaping;
use crate::cli::{printed, runtime};
use crate::failure::Failure;
use crate::serve::store_failure;

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let config = settings.read()?;
    let runtime = runtime()?;
    let look = runtime.block_on(look(&config)).map_err(|error| store_failure(&error))?;
    let checkpoints = runtime.block_on(look.checkpoints()).map_err(|error| store_failure(&error))?;
    let mut out = Lines { out: Escaping(BufWriter::new(io::stdout().lock())), is_closed: false };
    for text in checkpoints {
        out.write(&Line { checkpoint: Some(text.into()), ..Line::default() })?;
    }
    each_page(&runtime, look, |page| page.iter().try_for_each(|row| out.row(row)))?;
    printed(out.out.flush())
}

struct Lines<W: Write> {
    out: Escaping<BufWriter<W>>,
    /// A reader that went away gets nothing more.
    is_closed: bool,
}

impl<W: Write> Lines<W> {
    fn row(&mut self, row: &AuditRow) -> Result<(), Failure> {
        // Bodies are written in printable ASCII; anything else is a text that says what is there.
        let is_body = row.body.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let body = if is_body { serde_json::from_str::<&RawValue>(&row.body).ok() } else { None };
        self.write(&Line {
            checkpoint: None,
            row: body.filter(|body| body.get().len() == row.body.len()),
            text: if body.is_none() { Some(row.body.as_str().into()) } else { None },
            hash: Some(row.hash.as_str().into()),
            seal: row.seal.as_deref().map(Into::into),
        })
    }

    fn write(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        if self.is_closed {
            return Ok(());
        }
        let written = serde_json::to_writer(&mut self.out, line).map_err(io::Error::from);
        let written = written.and_then(|()| self.out.write_all(b"\n"));
        self.is_closed = written.is_err();
        printed(written)
    }
}
