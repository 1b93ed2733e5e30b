//! Which items somebody means, and which of them are left as they are.

use anchorwatch_core::change::dependants::Propagation;
use anchorwatch_core::drift::compare::Difference;
use anchorwatch_core::drift::{Change, DriftItem};
use anchorwatch_core::guard::Refusal;
use anchorwatch_core::object::GroupKind;

use super::examiner::Selector;
use super::scan::Outcome;
use crate::failure::Failure;
use crate::index::{Index, Wanted};

/// Which items are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meant {
    /// All that Git has.
    All,
    /// What these select.
    These(Vec<Selector>),
    /// One object that Git does not have, to be deleted.
    Deleted(Deletion),
}

/// An object that Git does not have, named so that it can be no other one, and what happens to what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) selector: Selector,
    pub(crate) uid: String,
    pub(crate) propagation: Propagation,
}

/// What is left as it is, though it was meant.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) item: DriftItem,
    pub(crate) reason: String,
    /// True if that is as Git says by now: somebody else has made it so since it was compared.
    pub(crate) is_as_git_says: bool,
}

impl Meant {
    /// The items that are meant and may be dealt with, and those that may not. That nothing is meant is a failure.
    pub(super) fn choose<'o>(
        &self,
        outcome: &'o Outcome,
        may: impl Fn(&DriftItem) -> Result<(), Refusal>,
    ) -> Result<(Vec<&'o DriftItem>, Vec<Left>), Failure> {
        let (mut chosen, mut left) = (Vec::new(), Vec::new());
        for item in outcome.reports.iter().flat_map(|report| &report.items).filter(|item| self.takes(item)) {
            match may(item) {
                Ok(()) => chosen.push(item),
                Err(refusal) => {
                    left.push(Left { item: item.clone(), reason: refusal.to_string(), is_as_git_says: false });
                }
            }
        }
        let all = || chosen.iter().copied().chain(left.iter().map(|left| &left.item));
        self.must_select(|selector| all().any(|item| selector.selects(item))).map_err(|failure| {
            failure
                .detail(format!("{} objects of {} were looked at", outcome.extent.objects, outcome.source))
                .hint("run anchorwatch scan with the same flags to see what there is")
        })?;
        Ok((chosen, left))
    }

    /// Fails if somebody named what does not differ.
    pub(crate) fn must_select(&self, selects: impl Fn(&Selector) -> bool) -> Result<(), Failure> {
        let lost = self.selectors().iter().filter(|selector| !selects(selector));
        let named: Vec<String> = lost.map(ToString::to_string).collect();
        if named.is_empty() {
            return Ok(());
        }
        Err(Failure::conflict(format!("nothing differs that is {}", named.join(" or "))))
    }

    /// True if an item is meant that differs so, and that a selector selects.
    pub(crate) fn holds(&self, change: Change, selects: impl Fn(&Selector) -> bool) -> bool {
        match self {
            Self::All => change != Change::UnmanagedObject,
            Self::These(_) | Self::Deleted(_) => self.selectors().iter().any(selects),
        }
    }

    /// True if an object is to be deleted.
    pub(super) fn is_deletion(&self) -> bool {
        matches!(self, Self::Deleted(_))
    }

    fn selectors(&self) -> &[Selector] {
        match self {
            Self::All => &[],
            Self::These(selectors) => selectors,
            Self::Deleted(deletion) => std::slice::from_ref(&deletion.selector),
        }
    }

    fn takes(&self, item: &DriftItem) -> bool {
        self.holds(item.change, |selector| selector.selects(item))
    }
}

/// Items by the object of Git's that they are about, in Git's order.
pub(super) fn by_object<'i, 'a, 's>(
    index: &'i Index<'a>,
    items: &[&'s DriftItem],
) -> Vec<(&'i Wanted<'a>, Vec<&'s DriftItem>)> {
    let of = |wanted| items.iter().copied().filter(|item| is_of(item, wanted)).collect::<Vec<_>>();
    let wanted = index.askable().filter(|wanted| !wanted.repeated);
    wanted.map(|wanted| (wanted, of(wanted))).filter(|(_, items)| !items.is_empty()).collect()
}

/// True if it is this difference that the item tells of.
pub(super) fn is_told_by(difference: &Difference<'_>, item: &DriftItem) -> bool {
    item.change == difference.change && item.field_path == difference.path.field()
}

fn is_of(item: &DriftItem, wanted: &Wanted<'_>) -> bool {
    item.resource_name == wanted.head.name
        && item.namespace == wanted.namespace
        && GroupKind::of(&item.api_version, &item.resource_kind) == wanted.kind
}
