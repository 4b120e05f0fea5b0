//! What every clone of a failover, and every handle, knows of one target.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::Ordering::{Acquire, Relaxed, Release},
    },
    time::Duration,
};

use buttress_call::{Failure, Kind};
use tokio::time::Instant;

use crate::{
    capability::Capabilities,
    change::{Change, News},
    cooling::{Cooler, Seen},
    random::mix,
    sync::{AtomicBool, AtomicU32},
    target::Settings,
    traffic::Traffic,
    warm_up::Era,
};

pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) name_hash: u64,
    /// Its bit in the words of a call; no two targets of one failover share it.
    pub(crate) slot: u32,
    pub(crate) capabilities: Capabilities,
    pub(crate) gate: OnceLock<Gate>,
    /// Called when a probe has found the target well though its gate is shut.
    pub(crate) reopen: OnceLock<Reopen>,
    /// What the gate said last.
    shut: AtomicBool,
    pub(crate) cooler: Cooler,
    pub(crate) traffic: Traffic,
    pub(crate) tier: AtomicU32,
    pub(crate) weight: AtomicU32,
    /// It takes no more calls: drained, or removed.
    drained: AtomicBool,
    news: News,
}

/// Opens a gate.
pub(crate) type Reopen = Box<dyn Fn() + Send + Sync>;

/// True while calls may pass.
pub(crate) type Gate = Box<dyn Fn() -> bool + Send + Sync>;

impl State {
    pub(crate) fn new(slot: u32, settings: Settings, news: News) -> Self {
        let name = settings.name;
        State {
            cooler: Cooler::new(name.clone(), news.clone()),
            name_hash: hash(name.as_bytes()),
            name,
            slot,
            capabilities: settings.capabilities,
            gate: settings.gate.map_or_else(OnceLock::new, OnceLock::from),
            reopen: settings.reopen.map_or_else(OnceLock::new, OnceLock::from),
            shut: AtomicBool::new(false),
            traffic: Traffic::new(),
            tier: AtomicU32::new(settings.tier),
            weight: AtomicU32::new(settings.weight),
            drained: AtomicBool::new(false),
            news,
        }
    }

    #[inline]
    pub(crate) fn bit(&self) -> u64 {
        1 << self.slot
    }

    pub(crate) fn tier(&self) -> u32 {
        self.tier.load(Relaxed)
    }

    #[inline]
    pub(crate) fn is_gated(&self) -> bool {
        self.gate.get().is_some_and(|may_pass| self.note(!may_pass()))
    }

    /// Whether the gate is shut. A target whose gate has opened warms up.
    fn note(&self, shut: bool) -> bool {
        if self.shut.load(Relaxed) != shut && self.shut.swap(shut, Relaxed) && !shut {
            self.cooler.warm_up.begin();
            self.tell(Change::Recovered);
        }
        shut
    }

    /// Out of service, and nobody has said until when.
    pub(crate) fn awaits_probe(&self) -> bool {
        !self.is_drained() && (self.is_gated() || self.cooler.awaits_probe())
    }

    /// A probe found it well.
    pub(crate) fn answered_probe(&self, seen: Seen) {
        tracing::info!(name = &*self.name, "target answers a probe");
        self.cooler.recovered(seen, None);
        if self.is_gated()
            && let Some(reopen) = self.reopen.get()
        {
            reopen();
            // So that its callers are told now, not by the next call.
            self.is_gated();
        }
    }

    /// Whether it warms up, and has as many calls as it may have by now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        !self.cooler.warm_up.has_room()
    }

    /// A call brought its first content after this time, if that is known, as was seen at this moment.
    #[inline]
    pub(crate) fn succeeded(&self, first_content: Option<(Duration, Instant)>, era: Option<Era>) {
        self.traffic.succeeded(first_content);
        let warm_up = &self.cooler.warm_up;
        if warm_up.allowed().is_some() {
            warm_up.grow(era.unwrap_or_else(|| warm_up.era()));
        }
    }

    /// A call failed, early or late. One of no era began and ended in this one.
    pub(crate) fn failed(&self, kind: Kind, era: Option<Era>) {
        let warm_up = &self.cooler.warm_up;
        if self.traffic.failed(kind) {
            warm_up.start_over(era.unwrap_or_else(|| warm_up.era()));
        }
    }

    /// One of its calls is in flight, until [`left`](State::left).
    pub(crate) fn entered(&self) -> Era {
        self.traffic.enter();
        self.cooler.warm_up.enter()
    }

    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        self.drained.load(Acquire)
    }

    /// Release: who sees it sees the roster's new version too.
    pub(crate) fn drain(&self, drained: bool) {
        self.drained.store(drained, Release);
        self.traffic.publish();
    }

    pub(crate) fn cool(&self, failure: Failure, model: Option<&Arc<str>>) -> Option<Duration> {
        let time = self.cooler.cool(failure, model)?;
        if failure.kind != Kind::NotFound {
            let cooldown = crate::Cooldown { kind: failure.kind, remaining: time };
            self.tell(|name| Change::Cooling(name, cooldown));
        }
        Some(time)
    }

    /// One of its calls has ended.
    pub(crate) fn left(&self, era: Era) {
        self.cooler.warm_up.leave(era);
        if self.traffic.leave() == 0 && self.is_drained() {
            self.tell(Change::Idle);
        }
    }

    pub(crate) fn tell(&self, change: impl FnOnce(Arc<str>) -> Change) {
        self.news.tell(change(self.name.clone()));
    }
}

/// FNV-1a: the same in every process, so that instances of a gateway agree on where a key goes.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    mix(hash)
}

/// A call that a target still serves after its future resolved: an answer that flows.
pub(crate) struct Flowing {
    state: Arc<State>,
    era: Era,
}

impl Flowing {
    pub(crate) fn new(state: &Arc<State>) -> Self {
        Flowing { state: state.clone(), era: state.entered() }
    }

    pub(crate) fn failed(&self, kind: Kind) {
        self.state.failed(kind, Some(self.era));
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        self.state.left(self.era);
    }
}
