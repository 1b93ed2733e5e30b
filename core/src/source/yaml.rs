//! YAML events into trees, under limits.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::scalar;
use crate::object::value::{MAX_DEPTH, Map, Node, Value};

/// How many nodes aliases may add to one document: far above any manifest, far below a YAML bomb.
const MAX_ALIASED_NODES: usize = 200_000;

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) message: String,
}

/// Reads all documents of a text; a broken one is an error among the others.
pub(super) fn documents(text: &str) -> impl Iterator<Item = Result<Node<'_>, Error>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.block_scalar_eof_without_line_feed = true;
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        aliased: 0,
        done: false,
    };
    std::iter::from_fn(move || reader.next_document())
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// Anchored nodes of the document at hand.
    anchors: HashMap<usize, Anchored<'a>>,
    /// Nodes that aliases have added to all documents.
    aliased: usize,
    done: bool,
}

struct Anchored<'a> {
    value: Value<'a>,
    /// Nodes.
    size: usize,
    /// Levels.
    height: usize,
}

impl<'a> Anchored<'a> {
    fn new(value: Value<'a>) -> Self {
        Self { size: size(&value), height: height(&value), value }
    }
}

impl<'a> Reader<'a> {
    fn next_document(&mut self) -> Option<Result<Node<'a>, Error>> {
        if self.done {
            return None;
        }
        let result = self.document().transpose();
        if let Some(Err(_)) = result {
            self.done = !self.parser.proceed_next_document().unwrap_or(false);
        }
        result
    }

    fn document(&mut self) -> Result<Option<Node<'a>>, Error> {
        self.anchors.clear();
        loop {
            let Some((event, span)) = self.event()? else {
                self.done = true;
                return Ok(None);
            };
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => {
                    self.done = true;
                    return Ok(None);
                }
                event => return self.node(event, span, 0).map(Some),
            }
        }
    }

    fn event(&mut self) -> Result<Option<(Event<'a>, Span)>, Error> {
        self.parser.next_event().transpose().map_err(|error| from_scan(&error))
    }

    fn expect_event(&mut self, opened: Span) -> Result<(Event<'a>, Span), Error> {
        self.event()?.ok_or_else(|| at(opened, "the document ends inside this"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node<'a>, Error> {
        if depth > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let line = line_of(span);
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar_value(text, style, tag.as_deref(), span)?, anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(span, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(span, depth)?, anchor),
            Event::Alias(id) => return Ok(Node { line, value: self.alias(id, span, depth)? }),
            _ => return Err(at(span, "a value is missing here")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored::new(value.clone()));
        }
        Ok(Node { line, value })
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Value<'a>, Error> {
        let anchored = self.anchors.get(&id).ok_or_else(|| at(span, "an alias inside its own anchor"))?;
        self.aliased += anchored.size;
        if self.aliased > MAX_ALIASED_NODES {
            return Err(at(span, "aliases blow this file up beyond all measure; write the values out"));
        }
        if depth + anchored.height > MAX_DEPTH {
            return Err(too_deep(span));
        }
        Ok(anchored.value.clone())
    }

    fn list(&mut self, opened: Span, depth: usize) -> Result<Value<'a>, Error> {
        let mut list = Vec::new();
        loop {
            match self.expect_event(opened)? {
                (Event::SequenceEnd, _) => return Ok(Value::List(list.into_boxed_slice())),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, opened: Span, depth: usize) -> Result<Value<'a>, Error> {
        let mut entries: Vec<(Cow<'a, str>, Node<'a>)> = Vec::new();
        let mut merged: Vec<Map<'a>> = Vec::new();
        loop {
            let (key, is_merge, span) = match self.expect_event(opened)? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(text, style, anchor, tag), span) => {
                    let is_merge = text == "<<" && style == ScalarStyle::Plain;
                    let key = key(scalar_value(text, style, tag.as_deref(), span)?, span)?;
                    if anchor != 0 {
                        self.anchors.insert(anchor, Anchored::new(Value::String(key.clone())));
                    }
                    (key, is_merge, span)
                }
                (Event::Alias(id), span) => (key(self.alias(id, span, depth)?, span)?, false, span),
                (_, span) => return Err(at(span, "a key that is no text (is a template not rendered?)")),
            };
            let (event, value_span) = self.expect_event(opened)?;
            let mut node = self.node(event, value_span, depth + 1)?;
            if is_merge {
                merge_sources(node.value, &mut merged, span)?;
                continue;
            }
            node.line = line_of(span);
            entries.push((key, node));
        }
        finish_map(entries, merged)
    }
}

/// Sorts a map, and adds what `<<` brings; keys that are written win.
///
/// A key that is written twice with two values is refused: Kubernetes takes the last one, `kubectl` with strict
/// validation refuses it, and no reader can tell what was meant. Twice with the same value is only untidy.
fn finish_map<'a>(mut entries: Vec<(Cow<'a, str>, Node<'a>)>, merged: Vec<Map<'a>>) -> Result<Value<'a>, Error> {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1) {
        return Err(Error {
            line: pair[1].1.line,
            column: 0,
            message: format!("the key {:?} is written twice, first on line {}; keep one", pair[0].0, pair[0].1.line),
        });
    }
    let mut map = Map::new(entries);
    for source in merged {
        for (key, node) in source.iter() {
            if map.get(key).is_none() {
                map.insert(Cow::Owned(key.to_owned()), node.clone());
            }
        }
    }
    Ok(Value::Map(map))
}

fn merge_sources<'a>(value: Value<'a>, merged: &mut Vec<Map<'a>>, span: Span) -> Result<(), Error> {
    match value {
        Value::Map(map) => merged.push(map),
        Value::List(list) => {
            for node in list {
                merge_sources(node.value, merged, span)?;
            }
        }
        _ => return Err(at(span, "<< takes a map or a list of maps")),
    }
    Ok(())
}

