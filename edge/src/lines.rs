//! Text files that are read line by line, however long they are.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// The longest line that is read, in bytes.
const LONGEST: u64 = 16 << 20;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// It was opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line is longer than any that makes sense.
    #[error("line {line} of {} is longer than {LONGEST} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its number, from 1 on.
        line: u64,
    },
}

/// Gives each line with its number, without its end. What is no UTF-8 becomes U+FFFD.
pub fn each_line(path: &Path, mut each: impl FnMut(u64, &str)) -> Result<(), LinesError> {
    let fail = |source| LinesError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(BUFFER, File::open(path).map_err(fail)?);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes).map_err(fail)?;
        if read == 0 {
            break;
        }
        if read as u64 == LONGEST {
            return Err(LinesError::TooLong { path: path.to_owned(), line });
        }
        each(line, String::from_utf8_lossy(&bytes).trim_ascii_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_numbers_and_none_is_endless() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        std::fs::write(&file, b"one\r\n\n\xfftwo").unwrap();
        let mut lines = Vec::new();
        each_line(&file, |number, line| lines.push((number, line.to_owned()))).unwrap();
        assert_eq!(lines, [(1, "one".to_owned()), (2, String::new()), (3, "\u{fffd}two".to_owned())]);
        std::fs::write(&file, vec![b'x'; 17 << 20]).unwrap();
        assert!(matches!(each_line(&file, |_, _| ()), Err(LinesError::TooLong { line: 1, .. })));
        assert!(matches!(each_line(&folder.path().join("none"), |_, _| ()), Err(LinesError::Read { .. })));
    }
}
