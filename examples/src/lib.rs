//! The examples live beside this file; each one is a program of its own.
