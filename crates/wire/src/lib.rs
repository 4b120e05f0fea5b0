//! What LLM APIs say on the wire: errors, streams, limits, usage. Pure functions over bytes and headers.
