//! What somebody was shown and may confirm: once, until a time, and nobody else.
//!
//! An offer is a row of `duties`: that person is its holder, until its lease ends, and its state is what is offered.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait as _, FromQueryResult};

use super::{Store, StoreError, failing, micros};

/// What came of taking an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It was this, and is no more.
    Now(String),
    /// Somebody has taken it, or there never was one.
    Gone,
    /// It has run out.
    Late,
    /// It is somebody else's, and stays so.
    NotTheirs,
}

#[derive(FromQueryResult)]
struct Held {
    holder: String,
    leased_until: i64,
}

#[derive(FromQueryResult)]
struct Offered {
    state: String,
}

impl Store {
    /// Offers somebody what they may take once, by this id.
    pub async fn offer(&self, offer_id: &str, person: &str, what: &str, until: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO duties (name, holder, leased_until, epoch, state) VALUES ($1, $2, $3, 1, $4)";
        let values = [name(offer_id).into(), person.into(), micros(until).into(), what.into()];
        self.db.execute_raw(self.statement(sql, values)).await.map(drop).map_err(failing("make an offer"))
    }

    /// Takes what somebody was offered.
    pub async fn take_offer(&self, offer_id: &str, person: &str, now: Timestamp) -> Result<Taken, StoreError> {
        let (name, doing) = (name(offer_id), "take an offer");
        let sql = "SELECT holder, leased_until FROM duties WHERE name = $1";
        match self.by_id::<Held>(sql, &name, doing).await? {
            None => return Ok(Taken::Gone),
            Some(Held { holder, .. }) if holder != person => return Ok(Taken::NotTheirs),
            Some(Held { leased_until, .. }) if leased_until <= micros(now) => return Ok(Taken::Late),
            Some(_) => {}
        }
        // Of those who come this far at once, one gets the row.
        let sql = "DELETE FROM duties WHERE name = $1 RETURNING state";
        let offered: Option<Offered> = self.by_id(sql, &name, doing).await?;
        Ok(offered.map_or(Taken::Gone, |offered| Taken::Now(offered.state)))
    }
}

fn name(offer_id: &str) -> String {
    format!("offer/{offer_id}")
}
