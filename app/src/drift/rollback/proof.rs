//! After a write: ownership goes back to the tool that delivers the object, and the object is held to what was promised.

use anchorwatch_core::change::hand_back::hand_back;
use anchorwatch_core::change::{Field, ObjectChange, Observed, Promise, Write};
use anchorwatch_core::guard;
use anchorwatch_edge::clock;
use anchorwatch_edge::cluster::ClusterError;
use anchorwatch_edge::cluster::apply::Place;
use serde_json::Value as Json;

use super::draft::text;
use super::{Planning, Sent, attempts};
use crate::drift::confirm;
use crate::fail_point;
use crate::index::Wanted;

impl Planning<'_> {
    /// Gives ownership back, reads the object again, and says what of the promise does not hold.
    pub(super) fn prove(
        &self,
        wanted: &Wanted<'_>,
        place: &Place,
        fields: &[Field],
        after: Vec<u8>,
    ) -> Result<(), String> {
        let after = self.give_back(wanted, place, after).map_err(|error| confirm::shown(&error))?;
        let after = after.ok_or("it is gone")?;
        fail_point::reached("rollback-owned");
        let after = text(after).map_err(|error| error.to_string())?;
        let left = self.left(wanted, fields, &after).map_err(|error| error.to_string())?;
        match left.first() {
            None => Ok(()),
            Some(path) => Err(format!("{path} differs again: somebody or something writes it")),
        }
    }

    /// Whether a write has arrived of which nobody knows: it is made as a whole, or not at all. It has where the object is as it was
    /// written, though Git may say something else by now; or as Git says, though the server may write it in another way.
    pub(super) fn is_written(&self, wanted: &Wanted<'_>, change: &ObjectChange, object: Option<&[u8]>) -> bool {
        let Some(object) = object else { return false };
        match &change.write {
            Promise::Exact(Write::Create(_)) => true,
            Promise::Exact(Write::Delete(_) | Write::Recreate { .. }) => false,
            Promise::Exact(write) if write.left(object).is_empty() => true,
            Promise::Exact(_) | Promise::Sealed { .. } => {
                let left = |object| self.left(wanted, &change.fields, object);
                std::str::from_utf8(object).is_ok_and(|object| left(object).is_ok_and(|left| left.is_empty()))
            }
        }
    }

    /// `managedFields` with what is as Git says in the delivering tool's entry, where there is something to give.
    fn given(&self, wanted: &Wanted<'_>, object: &[u8]) -> Option<Json> {
        let object = std::str::from_utf8(object).ok()?;
        let json: Json = serde_json::from_str(object).ok()?;
        let live = self.parse(wanted, object).ok()?;
        let managed_fields = &json["metadata"]["managedFields"];
        self.examiner.with_pair(wanted, &live, wanted.head.api_version, |pair| hand_back(managed_fields, pair))
    }

    /// The object as it is read after its ownership was given back, where there is somebody to give it to.
    /// `None` if it is gone.
    fn give_back(
        &self,
        wanted: &Wanted<'_>,
        place: &Place,
        mut after: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, ClusterError> {
        let mut lost = None;
        let read = || self.runtime.block_on(self.cluster.object(&place.object));
        for () in attempts(self.runtime) {
            lost = None;
            let given = self.given(wanted, &after);
            let (Some(managed_fields), Ok(observed)) = (given, Observed::of(&after)) else { break };
            let at = (self.cluster.identity(), place.object.as_str());
            let (permit, body) = guard::hand_back((&at.0, at.1), &observed, managed_fields, clock::now());
            match self.target().send(permit, place, &body, Some(&observed)) {
                Sent::Written(_) => break,
                Sent::Moved(error) => lost = Some(error),
                Sent::Refused(error) | Sent::Unknown(error) => return Err(error),
            }
            match read()? {
                Some(object) => after = object,
                None => break,
            }
        }
        if let Some(error) = lost {
            return Err(error);
        }
        read()
    }
}
