//! Files of the cases, broken at random: nothing that is read makes the program stop. `PROPTEST_CASES` says how often.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use anchorwatch_core::object::list;
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::source::{self, Documents};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::cases::{examine, folders};
use crate::world::key;

/// What breaks things when it stands where nobody expects it.
const SNIPPETS: &[&str] = &[
    "\n---\n",
    "\n",
    " ",
    "\t",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "!!int ",
    "|\n",
    ">-\n",
    "<<: *a",
    "? ",
    "%YAML 1.2\n",
    "null",
    "~",
    "-1",
    "1e309",
    "0x1F",
    "1e-2147483648",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\r\n",
    "name",
    "k:{\"a\":1}",
    "f:",
    "v:",
    "i:-1",
    ".",
    "kind: List\nitems: 1\n",
    "stringData: {a: 1}\n",
    "data: 1\n",
    "[{}]",
    "[[]]",
    "999999999999999999999",
];

static CASES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let read = |folder: &Path, name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cases");
    folders(&root).iter().map(|folder| (read(folder, "git.yaml"), read(folder, "live.json"))).collect()
});

/// One change of a text.
#[derive(Debug, Clone)]
pub(crate) enum Cut {
    Insert(Index, &'static str),
    Remove(Index, Index),
    Repeat(Index, Index),
}

pub(crate) fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let place = any::<Index>;
    let cut = prop_oneof![
        (place(), select(SNIPPETS)).prop_map(|(at, text)| Cut::Insert(at, text)),
        (place(), place()).prop_map(|(from, to)| Cut::Remove(from, to)),
        (place(), place()).prop_map(|(from, to)| Cut::Repeat(from, to)),
    ];
    prop::collection::vec(cut, 0..6)
}

/// A short stretch: whole halves of a file would leave little to break.
fn stretch(text: &str, from: Index, to: Index) -> std::ops::Range<usize> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let first = from.index(places.len());
    let last = (first + to.index(40)).min(places.len() - 1);
    places[first]..places[last]
}

pub(crate) fn broken(text: &str, cuts: &[Cut]) -> String {
    cuts.iter().fold(text.to_owned(), |mut text, cut| {
        match *cut {
            Cut::Insert(at, snippet) => text.insert_str(stretch(&text, at, at).start, snippet),
            Cut::Remove(from, to) => text.replace_range(stretch(&text, from, to), ""),
            Cut::Repeat(from, to) => {
                let range = stretch(&text, from, to);
                let copy = text[range.clone()].to_owned();
                text.insert_str(range.end, &copy);
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_file_is_read_or_refused(case in any::<Index>(), git in cuts(), live in cuts()) {
        let (yaml, json) = &CASES[case.index(CASES.len())];
        let (yaml, json) = (broken(yaml, &git), broken(json, &live));
        let contents = source::read(0, yaml.as_bytes(), &key());
        let items = list::items(&json).unwrap_or_default();
        let recorded: Vec<LiveObject<'_>> =
            items.iter().filter_map(|raw| LiveObject::parse(raw.get(), "", "", &key()).ok()).collect();
        for item in examine(&contents.objects, &recorded, "demo") {
            prop_assert!(serde_json::to_string(&item).is_ok());
        }
    }

    #[test]
    fn an_object_is_found_among_the_documents_with_its_name(case in any::<Index>(), git in cuts()) {
        let (yaml, _) = &CASES[case.index(CASES.len())];
        let yaml = broken(yaml, &git);
        let contents = source::read(0, yaml.as_bytes(), &key());
        let documents = Documents::new(yaml.clone());
        for object in contents.objects.iter().filter(|o| !o.head().name.is_empty()) {
            let near = documents.about(&object.identity());
            let found = source::read(0, near.as_bytes(), &key());
            let found = found.objects.iter().any(|other| other.identity() == object.identity());
            prop_assert!(found, "{} is not in {near:?}\nof {yaml}", object.identity());
        }
    }
}
