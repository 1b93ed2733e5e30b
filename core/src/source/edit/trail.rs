//! The way from a document's root to a value in its text.

use super::layout::{Entry, Form, Item, Layout, Spot};
use super::operation::Hop;
use super::refusal::{Reason, Refusal};
use super::span::line_number;

/// The way as far as it is written out.
#[derive(Debug)]
pub(super) struct Trail<'l> {
    /// The root, and what each hop leads to.
    pub(super) spots: Vec<&'l Spot>,
    /// Position of each but the root in its parent.
    pub(super) positions: Vec<usize>,
    /// Why it ends before the last hop, if it does.
    pub(super) stop: Option<Stop>,
}

/// Why a way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// An alias: what is below stands elsewhere.
    Alias,
    /// The key comes by `<<`.
    Merge,
    /// No such key or element.
    Missing,
}

/// What a value stands in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holder<'l> {
    Root,
    Entry(&'l Entry),
    Item(&'l Item),
}

/// Follows hops through a layout.
pub(super) fn trail<'l>(text: &str, layout: &'l Layout, hops: &[Hop]) -> Result<Trail<'l>, Refusal> {
    let mut trail = Trail { spots: vec![&layout.root], positions: Vec::new(), stop: None };
    for hop in hops {
        let here = trail.last();
        let next = match (&here.form, hop) {
            (Form::Alias(_), _) => Err(Stop::Alias),
            (Form::Map { entries, .. }, Hop::Key(key)) => {
                let mut same = entries.iter().enumerate().filter(|(_, e)| !e.is_merge && e.key.as_ref() == Some(key));
                let first = same.next().map(|(at, entry)| (at, &entry.spot));
                if same.next().is_some() {
                    return Err(Reason::Twice(key.clone()).at(line_number(text, here.start)));
                }
                let has_merge = entries.iter().any(|entry| entry.is_merge);
                first.ok_or(if has_merge { Stop::Merge } else { Stop::Missing })
            }
            (Form::List { items, .. }, Hop::Index(index)) => {
                items.get(*index).map(|item| (*index, &item.spot)).ok_or(Stop::Missing)
            }
            _ => Err(Stop::Missing),
        };
        match next {
            Ok((position, spot)) => {
                trail.spots.push(spot);
                trail.positions.push(position);
            }
            Err(stop) => {
                trail.stop = Some(stop);
                break;
            }
        }
    }
    Ok(trail)
}

impl<'l> Trail<'l> {
    /// What it has reached.
    pub(super) fn last(&self) -> &'l Spot {
        self.spots.last().expect("a way begins at the root")
    }

    /// What the last value stands in.
    pub(super) fn holder(&self) -> Holder<'l> {
        let (Some(parent), Some(position)) = (self.parent(), self.positions.last()) else { return Holder::Root };
        match &parent.form {
            Form::Map { entries, .. } => Holder::Entry(&entries[*position]),
            Form::List { items, .. } => Holder::Item(&items[*position]),
            Form::Scalar { .. } | Form::Alias(_) => Holder::Root,
        }
    }

    /// The map or list around the last value.
    pub(super) fn parent(&self) -> Option<&'l Spot> {
        self.spots.len().checked_sub(2).map(|at| self.spots[at])
    }

    /// True if the last value stands in brackets or braces.
    pub(super) fn is_in_flow(&self) -> bool {
        self.parent().is_some_and(Spot::is_flow)
    }
}

impl Spot {
    /// How many aliases in it use an anchor.
    fn uses(&self, anchor: usize) -> usize {
        let mut uses = 0;
        self.each(&mut |spot| uses += usize::from(matches!(spot.form, Form::Alias(id) if id == anchor)));
        uses
    }
}

impl Layout {
    /// Refuses what would change more places than one: something on the way has an anchor that is used.
    pub(super) fn refuse_shared(&self, text: &str, spots: &[&Spot]) -> Result<(), Refusal> {
        match spots.iter().find(|spot| spot.anchor != 0 && self.root.uses(spot.anchor) > 0) {
            Some(spot) => Err(self.shared(text, spot, self.root.uses(spot.anchor))),
            None => Ok(()),
        }
    }

    /// Refuses to take away an anchor that is used from outside of what is taken away.
    pub(super) fn refuse_used(&self, text: &str, gone: &Spot) -> Result<(), Refusal> {
        let mut anchored = Vec::new();
        gone.each(&mut |spot| anchored.extend((spot.anchor != 0).then_some(spot)));
        for spot in anchored {
            let outside = self.root.uses(spot.anchor) - gone.uses(spot.anchor);
            if outside > 0 {
                return Err(self.shared(text, spot, outside));
            }
        }
        Ok(())
    }

    fn shared(&self, text: &str, spot: &Spot, uses: usize) -> Refusal {
        let name = self.anchors.iter().find(|anchor| anchor.id == spot.anchor);
        let anchor = name.map_or_else(String::new, |anchor| anchor.name.clone());
        Reason::Shared { anchor, uses }.at(line_number(text, spot.outset()))
    }
}
