//! Which lines of a file an edit has to leave alone, worked out from the lines that the reader gives to values.

use std::collections::BTreeSet;

use anchorwatch_core::object::value::{Node, Value};

use super::random::{Hop, Thrown, What, nodes};

/// What is wrong with a file after edits: a line that must not change is gone, or stands elsewhere.
pub(crate) fn fault(before: &str, after: &str, file: &File<'_>, thrown: &[Thrown]) -> Option<String> {
    let lines: Vec<&str> = before.lines().collect();
    let free = free_lines(&lines, file, thrown);
    let mut found = after.lines();
    for (at, line) in lines.iter().enumerate().filter(|(at, _)| !free.contains(&(at + 1))) {
        if !found.any(|other| other == *line) {
            return Some(format!("line {} is gone: {line:?}", at + 1));
        }
    }
    if let Some(comment) = thrown.iter().filter_map(|one| comment(&lines, file, one)).find(|c| !after.contains(*c)) {
        return Some(format!("the comment of an edited line is gone: {comment:?}"));
    }
    let all_windows = |text: &str| text.matches('\n').count() == text.matches("\r\n").count();
    if before.contains('\r') && all_windows(before) && !all_windows(after) {
        return Some("line ends are mixed".to_owned());
    }
    let comments = |text: &str| text.lines().filter(|line| line.trim_start().starts_with("# ")).count();
    let new_text = thrown.iter().any(|one| format!("{:?}", one.what).contains("# "));
    (comments(after) > comments(before) && !new_text).then(|| "there are more comments than before".to_owned())
}

/// The comment on the only line of a value that is set to another.
fn comment<'t>(lines: &[&'t str], file: &File<'_>, one: &Thrown) -> Option<&'t str> {
    let node = file.node(&one.hops);
    let (first, last) = file.lines(lines, node);
    let is_container = matches!(node.value, Value::List(_) | Value::Map(_));
    let has_hash = node.value.as_str().is_some_and(|text| text.contains('#'));
    let is_set = matches!(one.what, What::Set(_)) && first == last && !is_container && !has_hash;
    let line = lines[first - 1];
    let at = is_set.then(|| line.find(" # "))?? + 1;
    Some(&line[at..])
}

/// An edited object, and the lines on which values of the file stand.
pub(crate) struct File<'f> {
    pub(crate) object: &'f Node<'static>,
    /// Whether the object is an element of a list.
    pub(crate) is_item: bool,
    pub(crate) starts: BTreeSet<usize>,
}

