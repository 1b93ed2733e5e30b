//! Which values of a chart drive what an object of its rendering says.
//!
//! Templates are programs, so nobody can know: values that look as if they did are changed, those first that the object's
//! template names.

mod container;
mod scalar;
mod template;
mod values;

use template::Template;
use values::Layers;

use super::{Aim, Candidates, Files};
use crate::source::edit::Edit;

/// What a chart is rendered from.
#[derive(Debug, Clone, Copy)]
pub struct Chart<'a> {
    /// Its files.
    pub files: &'a Files,
    /// Its folder.
    pub folder: &'a str,
    /// Files of values over its own, the last win; nothing for values that are in no file.
    pub values: &'a [Option<String>],
    /// The template that the object came from, in the chart's folder.
    pub template: Option<&'a str>,
}

/// A change of values, and how likely it is: less is more.
type Guess = (u32, Edit);

/// The changes that may do it.
///
/// A value of the chart's own is not changed where there are values over it: others may use the chart, too.
pub fn candidates(chart: Chart<'_>, aim: &Aim<'_>) -> Candidates {
    let template = Template::of(chart, aim);
    let layers = Layers::of(chart, &template);
    let alone = |(rank, edit): Guess| (rank, vec![edit]);
    let mut guesses: Vec<(u32, Vec<Edit>)> = match aim.edit {
        Some(edit) => {
            let plain = scalar::guesses(&layers, &template, aim).into_iter();
            let printed = container::guesses(&layers, &template, aim, edit);
            plain.chain(printed).map(alone).chain(scalar::image(&layers, aim)).collect()
        }
        None => scalar::switches(&layers, &template).map(alone).collect(),
    };
    guesses.sort_by_key(|(rank, _)| *rank);
    let mut found = Candidates::default();
    for (_, edits) in guesses {
        if let Some(made) = layers.write(&edits) {
            found.push(made);
        }
    }
    found
}

/// What an object's template says of a field. Lines are `templates/web.yaml:12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// This line says it, whatever the values are.
    Fixed(String),
    /// This line makes it of something.
    Made(String),
    /// No line has the field.
    Nowhere,
    /// Nobody knows which template it is, or can read it.
    Unknown,
}

/// What the object's template says of the field.
pub fn said(chart: Chart<'_>, aim: &Aim<'_>) -> Said {
    Template::of(chart, aim).said(aim)
}
