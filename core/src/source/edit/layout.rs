//! Where everything of one document stands: the values, the keys, dashes and colons before them.

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, StructureStyle};

use super::refusal::{Reason, Refusal, unreadable};
use super::span::{line_end, line_number, next_line, skip, skip_blanks, skip_properties, word_end};
use crate::object::value::MAX_DEPTH;
use crate::source::yaml;

/// A value as it stands in the text.
#[derive(Debug)]
pub(super) struct Spot {
    /// Behind the colon, the dash or the bracket that it belongs to.
    pub(super) from: usize,
    /// First byte of the value, behind anchor and tag. In a block map or list it is the first key or dash.
    pub(super) start: usize,
    /// Behind its last byte; the line break that ends it is not part of it.
    pub(super) end: usize,
    /// Number of its anchor; 0 without one.
    pub(super) anchor: usize,
    /// First byte of anchor and tag, where there are any.
    pub(super) properties: Option<usize>,
    pub(super) form: Form,
}

/// What kind of value it is.
#[derive(Debug)]
pub(super) enum Form {
    /// `indent` is the column of a block scalar's lines, where it has any.
    Scalar {
        style: ScalarStyle,
        indent: Option<usize>,
    },
    Alias(usize),
    List {
        flow: bool,
        items: Vec<Item>,
    },
    Map {
        flow: bool,
        entries: Vec<Entry>,
    },
}

/// An element of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// First byte of the element: its dash, or itself in a flow list.
    pub(super) start: usize,
    pub(super) spot: Spot,
}

/// An entry of a map.
#[derive(Debug)]
pub(super) struct Entry {
    /// First byte of the key, its anchor and tag included.
    pub(super) start: usize,
    /// The key; none for an alias.
    pub(super) key: Option<String>,
    pub(super) is_merge: bool,
    /// Written as `? key`.
    pub(super) explicit: bool,
    pub(super) spot: Spot,
}

/// An anchor of a document.
#[derive(Debug)]
pub(super) struct Anchor {
    pub(super) id: usize,
    pub(super) name: String,
}

/// One document.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: Spot,
    pub(super) anchors: Vec<Anchor>,
}

impl Spot {
    pub(super) fn is_flow(&self) -> bool {
        matches!(self.form, Form::List { flow: true, .. } | Form::Map { flow: true, .. })
    }

    /// True for maps and lists with a line or more of their own.
    pub(super) fn is_block(&self) -> bool {
        matches!(self.form, Form::List { flow: false, .. } | Form::Map { flow: false, .. })
    }

    /// True for `|` and `>`.
    pub(super) fn is_block_scalar(&self) -> bool {
        matches!(self.form, Form::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. })
    }

    /// True where nothing is written, which means null.
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end && matches!(self.form, Form::Scalar { .. })
    }

    /// The first byte of the value with its anchor and tag.
    pub(super) fn outset(&self) -> usize {
        self.properties.unwrap_or(self.start)
    }

    /// Every value in it, itself first.
    pub(super) fn each<'s>(&'s self, see: &mut impl FnMut(&'s Self)) {
        see(self);
        match &self.form {
            Form::List { items, .. } => items.iter().for_each(|item| item.spot.each(see)),
            Form::Map { entries, .. } => entries.iter().for_each(|entry| entry.spot.each(see)),
            Form::Scalar { .. } | Form::Alias(_) => {}
        }
    }
}

/// Where each document of a file lies, in the order that the reader counts them.
///
/// One reaches from the end of the one before to its own end; comments before its `---` belong to the one before.
pub(super) struct Extent {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its `---`, if it has one.
    pub(super) mark: Option<usize>,
}

/// Finds the documents of a file.
pub(super) fn extents(text: &str) -> Result<Vec<Extent>, Refusal> {
    let mut parser = parser(text);
    let (mut found, mut start, mut mark) = (Vec::new(), 0, None);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| unread(&error))?;
        match event {
            Event::DocumentStart(explicit, _) => mark = explicit.then(|| offset(span)).transpose()?,
            Event::DocumentEnd => {
                let end = span.end.byte_offset().ok_or_else(no_offsets)?;
                let end = if text[..end].ends_with("...") { next_line(text, end) } else { end };
                found.push(Extent { start, end, mark });
                start = end;
            }
            _ => {}
        }
    }
    if let Some(last) = found.last_mut() {
        last.end = text.len();
    }
    Ok(found)
}

