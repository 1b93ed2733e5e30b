//! One chain, row after row.

use std::collections::{HashMap, VecDeque};

use super::row::{Header, Kind};
use super::verify::Known;
use super::{Break, ChainCut, Hash, Open, PublicKey};

/// Seals that are held until one of them is looked at: the last one covers those before it.
const SEALS: usize = 4096;
/// Places in which rows are missing; of a chain in shreds no more are told apart.
const GAPS: usize = 1000;

/// How far a chain was followed.
#[derive(Debug)]
pub(super) struct Walk {
    chain: String,
    key: PublicKey,
    /// The number that comes next.
    next: u64,
    /// The hash that the next row follows; none after a gap.
    before: Option<Hash>,
    /// Rows that checkpoints know, in order.
    known: VecDeque<Known>,
    /// Open attempts, and the rows in which they began.
    open: HashMap<String, Option<u64>>,
    /// Numbers that were passed over, from and to.
    gaps: Vec<(u64, u64)>,
    /// Seals that were not looked at.
    seals: Vec<(u64, Hash, String)>,
    /// The last row that a checkpoint knows as it is.
    signed: u64,
    /// The last row that a checkpoint or a seal covers.
    covered: u64,
}

/// A row, read as far as it has to be.
pub(super) struct Step<'a> {
    pub(super) header: &'a Header<'a>,
    pub(super) body: &'a str,
    pub(super) hash: Option<Hash>,
    pub(super) seal: Option<&'a str>,
}

/// What is known at the end of a chain.
pub(super) struct Ended {
    pub(super) after_checkpoint: u64,
    pub(super) open: Vec<Open>,
}

impl Walk {
    pub(super) fn new(chain: &str, key: PublicKey, known: VecDeque<Known>, cut: Option<&ChainCut>) -> Self {
        let cut_at = cut.map_or(0, |cut| cut.seq);
        Self {
            chain: chain.to_owned(),
            key,
            next: cut_at + 1,
            before: Some(cut.map_or(Hash::NONE, |cut| cut.hash)),
            known,
            open: cut.into_iter().flat_map(|cut| &cut.open).map(|attempt| (attempt.clone(), None)).collect(),
            gaps: Vec::new(),
            seals: Vec::new(),
            signed: cut_at,
            covered: cut_at,
        }
    }

    pub(super) fn step(&mut self, step: &Step<'_>, mut found: impl FnMut(Break)) {
        let seq = step.header.seq;
        if seq < self.next {
            let (was_missing, chain) = (self.fill_gap(seq), self.chain.clone());
            return found(if was_missing {
                Break::RowReordered { chain, seq }
            } else {
                Break::RowRepeated { chain, seq }
            });
        }
        let follows = match (self.next == seq, self.before, step.hash) {
            (_, _, None) => false,
            (true, Some(before), Some(hash)) => before.followed_by(step.body.as_bytes()) == hash,
            // What it follows is gone.
            _ => true,
        };
        if !follows {
            found(Break::RowChanged { chain: self.chain.clone(), seq });
        }
        self.pass_over(seq, step.hash);
        if let Some(hash) = step.hash {
            self.cover(seq, hash, step.seal, &mut found);
        }
        self.pair(step.header, found);
    }

    /// Goes on after a row. What comes next has to follow the hash that is kept there: so one break is named once.
    pub(super) fn pass_over(&mut self, seq: u64, hash: Option<Hash>) {
        if seq < self.next {
            return;
        }
        if seq > self.next && self.gaps.len() < GAPS {
            self.gaps.push((self.next, seq - 1));
        }
        self.next = seq.saturating_add(1);
        self.before = hash;
    }

    /// True if the row was passed over before.
    fn fill_gap(&mut self, seq: u64) -> bool {
        let Some(at) = self.gaps.iter().position(|(from, to)| (*from..=*to).contains(&seq)) else { return false };
        let (from, to) = self.gaps.remove(at);
        let parts = [(from, seq.saturating_sub(1)), (seq + 1, to)];
        self.gaps.extend(parts.into_iter().filter(|(from, to)| from <= to));
        true
    }

