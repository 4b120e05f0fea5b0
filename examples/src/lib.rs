//! The examples live beside this file; each one is a program of its own.

/// The code in these pages compiles.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/guide.md")]
    struct Guide;
    #[doc = include_str!("../../docs/failover.md")]
    struct Failover;
    #[doc = include_str!("../../docs/hedging.md")]
    struct Hedging;
    #[doc = include_str!("../../docs/limiter.md")]
    struct Limiter;
    #[doc = include_str!("../../docs/retry.md")]
    struct Retry;
    #[doc = include_str!("../../docs/telemetry.md")]
    struct Telemetry;
}
