//! A tower layer for the time-outs an LLM call needs: total, first content, idle, whole answer.