    /// Compares with what checkpoints know, and keeps the seal.
    fn cover(&mut self, seq: u64, hash: Hash, seal: Option<&str>, found: &mut impl FnMut(Break)) {
        while let Some(known) = self.known.pop_front_if(|known| known.seq <= seq) {
            if known.seq == seq && known.hash != hash {
                let (chain, checkpoint) = (self.chain.clone(), known.checkpoint);
                found(Break::RowNotAsSigned { chain, seq, checkpoint });
            } else if known.seq == seq {
                self.seals.clear();
                (self.signed, self.covered) = (seq, seq);
            }
        }
        if self.covered == seq {
            return;
        }
        if let Some(seal) = seal {
            self.seals.push((seq, hash, seal.to_owned()));
            if self.seals.len() >= SEALS {
                self.look_at_seals();
            }
        }
    }

    /// The last good seal covers all up to it.
    fn look_at_seals(&mut self) {
        let good = self.seals.iter().rev().find(|(_, hash, seal)| self.key.has_sealed(*hash, seal));
        self.covered = good.map_or(self.covered, |(seq, ..)| *seq);
        self.seals.clear();
    }

    fn pair(&mut self, header: &Header<'_>, mut found: impl FnMut(Break)) {
        let seq = header.seq;
        let named = || (self.chain.clone(), header.attempt.clone().into_owned());
        match header.kind {
            Kind::Begin if self.open.contains_key(header.attempt.as_ref()) => {
                let (chain, attempt) = named();
                found(Break::BeginRepeated { chain, seq, attempt });
            }
            Kind::Begin => drop(self.open.insert(header.attempt.clone().into_owned(), Some(seq))),
            Kind::End if self.open.remove(header.attempt.as_ref()).is_none() => {
                let (chain, attempt) = named();
                found(Break::EndWithoutBegin { chain, seq, attempt });
            }
            Kind::End | Kind::Start | Kind::Reject => {}
        }
    }

    /// All up to here as a cut. Nothing that is not covered is cut: it would be signed unseen.
    pub(super) fn cut(mut self) -> Result<ChainCut, Break> {
        let last = self.next - 1;
        self.look_at_seals();
        if let Some((from, to)) = self.gaps.into_iter().min() {
            return Err(Break::RowsMissing { chain: self.chain, from, to });
        }
        let Some(hash) = self.before.filter(|_| self.covered == last) else {
            return Err(Break::RowsForged { chain: self.chain, from: self.covered + 1, to: last });
        };
        let mut open: Vec<String> = self.open.into_keys().collect();
        open.sort_unstable();
        Ok(ChainCut { chain: self.chain, seq: last, hash, open })
    }

    pub(super) fn finish(mut self, mut found: impl FnMut(Break)) -> Ended {
        let last = self.next - 1;
        self.gaps.sort_unstable();
        for (from, to) in std::mem::take(&mut self.gaps) {
            found(Break::RowsMissing { chain: self.chain.clone(), from, to });
        }
        if let Some(known) = self.known.iter().max_by_key(|known| known.seq) {
            let (to, checkpoint) = (known.seq, known.checkpoint);
            let (chain, from) = (self.chain.clone(), self.next);
            found(Break::EndMissing { chain, from, to, checkpoint });
        }
        self.look_at_seals();
        if self.covered < last {
            found(Break::RowsForged { chain: self.chain.clone(), from: self.covered + 1, to: last });
        }
        let mut open: Vec<_> = self.open.into_iter().map(|(attempt, seq)| (seq, attempt)).collect();
        open.sort_unstable();
        let name = |(seq, attempt)| Open { chain: self.chain.clone(), seq, attempt };
        Ended { after_checkpoint: last.saturating_sub(self.signed), open: open.into_iter().map(name).collect() }
    }
}
