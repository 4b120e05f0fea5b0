#![doc = include_str!("../README.md")]

mod app;
mod awake;
mod callers;
pub mod config;
pub mod curl;
pub mod demo;
mod errors;
mod gateway;
mod glob;
mod headers;
pub mod metrics;
mod models;
mod proxy;
pub mod reload;
mod route;
pub mod server;
pub mod shutdown;
mod stream_end;
mod table;
mod target;

pub use gateway::Gateway;
