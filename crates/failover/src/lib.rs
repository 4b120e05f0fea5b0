//! A tower service that fails over among named LLM targets.
