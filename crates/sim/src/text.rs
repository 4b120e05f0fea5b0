//! What the provider says. The words depend on the sim alone, so that a client can check that nothing was lost,
//! doubled, reordered or mixed in from another provider.

use crate::seed::Seed;

/// Some are awkward on purpose: text that looks like framing, needs escaping, or is more than one byte a character.
const WORDS: [&str; 32] = [
    "tower",
    "wall",
    "arch",
    "stone",
    "vault",
    "beam",
    "pier",
    "span",
    "load",
    "thrust",
    "mortar",
    "keystone",
    "rib",
    "nave",
    "spire",
    "brace",
    "strut",
    "truss",
    "lintel",
    "plinth",
    "corbel",
    "gable",
    "naïve",
    "Strebebogen",
    "扶壁",
    "🏰",
    "\"quoted\"",
    "back\\slash",
    "[DONE]",
    "data:",
    "line\nbreak",
    "\"error\":{}",
];

/// Token `index` of every answer, with the space that parts it from the one before.
pub(crate) fn token(seed: Seed, index: u64) -> String {
    let word = WORDS[(seed.word(index) % WORDS.len() as u64) as usize];
    if index == 0 { word.to_owned() } else { format!(" {word}") }
}

/// The first `tokens` tokens.
pub(crate) fn text(seed: Seed, tokens: u64) -> String {
    (0..tokens).map(|index| token(seed, index)).collect()
}