/// Lays out the only document of a text.
pub(super) fn layout(text: &str) -> Result<Layout, Refusal> {
    let mut surveyor = Surveyor { text, parser: parser(text), anchors: Vec::new() };
    let mut from = 0;
    loop {
        let (event, span) = surveyor.event()?;
        match event {
            Event::StreamStart | Event::DocumentStart(false, _) => {}
            Event::DocumentStart(true, _) => from = span.end.byte_offset().ok_or_else(no_offsets)?,
            Event::StreamEnd | Event::DocumentEnd => return Err(Reason::NoPlace("document".to_owned()).at(0)),
            event => {
                let root = surveyor.spot(&event, span, from, 0)?;
                return Ok(Layout { root, anchors: surveyor.anchors });
            }
        }
    }
}

fn parser(text: &str) -> Parser<'_, StrInput<'_>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_anchor_events = true;
    options.block_scalar_eof_without_line_feed = true;
    Parser::new_from_str_with_options(text, options)
}

struct Surveyor<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    anchors: Vec<Anchor>,
}

impl<'a> Surveyor<'a> {
    fn event(&mut self) -> Result<(Event<'a>, Span), Refusal> {
        match self.parser.next_event() {
            Some(event) => event.map_err(|error| unread(&error)),
            None => Err(Reason::Unread("the document ends inside a value".to_owned()).at(0)),
        }
    }

    fn form(&self, at: usize, why: &'static str) -> Refusal {
        Reason::Form(why).at(line_number(self.text, at))
    }

    /// The anchor's event, which follows its node's.
    fn anchor(&mut self) -> Result<Option<(usize, usize)>, Refusal> {
        if !matches!(self.parser.peek(), Some(Ok((Event::Anchor(..), _)))) {
            return Ok(None);
        }
        let (Event::Anchor(id, name), span) = self.event()? else { return Ok(None) };
        self.anchors.push(Anchor { id, name: name.into_owned() });
        Ok(Some((offset(span)?, span.end.byte_offset().ok_or_else(no_offsets)?)))
    }

