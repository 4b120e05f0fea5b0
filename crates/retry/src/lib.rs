//! A jittered retry policy for tower that reads what the provider said.