impl<'f> File<'f> {
    pub(crate) fn new(object: &'f Node<'static>, is_item: bool, all: &[&Node<'static>]) -> Self {
        let starts = all.iter().flat_map(|root| nodes(root)).map(|(_, node)| node.line as usize).collect();
        Self { object, is_item, starts }
    }

    fn node(&self, hops: &[Hop]) -> &'f Node<'static> {
        hops.iter().fold(self.object, |node, hop| match (hop, &node.value) {
            (Hop::Key(key), Value::Map(map)) => map.node(key).unwrap(),
            (Hop::Index(index), Value::List(list)) => &list[*index],
            _ => panic!("{hops:?} leads nowhere"),
        })
    }

    /// First and last line of a value with its key or dash.
    fn lines(&self, text: &[&str], node: &Node<'static>) -> (usize, usize) {
        let first = node.line as usize;
        let all = nodes(node);
        let (_, last) = all.iter().max_by_key(|(_, node)| node.line).unwrap();
        let next = self.starts.range(last.line as usize + 1..).next().copied().unwrap_or(text.len() + 1);
        let mut end = (next - 1).max(first);
        let indent = |line: &str| line.len() - line.trim_start().len();
        let holder = indent(text[last.line as usize - 1]);
        let is_long = last.value.as_str().is_some_and(|value| value.contains('\n') || value.len() > 40);
        while end > first {
            let line = text[end - 1];
            let outside =
                line.trim().is_empty() || line.trim_start().starts_with(['#', '}', ']']) || line.starts_with("---");
            if !outside || is_long && (line.trim().is_empty() || indent(line) > holder) {
                break;
            }
            end -= 1;
        }
        // Brackets that close what opened on its first line.
        while end < text.len()
            && text[end].trim_start().starts_with(['}', ']'])
            && indent(text[end]) >= indent(text[first - 1])
        {
            end += 1;
        }
        (first, end)
    }
}

fn free_lines(text: &[&str], file: &File<'_>, thrown: &[Thrown]) -> BTreeSet<usize> {
    let mut free = BTreeSet::new();
    for one in thrown {
        let node = file.node(&one.hops);
        let (first, last) = file.lines(text, node);
        match one.what {
            What::Set(_) => free.extend(first..=last),
            What::Remove => {
                free.extend(first..=last);
                around(text, file, &one.hops, (first, last), &mut free);
                if is_emptied(file, &one.hops, thrown) {
                    let (first, last) = file.lines(text, file.node(&one.hops[..one.hops.len() - 1]));
                    free.extend(first..=last);
                    free.extend(dash_above(text, first));
                }
            }
            What::AddField(..) | What::AddElement(_) => free.extend(joint(text, file, node)),
        }
        free.extend(dash_above(text, first));
    }
    free
}

/// A dash alone on the line above, or with the head of a block scalar, which stands on its first line for the reader.
fn dash_above(text: &[&str], line: usize) -> Option<usize> {
    let above = line.checked_sub(2)?;
    let code = text[above].split('#').next().unwrap().trim();
    let is_head = code.starts_with('-') && code.trim_start_matches(['-', ' ']).starts_with(['|', '>']);
    (code == "-" || code == "- -" || is_head).then_some(above + 1)
}

/// What may go or change beside a value that is removed.
fn around(text: &[&str], file: &File<'_>, hops: &[Hop], lines: (usize, usize), free: &mut BTreeSet<usize>) {
    let (first, last) = lines;
    let mut above = first - 1;
    while above > 0 && text[above - 1].trim_start().starts_with('#') {
        free.insert(above);
        above -= 1;
    }
    // In JSON, and where braces go over lines, the comma of the child before goes.
    if above > 0 && text[above - 1].trim_end().ends_with(',') {
        free.insert(above);
    }
    // Behind a dash, the next entry comes to its place.
    let is_element = matches!(hops, [.., Hop::Index(_), Hop::Key(_) | Hop::Index(_)]);
    if is_element || file.is_item && hops.len() == 1 {
        free.extend(file.starts.range(last + 1..).next());
    }
    // Empty lines that a text with `+` would take in.
    free.extend((last + 1..=text.len()).take_while(|line| text[line - 1].trim().is_empty()));
}

/// True if all children of a removed value's parent are removed.
fn is_emptied(file: &File<'_>, hops: &[Hop], thrown: &[Thrown]) -> bool {
    let parent = &hops[..hops.len() - 1];
    let children = match &file.node(parent).value {
        Value::Map(map) => map.len(),
        Value::List(list) => list.len(),
        _ => 0,
    };
    let is_child = |one: &&Thrown| one.hops.len() == hops.len() && one.hops.starts_with(parent);
    thrown.iter().filter(is_child).filter(|one| matches!(one.what, What::Remove)).count() == children
}

/// The line that changes when a map or list gets a child.
fn joint(text: &[&str], file: &File<'_>, holder: &Node<'static>) -> Vec<usize> {
    let children: Vec<&Node<'static>> = match &holder.value {
        Value::Map(map) => map.iter().map(|(_, child)| child).collect(),
        Value::List(list) => list.iter().collect(),
        _ => Vec::new(),
    };
    let Some(last) = children.iter().max_by_key(|child| child.line) else { return vec![holder.line as usize] };
    let (first, end) = file.lines(text, last);
    let is_flow = text[0].starts_with(['{', '['])
        || text[holder.line as usize - 1].split('#').next().unwrap().contains(['{', '[']);
    if !is_flow {
        return Vec::new();
    }
    (first..=end).collect()
}
