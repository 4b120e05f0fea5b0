//! The messages of a request.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::text::{Text, Walk, is_systems};
use crate::json::{each, field};

/// What messages say together.
#[derive(Debug, Default)]
pub(super) struct Turns {
    text: Text,
    /// The hash up to the first that is not the system's.
    prefix: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
}

impl Turns {
    /// Reads whatever stands there, each message by itself.
    pub(super) fn read(list: &RawValue) -> Self {
        let mut turns = Turns::default();
        each(Some(list), |turn| {
            turns.text.add(turn);
            turns.seen(|| is_systems(field::<Message<'_>>(Some(turn)).and_then(|message| message.role)));
        });
        turns
    }

    fn seen(&mut self, is_system: impl FnOnce() -> bool) {
        if !self.text.unhashed {
            self.prefix = Some(self.text.hash);
            self.text.unhashed = !is_system();
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.text.bytes
    }

    pub(super) fn prefix(&self) -> Option<u64> {
        self.prefix
    }
}

/// In one pass, which only a list of what can be read passes.
impl<'de> Deserialize<'de> for Turns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InPlace;

        impl<'de> Visitor<'de> for InPlace {
            type Value = Turns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Turns, A::Error> {
                let mut turns = Turns::default();
                let mut is_system = false;
                while seq.next_element_seed(Walk::of_turn(&mut turns.text, &mut is_system))?.is_some() {
                    turns.seen(|| is_system);
                    is_system = false;
                }
                Ok(turns)
            }
        }

        deserializer.deserialize_seq(InPlace)
    }
}