    fn spot(&mut self, event: &Event<'a>, span: Span, from: usize, depth: usize) -> Result<Spot, Refusal> {
        let (start, end) = (offset(span)?, span.end.byte_offset().ok_or_else(no_offsets)?);
        if depth > MAX_DEPTH {
            return Err(self.form(start, "values are nested too deep here"));
        }
        let anchor_at = self.anchor()?;
        let tag_at = span.tag_start.and_then(|mark| mark.byte_offset());
        let properties = anchor_at.map(|a| a.0).into_iter().chain(tag_at).min();
        let anchor = anchor_at.map_or(0, |_| self.anchors.last().map_or(0, |a| a.id));
        let behind = anchor_at.map(|a| a.1).into_iter().chain(tag_at.map(|t| word_end(self.text, t))).max();
        let spot = |start, end, form| Spot { from, start, end, anchor, properties, form };
        Ok(match event {
            Event::Alias(id) => spot(start, end, Form::Alias(*id)),
            Event::Scalar(_, style, ..) => {
                let form = Form::Scalar { style: *style, indent: span.indent };
                match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        let head = skip_properties(self.text, from);
                        if !self.text[head..].starts_with(['|', '>']) {
                            return Err(self.form(head, "a block scalar in an unusual place"));
                        }
                        let end = block_scalar_end(self.text, head, span.indent, end);
                        spot(head, end, form)
                    }
                    ScalarStyle::Plain if start == end => {
                        let at = behind.unwrap_or(from);
                        spot(at, at, form)
                    }
                    _ => spot(start, end, form),
                }
            }
            Event::SequenceStart(StructureStyle::Flow, ..) => {
                let (items, end) = self.flow_list(depth)?;
                spot(start, end, Form::List { flow: true, items })
            }
            Event::MappingStart(StructureStyle::Flow, ..) => {
                let (entries, end) = self.map(depth)?;
                spot(start, end, Form::Map { flow: true, entries })
            }
            Event::SequenceStart(..) => {
                let items = self.block_list(behind.unwrap_or(from), depth)?;
                let (first, last) =
                    (items.first().map_or(start, |i| i.start), items.last().map_or(start, |i| i.spot.end));
                spot(first, last, Form::List { flow: false, items })
            }
            Event::MappingStart(..) => {
                let (entries, _) = self.map(depth)?;
                let first = entries.first().map_or(start, |e| e.start);
                let last = entries.last().map_or(start, |e| e.spot.end);
                spot(first, last, Form::Map { flow: false, entries })
            }
            _ => return Err(self.form(start, "a value is missing here")),
        })
    }

    fn flow_list(&mut self, depth: usize) -> Result<(Vec<Item>, usize), Refusal> {
        let mut items = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd, span) => return Ok((items, span.end.byte_offset().ok_or_else(no_offsets)?)),
                (event, span) => {
                    let start = offset(span)?;
                    let spot = self.spot(&event, span, start, depth + 1)?;
                    items.push(Item { start: spot.outset(), spot });
                }
            }
        }
    }

    fn block_list(&mut self, from: usize, depth: usize) -> Result<Vec<Item>, Refusal> {
        let (mut items, mut at) = (Vec::new(), from);
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => {
                    let dash = skip(self.text, at);
                    if !self.text[dash..].starts_with('-') {
                        return Err(self.form(dash, "a list whose dashes cannot be told"));
                    }
                    let spot = self.spot(&event, span, dash + 1, depth + 1)?;
                    at = spot.end;
                    items.push(Item { start: dash, spot });
                }
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<Entry>, usize), Refusal> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.event()?;
            let (start, key_end) = (offset(span)?, span.end.byte_offset().ok_or_else(no_offsets)?);
            let (key, is_merge) = match event {
                Event::MappingEnd => return Ok((entries, key_end)),
                Event::Scalar(text, style, _, tag) => {
                    let is_merge = text == "<<" && style == ScalarStyle::Plain;
                    let key = yaml::scalar_key(text, style, tag.as_deref(), span).map_err(unreadable)?;
                    (Some(key.into_owned()), is_merge)
                }
                Event::Alias(_) => (None, false),
                _ => return Err(self.form(start, "a key that is no text")),
            };
            let anchor = self.anchor()?.map(|a| a.0);
            let tag = span.tag_start.and_then(|mark| mark.byte_offset());
            let start = [anchor, tag].into_iter().flatten().chain([start]).min().unwrap_or(start);
            let near = skip_blanks(self.text, key_end);
            let colon = if self.text[near..].starts_with(':') { near } else { skip(self.text, key_end) };
            let has_colon = self.text[colon..].starts_with(':');
            let before = self.text[..start].trim_end();
            let explicit = colon != near && before.ends_with('?');
            let start = if explicit { before.len() - 1 } else { start };
            let (event, span) = self.event()?;
            let from = if has_colon { colon + 1 } else { key_end };
            let spot = self.spot(&event, span, from, depth + 1)?;
            entries.push(Entry { start, key, is_merge, explicit, spot });
        }
    }
}

/// Where a block scalar ends: behind its last line, and with `+` behind the empty ones that follow.
fn block_scalar_end(text: &str, head: usize, indent: Option<usize>, limit: usize) -> usize {
    let header_end = line_end(text, head);
    let keeps = text[head..header_end].split([' ', '\t']).next().is_some_and(|header| header.contains('+'));
    let Some(indent) = indent else {
        if !keeps {
            return header_end;
        }
        return last_line(text, header_end, limit, |_| true);
    };
    last_line(text, header_end, limit, |line| {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let is_blank = line.trim_end_matches(['\r', ' ', '\t']).is_empty();
        keeps || (!is_blank && spaces >= indent) || line.trim_end_matches('\r').len() > indent
    })
}

/// The end of the last line before a limit that is part of a block scalar.
fn last_line(text: &str, header_end: usize, limit: usize, belongs: impl Fn(&str) -> bool) -> usize {
    let (mut at, mut end) = (next_line(text, header_end), header_end);
    while at < limit {
        let line = &text[at..line_end(text, at)];
        // What follows is indented less; the parser's mark may stand inside that line.
        if at + line.len() > limit && text[at..limit].trim().is_empty() && !line.trim().is_empty() {
            break;
        }
        if belongs(line) {
            end = line_end(text, at);
        }
        at = next_line(text, at);
    }
    end
}

fn offset(span: Span) -> Result<usize, Refusal> {
    span.start.byte_offset().ok_or_else(no_offsets)
}

fn no_offsets() -> Refusal {
    Reason::Form("positions are not known").at(0)
}

fn unread(error: &ScanError) -> Refusal {
    let line = u32::try_from(error.marker().line()).unwrap_or(u32::MAX);
    Reason::Unread(error.info()).at(line)
}
