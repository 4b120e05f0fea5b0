//! What an LLM call carries in, how it ended, and how a tower layer learns it.
