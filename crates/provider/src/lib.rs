//! A tower layer that turns a plain HTTP client into an LLM provider whose failures are errors.
