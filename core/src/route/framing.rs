//! How a stream is cut into messages: lines of JSON, or server-sent events. Chunks may be cut anywhere.

use super::failure::Failure;

/// Bytes of one message.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

/// How a stream is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each line is a message (NDJSON).
    Lines,
    /// Server-sent events, as the HTML standard has them (9.2.6); a last event needs no empty line after it.
    Events,
}

/// Cuts a stream into messages.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    limit: usize,
    /// A line that has no end yet.
    line: Vec<u8>,
    /// True after a carriage return, to which a line feed would belong.
    returned: bool,
    /// True once a line was read, before which there may be a mark of the byte order.
    begun: bool,
    /// The data of an event that has no end yet.
    data: Option<String>,
}

impl Frames {
    /// With messages no longer than so many bytes.
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self { framing, limit, line: Vec::new(), returned: false, begun: false, data: None }
    }

    /// Reads a chunk, and gives each message that is whole by then. After a failure there is nothing more to read.
    pub fn push(&mut self, chunk: &[u8], each: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        let mut rest = chunk;
        if self.returned && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        if !chunk.is_empty() {
            self.returned = false;
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.take(&rest[..end])?;
            let returned = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if returned {
                self.returned = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            self.end_line(each)?;
        }
        self.take(rest)
    }

    /// Gives what is whole only because nothing follows it.
    pub fn finish(&mut self, each: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        self.end_line(each)?;
        if let Some(data) = self.data.take() {
            each(&data);
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.line.extend_from_slice(bytes);
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if held > self.limit { Err(Failure::TooLarge(self.limit)) } else { Ok(()) }
    }

    fn end_line(&mut self, each: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        let line = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&line).map_err(|_| Failure::Unreadable("it is no UTF-8".to_owned()))?;
        let line = if self.begun { line } else { line.strip_prefix('\u{feff}').unwrap_or(line) };
        self.begun = true;
        match self.framing {
            Framing::Lines if line.trim().is_empty() => {}
            Framing::Lines => each(line),
            Framing::Events => self.field(line, each),
        }
        Ok(())
    }

    /// Only the data of an event is read: OpenAI's API tells all else in it, errors too.
    fn field(&mut self, line: &str, each: &mut dyn FnMut(&str)) {
        if line.is_empty() {
            if let Some(data) = self.data.take() {
                each(&data);
            }
            return;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name != "data" {
            return;
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framing: Framing, chunks: &[&[u8]]) -> Result<Vec<String>, Failure> {
        let mut frames = Frames::new(framing, 40);
        let mut messages = Vec::new();
        for chunk in chunks {
            frames.push(chunk, &mut |message| messages.push(message.to_owned()))?;
        }
        frames.finish(&mut |message| messages.push(message.to_owned()))?;
        Ok(messages)
    }

    #[test]
    fn events_are_read_as_the_standard_has_them() {
        for (stream, messages) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("\u{feff}data: a\r\n\r\ndata:b\r\rdata: c", vec!["a", "b", "c"]),
            (": ping\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n: ping\n\n", vec!["a"]),
            ("data: a\ndata:  b\n\n", vec!["a\n b"]),
            ("data\n\ndata:\n\n", vec!["", ""]),
            ("event: only\n\n\n\n", vec![]),
            ("database: no\n\n", vec![]),
        ] {
            assert_eq!(all(Framing::Events, &[stream.as_bytes()]).unwrap(), messages, "{stream:?}");
        }
    }

    #[test]
    fn lines_need_no_last_end() {
        let whole = all(Framing::Lines, &[b"{\"a\":", b"1}\r", b"\n\n {}\n{\"b\"", b":2}"]).unwrap();
        assert_eq!(whole, ["{\"a\":1}", " {}", "{\"b\":2}"]);
    }

    #[test]
    fn what_has_no_end_or_is_no_text_fails() {
        let long = [b'x'; 41];
        assert_eq!(all(Framing::Lines, &[&long]), Err(Failure::TooLarge(40)));
        assert_eq!(all(Framing::Events, &[b"data: xxxxxxxxxxxxxxxxx\n", &long[..30]]), Err(Failure::TooLarge(40)));
        assert!(matches!(all(Framing::Lines, &[b"\xff\n"]), Err(Failure::Unreadable(_))));
        assert_eq!(
            all(Framing::Lines, &["漂".as_bytes().split_at(1).0, "漂".as_bytes().split_at(1).1]).unwrap(),
            ["漂"]
        );
    }
}
