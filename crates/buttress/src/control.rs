//! One handle over all layers, by target name.
//!
//! Each layer has a handle of its own. An operator does not think in layers but in targets and routes: what is wrong with
//! `openai`, who answers `chat` now, and how is it turned off. A [`Control`] holds the layers' handles under these names,
//! tells how everything is in one plain value ([`Status`]), and passes changes on to whom they concern. No change needs a
//! restart, and none loses a call: that is the layers' own promise.
//!
//! ```
//! use buttress::{
//!     breaker::BreakerLayer,
//!     control::Control,
//!     failover::Failover,
//!     limit::{LimitLayer, Policy},
//! };
//! # use tower::service_fn;
//! # let [a, b] = [(); 2].map(|()| service_fn(|n: u32| async move { Ok::<_, std::convert::Infallible>(n) }));
//!
//! let breaker = BreakerLayer::default().name("openai");
//! let limit = LimitLayer::new(Policy::per_minute(500, 200_000))?;
//! let fleet = Failover::in_order([("openai", a), ("anthropic", b)])?;
//!
//! let control = Control::new();
//! control.target("openai").breaker(breaker.handle()).limit(limit.handle());
//! control.route("chat").failover(fleet.handle());
//!
//! control.force_open("openai")?;
//! control.reorder("chat", ["anthropic"])?;
//! let status = control.status();
//! assert_eq!(&*status.routes[0].targets[0].name, "anthropic");
//! assert_eq!(status.targets[0].breaker.as_ref().unwrap().state, "forced_open");
//!
//! let error = control.drain("opnai").unwrap_err().to_string();
//! assert_eq!(error, r#"target "opnai": no route has it; there are "anthropic" and "openai""#);
//! # Ok::<_, buttress::BoxError>(())
//! ```
//!
//! A name stands for one set of layers. Routes that share a target share its breaker and its limits; if they do not, give
//! each its own name.

mod changes;
mod event;
mod handle;
mod journal;
mod numbers;
mod readiness;
mod recorder;
mod refused;
mod register;
mod registry;
mod status;

pub use event::{Event, Severity};
pub use handle::Control;
pub use numbers::{BreakerNumbers, LimitNumbers, RateNumbers, SlowNumbers};
pub use readiness::{Readiness, RouteReadiness};
pub use refused::Refused;
pub use register::{RouteEntry, TargetEntry};
pub use status::{
    BreakerStatus, CoolingModel, HedgeStatus, LevelStatus, LimitStatus, PlaceStatus, RouteStatus, Status,
    TargetStatus,
};
