//! A tower layer that limits requests and tokens as an LLM provider counts them.
