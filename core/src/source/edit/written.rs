//! Trees as text, in the style of the file that they come into.

use granit_parser::ScalarStyle;

use super::scalar::{Context, block, double_quoted, is_plain, on_one_line};
use super::style::Style;
use crate::object::value::{Map, Node, Value};

/// A value behind a key or a dash.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// What stands on the line of the key or dash; may be empty.
    pub(super) head: String,
    /// The lines below, indented, without a line break at the end.
    pub(super) body: Option<String>,
}

impl Written {
    pub(super) fn line(head: String) -> Self {
        Self { head, body: None }
    }

    /// Head and body, the blank between them and the key included.
    pub(super) fn text(&self, newline: &str) -> String {
        let gap = if self.head.is_empty() { "" } else { " " };
        let body = self.body.as_ref().map_or_else(String::new, |body| format!("{newline}{body}"));
        format!("{gap}{}{body}", self.head)
    }
}

/// What a value stands behind, with its column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Behind {
    Key(usize),
    /// A dash, and the columns from it to what follows it.
    Dash(usize, usize),
}

impl Style {
    /// The style of a string that nothing else says the style of: quotes only where it needs them.
    pub(super) fn usual_style(&self, value: &Value<'_>, context: Context) -> ScalarStyle {
        let Value::String(text) = value else { return ScalarStyle::Plain };
        // What would be full of backslashes in double quotes.
        let wants_single = self.single_quotes || text.contains(['"', '\\']);
        match text {
            text if is_plain(text, context) => ScalarStyle::Plain,
            text if wants_single && !text.contains('\'') => ScalarStyle::SingleQuoted,
            _ => ScalarStyle::DoubleQuoted,
        }
    }

    /// A value in a block map or list.
    pub(super) fn behind(&self, value: &Value<'_>, behind: Behind) -> Written {
        match (value, behind) {
            (Value::Map(map), Behind::Key(column)) if !map.is_empty() => {
                let indent = column + self.step;
                Written { head: String::new(), body: Some(spaces(indent) + &self.block_map(map, indent)) }
            }
            (Value::List(list), Behind::Key(column)) if !list.is_empty() => {
                let indent = column + self.dash;
                Written { head: String::new(), body: Some(spaces(indent) + &self.block_list(list, indent, 2)) }
            }
            (Value::Map(map), Behind::Dash(column, gap)) if !map.is_empty() => {
                self.compact(&self.block_map(map, column + gap), gap)
            }
            (Value::List(list), Behind::Dash(column, gap)) if !list.is_empty() => {
                self.compact(&self.block_list(list, column + gap, 2), gap)
            }
            _ => self.scalar_behind(value, behind),
        }
    }

    fn scalar_behind(&self, value: &Value<'_>, behind: Behind) -> Written {
        let (indent, parent, gap) = match behind {
            Behind::Key(column) => (column + self.step, column, 1),
            Behind::Dash(column, gap) => (column + gap.max(2), column, gap - 1),
        };
        let written = match value {
            Value::String(text) if self.literals && text.contains('\n') => {
                self.block_scalar(text, ScalarStyle::Literal, (parent, indent))
            }
            _ => None,
        };
        let mut written = written.unwrap_or_else(|| Written::line(self.line(value)));
        written.head.insert_str(0, &spaces(gap - 1));
        written
    }

    /// A string as a block scalar, with the columns of its parent and of its lines.
    pub(super) fn block_scalar(&self, text: &str, style: ScalarStyle, columns: (usize, usize)) -> Option<Written> {
        let (parent, indent) = columns;
        let block = block(text, style, 80)?;
        Some(Written { head: block.header(indent - parent), body: Some(block.body(indent, self.newline)) })
    }

    /// A value without lines of its own.
    fn line(&self, value: &Value<'_>) -> String {
        match value {
            Value::Map(_) => "{}".to_owned(),
            Value::List(_) => "[]".to_owned(),
            _ => on_one_line(value, self.usual_style(value, Context::Block), Context::Block),
        }
    }

    /// A map or list that begins on the line of its dash.
    fn compact(&self, text: &str, gap: usize) -> Written {
        let (first, rest) = match text.split_once(self.newline) {
            Some((first, rest)) => (first, Some(rest.to_owned())),
            None => (text, None),
        };
        Written { head: spaces(gap - 2) + first, body: rest }
    }

    /// Entries, the first without its indentation.
    pub(super) fn block_map(&self, map: &Map<'_>, indent: usize) -> String {
        let entries: Vec<String> =
            ordered(map).map(|(key, node)| self.block_entry(key, &node.value, indent, None)).collect();
        entries.join(&format!("{}{}", self.newline, spaces(indent)))
    }

