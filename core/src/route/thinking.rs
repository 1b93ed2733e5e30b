//! What a model thinks, taken out of what it says: `<think>…</think>`, where its server leaves it in the text.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Splits a text that comes in pieces. Only what it begins with can be thoughts; they may have no end.
#[derive(Debug, Default)]
pub struct Thoughts {
    place: Place,
    /// Text that may turn out to be a mark.
    held: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Before,
    Inside,
    /// After thoughts, before the first word: the white space there belongs to neither.
    After,
    Said,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What is said.
    Said(String),
    /// So many characters of thoughts.
    Thought(usize),
}

impl Thoughts {
    /// Reads a piece.
    pub fn push(&mut self, piece: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.place == Place::Said {
            parts.push(Part::Said(piece.to_owned()));
            return parts;
        }
        self.held.push_str(piece);
        while self.step(&mut parts) {}
        parts
    }

    /// Gives what was held back.
    pub fn finish(&mut self) -> Vec<Part> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Vec::new();
        }
        vec![if self.place == Place::Inside { Part::Thought(held.chars().count()) } else { Part::Said(held) }]
    }

    /// Looks once at what is held; true if there is more to see.
    fn step(&mut self, parts: &mut Vec<Part>) -> bool {
        match self.place {
            Place::Before => {
                let begun = self.held.trim_start();
                if let Some(rest) = begun.strip_prefix(OPEN) {
                    self.held = rest.to_owned();
                    self.place = Place::Inside;
                    return true;
                }
                if OPEN.starts_with(begun) {
                    return false;
                }
            }
            Place::Inside => {
                if let Some((thought, rest)) = self.held.split_once(CLOSE) {
                    parts.push(Part::Thought(thought.chars().count()));
                    self.held = rest.to_owned();
                    self.place = Place::After;
                    return true;
                }
                let kept = held_back(&self.held, CLOSE);
                let thought = self.held.drain(..self.held.len() - kept).as_str().chars().count();
                if thought > 0 {
                    parts.push(Part::Thought(thought));
                }
                return false;
            }
            Place::After => {
                self.held = self.held.trim_start().to_owned();
                if self.held.is_empty() {
                    return false;
                }
            }
            Place::Said => {}
        }
        self.place = Place::Said;
        parts.push(Part::Said(std::mem::take(&mut self.held)));
        false
    }
}

/// How many bytes at the end of a text may be the beginning of a mark.
fn held_back(text: &str, mark: &str) -> usize {
    (1..mark.len()).rev().find(|&length| text.ends_with(&mark[..length])).unwrap_or(0)
}

/// A whole text without the thoughts before a mark that ends them and that nothing began: some templates of prompts have
/// the beginning. The mark stands on a line of its own, so that a text about it is left as it is.
pub fn without_unbegun(text: &str) -> Option<(usize, &str)> {
    let (thought, rest) = text.split_once(CLOSE)?;
    let alone = thought.is_empty() || thought.ends_with('\n');
    let ends = rest.is_empty() || rest.starts_with(['\n', '\r']);
    (alone && ends).then(|| (thought.chars().count(), rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, usize) {
        let mut thoughts = Thoughts::default();
        let mut parts: Vec<Part> = pieces.iter().flat_map(|piece| thoughts.push(piece)).collect();
        parts.extend(thoughts.finish());
        parts.into_iter().fold((String::new(), 0), |(said, count), part| match part {
            Part::Said(more) => (said + &more, count),
            Part::Thought(more) => (said, count + more),
        })
    }

    #[test]
    fn thoughts_are_what_a_text_begins_with() {
        for (text, said, thought) in [
            ("<think>hm</think>yes", "yes", 2),
            ("\n <think>漂</think>\n\n yes ", "yes ", 1),
            ("<think></think>yes", "yes", 0),
            ("<think>never ends", "", 10),
            ("<think>ends in </thi", "", 13),
            ("yes <think>no</think>", "yes <think>no</think>", 0),
            ("<thin", "<thin", 0),
            ("<thing>", "<thing>", 0),
            ("  yes", "  yes", 0),
            ("<think>a</think><think>b</think>", "<think>b</think>", 1),
            ("", "", 0),
        ] {
            assert_eq!(split(&[text]), (said.to_owned(), thought), "{text}");
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(split(&letters), (said.to_owned(), thought), "{text}, letter by letter");
        }
    }

    #[test]
    fn thoughts_that_nothing_began_end_on_a_line_of_their_own() {
        for (text, left) in [
            ("hm\n</think>\n\nyes", Some((3, "yes"))),
            ("</think>\nyes", Some((0, "yes"))),
            ("hm\n</think>", Some((3, ""))),
            ("the mark </think> ends thoughts", None),
            ("yes", None),
        ] {
            assert_eq!(without_unbegun(text), left, "{text}");
        }
    }
}
