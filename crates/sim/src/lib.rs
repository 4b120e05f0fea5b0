//! Simulated LLM providers that speak the real wire, over HTTP on loopback or in process on paused time.