    /// `key: value`, without its indentation; a string in these quotes, where some are given.
    pub(super) fn block_entry(
        &self,
        key: &str,
        value: &Value<'_>,
        indent: usize,
        quotes: Option<ScalarStyle>,
    ) -> String {
        let written = quoted(value, quotes, 1).unwrap_or_else(|| self.behind(value, Behind::Key(indent)));
        format!("{}:{}", self.key(key, Context::Block), written.text(self.newline))
    }

    fn block_list(&self, list: &[Node<'_>], indent: usize, gap: usize) -> String {
        let items: Vec<String> =
            list.iter().map(|node| self.block_item(&node.value, Behind::Dash(indent, gap), None)).collect();
        items.join(&format!("{}{}", self.newline, spaces(indent)))
    }

    /// `- value`, without its indentation; a string in these quotes, where some are given.
    pub(super) fn block_item(&self, value: &Value<'_>, dash: Behind, quotes: Option<ScalarStyle>) -> String {
        let gap = if let Behind::Dash(_, gap) = dash { gap - 1 } else { 1 };
        let written = quoted(value, quotes, gap).unwrap_or_else(|| self.behind(value, dash));
        format!("-{}", written.text(self.newline))
    }

    fn key(&self, key: &str, context: Context) -> String {
        let value = Value::String(key.into());
        on_one_line(&value, self.usual_style(&value, context), context)
    }
}

/// How what stands in brackets and braces is written.
#[derive(Debug, Clone)]
pub(super) struct Flow<'s> {
    /// JSON's quotes.
    pub(super) json: bool,
    /// Blank behind colons and commas, or none.
    pub(super) colon: &'s str,
    pub(super) comma: &'s str,
    /// Where every child has its own line: what that of the parent is indented with, and the step.
    pub(super) lines: Option<(String, String)>,
    pub(super) style: &'s Style,
}

impl Flow<'_> {
    /// A value.
    pub(super) fn text(&self, value: &Value<'_>) -> String {
        match value {
            Value::Map(map) if map.is_empty() => "{}".to_owned(),
            Value::List(list) if list.is_empty() => "[]".to_owned(),
            Value::Map(map) => {
                let inner = self.inner();
                let entries: Vec<String> = ordered(map).map(|(key, node)| inner.entry(key, &node.value)).collect();
                self.between("{", &entries, "}")
            }
            Value::List(list) => {
                let inner = self.inner();
                let items: Vec<String> = list.iter().map(|node| inner.text(&node.value)).collect();
                self.between("[", &items, "]")
            }
            _ => self.scalar(value),
        }
    }

    /// A value among the children.
    pub(super) fn inner_text(&self, value: &Value<'_>) -> String {
        self.inner().text(value)
    }

    /// `key: value`.
    pub(super) fn entry(&self, key: &str, value: &Value<'_>) -> String {
        format!("{}:{}{}", self.scalar(&Value::String(key.into())), self.colon, self.text(value))
    }

    fn scalar(&self, value: &Value<'_>) -> String {
        match value {
            Value::String(text) if self.json => double_quoted(text),
            _ => on_one_line(value, self.style.usual_style(value, Context::Flow), Context::Flow),
        }
    }

    /// The style of children, which are a step further right.
    pub(super) fn inner(&self) -> Self {
        let lines = self.lines.as_ref().map(|(indent, step)| (format!("{indent}{step}"), step.clone()));
        Self { lines, ..self.clone() }
    }

    fn between(&self, open: &str, parts: &[String], close: &str) -> String {
        match &self.lines {
            Some((indent, step)) => {
                let newline = self.style.newline;
                let parts = parts.join(&format!(",{newline}{indent}{step}"));
                format!("{open}{newline}{indent}{step}{parts}{newline}{indent}{close}")
            }
            None => format!("{open}{}{close}", parts.join(&format!(",{}", self.comma))),
        }
    }
}

/// A string of one line in quotes, with so many blanks before it.
fn quoted(value: &Value<'_>, quotes: Option<ScalarStyle>, gap: usize) -> Option<Written> {
    let is_line = value.as_str().is_some_and(|text| !text.contains('\n'));
    let quotes = quotes.filter(|_| is_line)?;
    Some(Written::line(spaces(gap - 1) + &on_one_line(value, quotes, Context::Block)))
}

/// Entries as people write them: what an object is first, then its name, then the rest.
fn ordered<'m, 'v>(map: &'m Map<'v>) -> impl Iterator<Item = (&'m str, &'m Node<'v>)> {
    const FIRST: &[&str] = &["apiVersion", "kind", "metadata", "name"];
    let named = FIRST.iter().filter_map(|key| Some((*key, map.node(key)?)));
    named.chain(map.iter().filter(|(key, _)| !FIRST.contains(key)))
}

pub(super) fn spaces(count: usize) -> String {
    " ".repeat(count)
}
