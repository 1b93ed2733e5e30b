//! After a write: ownership goes back to the tool that delivers the object, and the object is held to what was promised.

use anchorwatch_core::change::hand_back::hand_back;
use anchorwatch_core::change::{Field, Observed};
use anchorwatch_core::guard;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::ClusterError;
use anchorwatch_edge::cluster::apply::Place;
use serde_json::Value as Json;

use super::Planning;
use super::draft::text;
use crate::fail_point;
use crate::index::Wanted;

/// How often ownership is given back in an object that somebody else writes meanwhile, its status for example.
const ATTEMPTS: usize = 5;

impl Planning<'_> {
    /// Gives ownership back, reads the object again, and says what of the promise does not hold.
    pub(super) fn prove(
        &self,
        wanted: &Wanted<'_>,
        place: &Place,
        fields: &[Field],
        after: Vec<u8>,
    ) -> Result<(), String> {
        let after = self.give_back(wanted, place, after).map_err(|error| error.to_string())?;
        fail_point::reached("rollback-owned");
        let after = text(after).map_err(|error| error.to_string())?;
        let left = self.left(wanted, fields, &after).map_err(|error| error.to_string())?;
        match left.first() {
            None => Ok(()),
            Some(path) => Err(format!("{path} differs again: somebody or something writes it")),
        }
    }

    /// Whether a write has arrived of which nobody knows: it is made as a whole, or not at all.
    pub(super) fn is_written(&self, wanted: &Wanted<'_>, fields: &[Field], object: Option<&[u8]>) -> bool {
        let object = object.and_then(|object| std::str::from_utf8(object).ok());
        object.is_some_and(|object| self.left(wanted, fields, object).is_ok_and(|left| left.is_empty()))
    }

    /// The object as it is read after its ownership was given back, where there is somebody to give it to.
    fn give_back(&self, wanted: &Wanted<'_>, place: &Place, mut after: Vec<u8>) -> Result<Vec<u8>, ClusterError> {
        let read = || self.runtime.block_on(self.cluster.object(&place.object));
        for _ in 0..ATTEMPTS {
            let object: Json = serde_json::from_slice(&after).unwrap_or_default();
            let given = hand_back(&object["metadata"]["managedFields"], &wanted.desired.root);
            let (Some(managed_fields), Ok(observed)) = (given, Observed::of(&after)) else { break };
            let now = clock::now();
            let (permit, write, body) = guard::hand_back(&self.cluster.identity(), &observed, managed_fields, now);
            match self.runtime.block_on(self.cluster.write(permit, (&write, place), &body, now)) {
                Ok(_) => break,
                Err(error) if self.target().has_moved(&error, &place.object, Some(&observed)) => {}
                Err(error) => return Err(error),
            }
            match read()? {
                Some(object) => after = object,
                None => break,
            }
        }
        Ok(read()?.unwrap_or(after))
    }
}
