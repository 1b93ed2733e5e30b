//! Follows an audit row by row, and names everything that is not as it was written.
//!
//! Of the rows only attempts that are open and a few seals are held, whatever their number.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::row::Header;
use super::walk::{Step, Walk};
use super::{Cut, Hash, Record};

/// How many breaks are named, and how many open attempts; of the rest there is a number.
const NAMED: usize = 1000;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "broken", rename_all = "kebab-case")]
pub enum Break {
    /// The key is another one.
    OtherKey {
        /// The id of the key that signed.
        signed_by: String,
        /// The id of the key that was given.
        given: String,
    },
    /// Checkpoints are not there.
    CheckpointsMissing {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A checkpoint is not the one that was written there, or the one before it is not.
    CheckpointChanged {
        /// Its number.
        number: u64,
    },
    /// A checkpoint comes twice, or in the wrong place.
    CheckpointMisplaced {
        /// Its number.
        number: u64,
    },
    /// A checkpoint is not signed by the key.
    CheckpointForged {
        /// Its number.
        number: u64,
    },
    /// Something in the place of a checkpoint cannot be read.
    CheckpointUnreadable {
        /// What stands there, or its beginning.
        text: String,
        /// Why.
        reason: String,
    },
    /// All rows of a chain are gone.
    ChainMissing {
        /// The chain.
        chain: String,
        /// How many rows it had at least.
        rows: u64,
        /// The checkpoint that knows of them.
        checkpoint: u64,
    },
    /// The end of a chain is gone.
    EndMissing {
        /// The chain.
        chain: String,
        /// The first row that is gone.
        from: u64,
        /// The last one that is known of.
        to: u64,
        /// The checkpoint that knows of it.
        checkpoint: u64,
    },
    /// Rows in the middle of a chain, or at its beginning, are gone.
    RowsMissing {
        /// The chain.
        chain: String,
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A row is not the one that was written there, or the one before it is not.
    RowChanged {
        /// The chain.
        chain: String,
        /// Its number.
        seq: u64,
    },
    /// A row, or one before it, is another one than a checkpoint has signed.
    RowNotAsSigned {
        /// The chain.
        chain: String,
        /// Its number.
        seq: u64,
        /// The checkpoint.
        checkpoint: u64,
    },
    /// Rows that no seal covers: they were added, or written anew, by somebody without the key, or others that were
    /// written together with them were cut off.
    RowsForged {
        /// The chain.
        chain: String,
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// A row stands after one that came later.
    RowReordered {
        /// The chain.
        chain: String,
        /// Its number.
        seq: u64,
    },
    /// A row comes twice.
    RowRepeated {
        /// The chain.
        chain: String,
        /// Its number.
        seq: u64,
    },
    /// A row is kept in the place of another one.
    RowMisplaced {
        /// The chain in whose place it is.
        chain: String,
        /// The number in whose place it is.
        seq: u64,
        /// What it says that it is.
        says: String,
    },
    /// A row cannot be read.
    RowUnreadable {
        /// Where.
        place: String,
        /// Why.
        reason: String,
    },
    /// An attempt ends that has not begun, or has ended already.
    EndWithoutBegin {
        /// The chain.
        chain: String,
        /// The row.
        seq: u64,
        /// The attempt.
        attempt: String,
    },
    /// An attempt begins that has begun already.
    BeginRepeated {
        /// The chain.
        chain: String,
        /// The row.
        seq: u64,
        /// The attempt.
        attempt: String,
    },
}

/// A row as it was found.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Where.
    pub place: Place<'a>,
    /// Its body.
    pub body: &'a str,
    /// Its hash.
    pub hash: &'a str,
    /// Its seal.
    pub seal: Option<&'a str>,
}

/// Where a row was found.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In a store, which says beside the body where it belongs.
    Store(Columns<'a>),
    /// In a line of a file.
    Line(u64),
}

/// What a store says of a row beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The chain.
    pub chain: &'a str,
    /// Its number there.
    pub seq: i64,
    /// When, in microseconds.
    pub at: i64,
}

/// An attempt that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The chain.
    pub chain: String,
    /// The row in which it began; none where that was forgotten.
    pub seq: Option<u64>,
    /// The attempt.
    pub attempt: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many rows were there.
    pub rows: u64,
    /// In how many chains.
    pub chains: u64,
    /// How many checkpoints were there.
    pub checkpoints: u64,
    /// How many rows came after the last checkpoint of their chain. They are sealed, but if they were cut off nobody would know.
    pub after_checkpoint: u64,
    /// True where older rows were forgotten as the configuration says.
    pub is_cut: bool,
    /// When the last checkpoint was made.
    pub last_checkpoint_at: Option<Timestamp>,
    /// The id of the key.
    pub key: String,
    /// How many attempts are open: they run, or their process was killed.
    pub open: u64,
    /// The first of them.
    pub open_attempts: Vec<Open>,
    /// How many breaks there are.
    pub broken: u64,
    /// The first of them, those of checkpoints before those of rows.
    pub breaks: Vec<Break>,
}

