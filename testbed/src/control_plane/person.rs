//! Who may speak to the API server.

use std::fs::File;
use std::io::{self, Read as _};

use crate::hexadecimal;

/// Somebody with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    /// May do everything (`system:masters`).
    Admin,
    /// May do nothing until a test grants it.
    Alice,
    /// May do nothing until a test grants it.
    Bob,
}

impl Person {
    /// Everybody.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Alice, Self::Bob];

    /// The user name, as RBAC, managedFields and the audit log have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Alice | Self::Bob => "",
        }
    }
}

/// Everybody's bearer token, made for one control plane.
#[derive(Debug)]
pub(crate) struct Tokens([String; 3]);

impl Tokens {
    /// Random ones: loopback is open to every user of the machine.
    pub(crate) fn random() -> io::Result<Self> {
        let mut random = File::open("/dev/urandom")?;
        let mut token = || -> io::Result<String> {
            let mut bytes = [0_u8; 16];
            random.read_exact(&mut bytes)?;
            Ok(hexadecimal::of(&bytes))
        };
        Ok(Self([token()?, token()?, token()?]))
    }

    pub(crate) fn of(&self, person: Person) -> &str {
        match person {
            Person::Admin => &self.0[0],
            Person::Alice => &self.0[1],
            Person::Bob => &self.0[2],
        }
    }

    /// The API server's `--token-auth-file`: `token,user,uid,"groups"`, the groups only if there are any.
    pub(crate) fn file(&self) -> String {
        // Without groups there is no fourth column: an empty one is a group without a name.
        let line = |person: Person| {
            let (token, name) = (self.of(person), person.name());
            match person.groups() {
                "" => format!("{token},{name},{name}\n"),
                groups => format!("{token},{name},{name},\"{groups}\"\n"),
            }
        };
        Person::ALL.into_iter().map(line).collect()
    }
}
