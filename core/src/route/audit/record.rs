//! What checkpoints say, once they are found to be true.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::verify::Known;
use super::walk::Walk;
use super::{Break, ChainCut, Cut, Hash, PublicKey, SignedCheckpoint};

/// How much of a text that is no checkpoint is shown.
const SHOWN: usize = 60;

/// What checkpoints say of chains.
#[derive(Debug)]
pub struct Record {
    pub(super) key: PublicKey,
    pub(super) checkpoints: u64,
    pub(super) last_at: Option<Timestamp>,
    pub(super) is_cut: bool,
    pub(super) breaks: Vec<Break>,
    heads: BTreeMap<String, Vec<Known>>,
    cuts: BTreeMap<String, ChainCut>,
}

impl Record {
    /// Reads the checkpoints of an audit, in their order, and those that were found in a log.
    pub fn read<'a>(
        key: PublicKey,
        kept: impl IntoIterator<Item = &'a str>,
        logged: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut record = Self {
            key,
            checkpoints: 0,
            last_at: None,
            is_cut: false,
            breaks: Vec::new(),
            heads: BTreeMap::new(),
            cuts: BTreeMap::new(),
        };
        let kept = record.readable(kept);
        record.checkpoints = kept.len() as u64;
        record.last_at = kept.last().map(|last| last.checkpoint.at);
        let kept = record.in_order(kept);
        let cut = record.take_in(&kept);
        let first = cut.as_ref().map_or(1, |cut| cut.first);
        record.look_for_gaps(&kept, first);
        let logged = record.readable(logged);
        record.compare(&kept, logged, first);
        record.is_cut = cut.is_some();
        record.cuts = cut.into_iter().flat_map(|cut| cut.chains).map(|cut| (cut.chain.clone(), cut)).collect();
        record
    }

    fn readable<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Vec<SignedCheckpoint> {
        let mut read = Vec::new();
        for text in texts {
            match SignedCheckpoint::read(text) {
                Ok(checkpoint) => read.push(checkpoint),
                Err(error) => {
                    let text = text.chars().take(SHOWN).collect();
                    self.breaks.push(Break::CheckpointUnreadable { text, reason: error.to_string() });
                }
            }
        }
        read
    }

    fn in_order(&mut self, read: Vec<SignedCheckpoint>) -> Vec<SignedCheckpoint> {
        let mut ordered: Vec<SignedCheckpoint> = Vec::with_capacity(read.len());
        for signed in read {
            let number = signed.checkpoint.number;
            if ordered.last().is_some_and(|before| before.checkpoint.number >= number) {
                self.breaks.push(Break::CheckpointMisplaced { number });
            } else {
                ordered.push(signed);
            }
        }
        ordered
    }

    /// Takes in those that are true: signed, or followed by a true one that holds their hash. A signature takes longer
    /// than all else, and the last one covers those before it.
    fn take_in(&mut self, kept: &[SignedCheckpoint]) -> Option<Cut> {
        let (mut vouched, mut cut): (Option<(u64, Hash)>, _) = (None, None);
        for signed in kept.iter().rev() {
            let checkpoint = &signed.checkpoint;
            let number = checkpoint.number;
            let linked = vouched.filter(|(named, _)| *named == number).map(|(_, hash)| signed.hash() == hash);
            if linked == Some(false) {
                self.breaks.push(Break::CheckpointChanged { number });
            }
            if linked != Some(true) && !signed.is_signed_by(&self.key) {
                self.forged(&checkpoint.key, number);
                vouched = None;
                continue;
            }
            vouched = Some((number - 1, checkpoint.previous));
            cut = cut.or_else(|| checkpoint.cut.clone());
            self.take_heads(signed);
        }
        cut
    }

    fn forged(&mut self, signed_by: &str, number: u64) {
        let given = self.key.id();
        if signed_by == given {
            return self.breaks.push(Break::CheckpointForged { number });
        }
        let other = Break::OtherKey { signed_by: signed_by.to_owned(), given };
        if !self.breaks.contains(&other) {
            self.breaks.push(other);
        }
    }

    fn take_heads(&mut self, signed: &SignedCheckpoint) {
        for head in &signed.checkpoint.heads {
            let known = Known { seq: head.seq, hash: head.hash, checkpoint: signed.checkpoint.number };
            self.heads.entry(head.chain.clone()).or_default().push(known);
        }
    }

    fn look_for_gaps(&mut self, kept: &[SignedCheckpoint], first: u64) {
        let mut next = first;
        for number in kept.iter().map(|signed| signed.checkpoint.number).filter(|number| *number >= first) {
            if number > next {
                self.breaks.push(Break::CheckpointsMissing { from: next, to: number - 1 });
            }
            next = number + 1;
        }
    }

    /// What was logged has to be kept, too.
    fn compare(&mut self, kept: &[SignedCheckpoint], logged: Vec<SignedCheckpoint>, first: u64) {
        let last = kept.last().map_or(first - 1, |last| last.checkpoint.number);
        let mut lost = BTreeSet::new();
        for signed in logged.into_iter().filter(|signed| signed.checkpoint.number >= first) {
            let number = signed.checkpoint.number;
            if !signed.is_signed_by(&self.key) {
                self.forged(&signed.checkpoint.key, number);
                continue;
            }
            match kept.binary_search_by_key(&number, |kept| kept.checkpoint.number) {
                Ok(at) if kept[at] == signed => continue,
                Ok(_) => self.breaks.push(Break::CheckpointChanged { number }),
                Err(_) if number > last => drop(lost.insert(number)),
                Err(_) => {}
            }
            self.take_heads(&signed);
        }
        if let (Some(from), Some(to)) = (lost.first().map(|_| last + 1), lost.last()) {
            self.breaks.push(Break::CheckpointsMissing { from, to: *to });
        }
    }

    /// Begins to follow a chain. What is known of it goes to the walk.
    pub(super) fn walk(&mut self, chain: &str) -> Walk {
        let cut = self.cuts.get(chain);
        let forgotten = cut.map_or(0, |cut| cut.seq);
        let mut known = self.heads.remove(chain).unwrap_or_default();
        known.retain(|known| known.seq > forgotten);
        known.sort_by_key(|known| (known.seq, known.checkpoint));
        Walk::new(chain, self.key, VecDeque::from(known), cut)
    }

    /// Cuts without which the rows that `more` chains have, or checkpoints from `first` on, could not be verified.
    pub(super) fn cuts_needed(&self, first: u64, more: &BTreeSet<String>) -> BTreeMap<String, ChainCut> {
        let is_named =
            |chain| self.heads.get(chain).is_some_and(|known| known.iter().any(|known| known.checkpoint >= first));
        let needed = self.cuts.iter().filter(|(chain, _)| more.contains(*chain) || is_named(*chain));
        needed.map(|(chain, cut)| (chain.clone(), cut.clone())).collect()
    }

    /// Chains that checkpoints know, and of which there was no row.
    pub(super) fn unseen_chains(&self) -> impl Iterator<Item = Break> {
        self.heads.iter().filter_map(|(chain, known)| {
            let last = known.iter().max_by_key(|known| known.seq)?;
            let forgotten = self.cuts.get(chain).map_or(0, |cut| cut.seq);
            let (chain, rows, checkpoint) = (chain.clone(), last.seq - forgotten.min(last.seq), last.checkpoint);
            (rows > 0).then_some(Break::ChainMissing { chain, rows, checkpoint })
        })
    }
}
