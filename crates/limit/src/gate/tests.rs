//! The gate as its callers use it: at random, and (with `--cfg buttress_loom`) in every interleaving.

#[cfg(buttress_loom)]
mod loom;
#[cfg(not(buttress_loom))]
mod random;

use super::*;

fn settlement(charge: Charge) -> Settlement<'static> {
    Settlement { charge, rate_limited: None, told: &Told { limits: None, charging: None } }
}
