//! Positions in a text: lines, columns, and what lies between values. All are byte offsets.

use std::ops::Range;

/// One change of a text.
#[derive(Debug, Clone)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Splice {
    pub(super) fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }

    pub(super) fn apply(&self, text: &str) -> String {
        [&text[..self.range.start], &self.text, &text[self.range.end..]].concat()
    }
}

/// Where a text begins, behind its byte order mark.
pub(super) fn top(text: &str) -> usize {
    text.len() - text.trim_start_matches('\u{feff}').len()
}

/// Where the line of a position starts.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    if start == 0 { top(text) } else { start }
}

/// Where the line of a position ends, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    if end > at && text[..end].ends_with('\r') && end < text.len() { end - 1 } else { end }
}

/// Where the next line starts; the text's end after the last one.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Characters before a position on its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    text[line_start(text, at).min(at)..at].chars().count()
}

/// 1-based number of the line of a position.
pub(super) fn line_number(text: &str, at: usize) -> u32 {
    let newlines = text[..at].matches('\n').count();
    u32::try_from(newlines + 1).unwrap_or(u32::MAX)
}

/// True if a value starts its own line: only blanks stand before it.
pub(super) fn starts_line(text: &str, at: usize) -> bool {
    text[line_start(text, at).min(at)..at].bytes().all(|b| b == b' ' || b == b'\t')
}

/// The line of a position without its blanks before and after.
pub(super) fn line(text: &str, at: usize) -> &str {
    text[line_start(text, at)..line_end(text, at)].trim()
}

/// The first position behind blanks of one line.
pub(super) fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start_matches([' ', '\t']).len()
}

/// The first position behind blanks, line breaks and comments.
pub(super) fn skip(text: &str, mut at: usize) -> usize {
    loop {
        let next = text.len() - text[at..].trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']).len();
        let comment = text[next..].starts_with('#') && (next == 0 || text[..next].ends_with(char::is_whitespace));
        if !comment {
            return next;
        }
        at = line_end(text, next);
    }
}

/// The first position behind blanks, comments, anchors and tags.
pub(super) fn skip_properties(text: &str, at: usize) -> usize {
    let mut at = skip(text, at);
    while text[at..].starts_with(['&', '!']) {
        at = skip(text, word_end(text, at));
    }
    at
}

/// Where an anchor or a tag ends.
pub(super) fn word_end(text: &str, at: usize) -> usize {
    if text[at..].starts_with("!<") {
        return text[at..].find('>').map_or(text.len(), |end| at + end + 1);
    }
    text[at..].find([' ', '\t', '\r', '\n', ',', ']', '}']).map_or(text.len(), |end| at + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_found_with_every_line_end() {
        let text = "\u{feff}a: é x\r\n  b: 1\nc";
        assert_eq!(column(text, text.find('x').unwrap()), 5);
        assert_eq!(&text[line_start(text, 5)..line_end(text, 5)], "a: é x");
        assert_eq!(&text[next_line(text, 5)..], "  b: 1\nc");
        assert_eq!(line_end(text, text.len()), text.len());
        assert_eq!(line_number(text, text.len()), 3);
    }

    #[test]
    fn comments_and_properties_are_no_values() {
        let text = " # a\n\n  &x !!str # b\n  v#1";
        assert_eq!(&text[skip_properties(text, 0)..], "v#1");
        assert_eq!(&text[skip(text, 0)..skip(text, 0) + 2], "&x");
    }
}