/// Follows an audit; the checkpoints were read before, see [`Record`].
#[derive(Debug)]
pub struct Verifier {
    record: Record,
    walks: BTreeMap<String, Walk>,
    /// The chain of the row before, which is that of nearly every row.
    current: Option<(String, Walk)>,
    rows: u64,
    broken: Breaks,
}

/// Counts all, and holds the first.
#[derive(Debug, Default)]
struct Breaks {
    count: u64,
    first: Vec<Break>,
}

impl Breaks {
    fn add(&mut self, found: Break) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(found);
        }
    }
}

impl Verifier {
    /// Begins with what the checkpoints say.
    pub fn new(mut record: Record) -> Self {
        let mut broken = Breaks::default();
        for found in std::mem::take(&mut record.breaks) {
            broken.add(found);
        }
        Self { record, walks: BTreeMap::new(), current: None, rows: 0, broken }
    }

    /// The next row: chain by chain, in the order of their numbers.
    pub fn row(&mut self, stored: Stored<'_>) {
        self.rows += 1;
        let header = match Header::read(stored.body) {
            Ok(header) => header,
            Err(error) => {
                let (place, reason) = (stored.place.to_string(), error.to_string());
                self.broken.add(Break::RowUnreadable { place, reason });
                return self.pass_over(stored);
            }
        };
        if let Place::Store(columns) = stored.place
            && !columns.are_of(&header)
        {
            let says = format!("{} {} of {}", header.chain, header.seq, header.at);
            let (chain, seq) = (columns.chain.to_owned(), columns.number());
            self.broken.add(Break::RowMisplaced { chain, seq, says });
            return self.pass_over(stored);
        }
        let step = Step { header: &header, body: stored.body, hash: stored.hash.parse().ok(), seal: stored.seal };
        let broken = &mut self.broken;
        let walk = walk_of(&mut self.current, &mut self.walks, &mut self.record, &header.chain);
        walk.step(&step, |found| broken.add(found));
    }

    /// Goes on after a row that was named already.
    fn pass_over(&mut self, stored: Stored<'_>) {
        let Place::Store(columns) = stored.place else { return };
        let walk = walk_of(&mut self.current, &mut self.walks, &mut self.record, columns.chain);
        walk.pass_over(columns.number(), stored.hash.parse().ok());
    }

    /// What is to be signed where all that was followed is forgotten, up to a seal in each chain, with the checkpoints before `first`. Chains that have
    /// `more` rows, and those that checkpoints still name, keep the cuts that they have. What is broken is not forgotten.
    pub fn cut(mut self, first: u64, more: &BTreeSet<String>) -> Result<Cut, Break> {
        if let Some(found) = self.broken.first.into_iter().next() {
            return Err(found);
        }
        self.walks.extend(self.current.take());
        let mut cuts = self.record.cuts_needed(first, more);
        for (chain, walk) in self.walks {
            cuts.insert(chain, walk.cut()?);
        }
        Ok(Cut { first, chains: cuts.into_values().collect() })
    }

    /// Ends: what is not there can be told now.
    pub fn finish(mut self) -> Report {
        self.walks.extend(self.current.take());
        let chains = self.walks.len() as u64;
        let (mut open, mut open_attempts, mut after_checkpoint) = (0, Vec::new(), 0);
        let broken = &mut self.broken;
        for walk in std::mem::take(&mut self.walks).into_values() {
            let ended = walk.finish(|found| broken.add(found));
            after_checkpoint += ended.after_checkpoint;
            open += ended.open.len() as u64;
            open_attempts.extend(ended.open.into_iter().take(NAMED.saturating_sub(open_attempts.len())));
        }
        for found in self.record.unseen_chains() {
            broken.add(found);
        }
        let Breaks { count, first } = self.broken;
        Report {
            rows: self.rows,
            chains,
            checkpoints: self.record.checkpoints,
            after_checkpoint,
            is_cut: self.record.is_cut,
            last_checkpoint_at: self.record.last_at,
            key: self.record.key.id(),
            open,
            open_attempts,
            broken: count,
            breaks: first,
        }
    }
}

/// The walk along a chain: the current one, one that was left, or a new one.
fn walk_of<'w>(
    current: &'w mut Option<(String, Walk)>,
    walks: &mut BTreeMap<String, Walk>,
    record: &mut Record,
    chain: &str,
) -> &'w mut Walk {
    if current.as_ref().is_none_or(|(name, _)| name != chain) {
        let walk = walks.remove(chain).unwrap_or_else(|| record.walk(chain));
        if let Some((left, walk)) = current.replace((chain.to_owned(), walk)) {
            walks.insert(left, walk);
        }
    }
    &mut current.as_mut().expect("it was just put there").1
}

impl Columns<'_> {
    fn number(&self) -> u64 {
        u64::try_from(self.seq).unwrap_or(0)
    }

    fn are_of(&self, header: &Header<'_>) -> bool {
        self.chain == header.chain && self.number() == header.seq && self.at == header.at.as_microsecond()
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(columns) => write!(f, "{} {}", columns.chain, columns.seq),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}

/// A row of which a checkpoint knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) checkpoint: u64,
}
