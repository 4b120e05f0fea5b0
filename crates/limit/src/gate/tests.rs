//! The gate as its callers use it: at random, and (with `--cfg buttress_loom`) in every interleaving.

#[cfg(not(buttress_loom))]
mod counts;
#[cfg(buttress_loom)]
mod loom;
#[cfg(not(buttress_loom))]
mod random;

use super::*;

fn settlement(charge: Charge) -> Settlement<'static, impl FnOnce(&Need, Charging) -> Charge> {
    let told = &Told { limits: None, charging: None };
    Settlement { charge: move |_: &Need, _| charge, rate_limited: None, told }
}
