//! A tower circuit breaker that judges a call by how it ended, not by its response head.