fn scalar_value<'a>(text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Value<'a>, Error> {
    let no_json = || at(span, "a number that JSON does not have");
    match tag.and_then(Tag::core_suffix) {
        Some("str") => Ok(Value::String(text)),
        Some("int" | "float") => scalar::number(&text).map(Value::Number).ok_or_else(no_json),
        Some("bool" | "null") => scalar::resolve(text).ok_or_else(no_json),
        _ if style != ScalarStyle::Plain || tag.is_some() => Ok(Value::String(text)),
        _ => scalar::resolve(text).ok_or_else(no_json),
    }
}

/// The key that a scalar is.
pub(super) fn scalar_key<'a>(
    text: Cow<'a, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: Span,
) -> Result<Cow<'a, str>, Error> {
    key(scalar_value(text, style, tag, span)?, span)
}

/// Keys that are no strings become strings, as `sigs.k8s.io/yaml` makes them.
fn key(value: Value<'_>, span: Span) -> Result<Cow<'_, str>, Error> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(b) => Ok(Cow::Borrowed(if b { "true" } else { "false" })),
        Value::Number(number) => Ok(Cow::Owned(number.to_string())),
        _ => Err(at(span, "a key that is no text")),
    }
}

/// Nodes of a tree. A text that is copied with it counts as many nodes as would be as large.
fn size(value: &Value<'_>) -> usize {
    1 + match value {
        Value::String(Cow::Owned(text)) => text.len() / size_of::<Node<'_>>(),
        Value::List(list) => list.iter().map(|n| size(&n.value)).sum(),
        Value::Map(map) => map.iter().map(|(_, n)| size(&n.value)).sum(),
        _ => 0,
    }
}

fn height(value: &Value<'_>) -> usize {
    match value {
        Value::List(list) => 1 + list.iter().map(|n| height(&n.value)).max().unwrap_or(0),
        Value::Map(map) => 1 + map.iter().map(|(_, n)| height(&n.value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn too_deep(span: Span) -> Error {
    at(span, &format!("nested more than {MAX_DEPTH} levels deep; no Kubernetes object is"))
}

fn line_of(span: Span) -> u32 {
    u32::try_from(span.start.line()).unwrap_or(u32::MAX)
}

fn at(span: Span, message: &str) -> Error {
    let column = u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX);
    Error { line: line_of(span), column, message: message.to_owned() }
}

fn from_scan(error: &ScanError) -> Error {
    let marker = error.marker();
    Error {
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
        message: error.info(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<String, Error>> {
        documents(text).map(|d| d.map(|node| serde_json::to_string(&node.value).unwrap())).collect()
    }

    fn one(text: &str) -> String {
        let all = read(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone().unwrap()
    }

    #[test]
    fn documents_are_read_as_kubernetes_reads_them() {
        for (yaml, json) in [
            ("mode: 0644\nok: yes\n", r#"{"mode":420,"ok":true}"#),
            ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#),
            ("a: !!str 1\nb: '1'\nc: \"on\"\n", r#"{"a":"1","b":"1","c":"on"}"#),
            ("\u{feff}a: 1\n", r#"{"a":1}"#),
            ("a:\t1\n", r#"{"a":1}"#),
            ("on: 1\n2: x\n", r#"{"2":"x","true":1}"#),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", r#"{"a":"x\ny\n","b":"x y"}"#),
            ("a: |\n  x", r#"{"a":"x"}"#),
            ("a: {b: 1}\na: {b: 1}\n", r#"{"a":{"b":1}}"#),
            (r#"{"a": [1, "é"], "b": null}"#, r#"{"a":[1,"é"],"b":null}"#),
        ] {
            assert_eq!(one(yaml), json, "{yaml}");
        }
    }

    #[test]
    fn bad_documents_name_line_and_column() {
        for (yaml, line) in [
            ("a: 1\nb: 2\na: 3\n", 3),
            ("a: {{ .Values.x }}\n", 1),
            ("a: [1\n", 1),
            ("a: .inf\n", 1),
            ("a: 1\n b: 2\n", 2),
        ] {
            let all = read(yaml);
            let error = all[0].clone().unwrap_err();
            assert_eq!(error.line, line, "{yaml}: {error:?}");
        }
    }

    #[test]
    fn a_bomb_and_a_tower_are_refused() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            let row = format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(","));
            bomb.push_str(&row);
        }
        assert!(read(&bomb)[0].clone().unwrap_err().message.contains("aliases"));
        let text = format!("a: &a \"{}\\n\"\nb: [{}]\n", "x".repeat(10_000), vec!["*a"; 100_000].join(","));
        assert!(read(&text)[0].clone().unwrap_err().message.contains("aliases"));
        let small = format!("a: &a [{}]\nb: [{}]\n---\n", vec!["x"; 300].join(","), vec!["*a"; 300].join(","));
        assert!(read(&small.repeat(3)).iter().any(Result::is_err));
        let stairs = (1..4).fold(format!("a0: &a0 {}1{}\n", "[".repeat(100), "]".repeat(100)), |text, level| {
            format!("{text}a{level}: &a{level} {}*a{}{}\n", "[".repeat(20), level - 1, "]".repeat(20))
        });
        assert!(read(&stairs)[0].clone().unwrap_err().message.contains("levels deep"));
        let tower = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
        assert!(read(&tower)[0].is_err());
        let block: String = (0..3000).fold(String::new(), |text, n| text + &" ".repeat(n) + "a:\n");
        assert!(read(&block)[0].is_err());
    }
}
