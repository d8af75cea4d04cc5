//! All that decides a run's outcome. Start at [`config`].

pub mod accelerator;
pub mod config;
pub mod given;
pub mod mix;
pub mod schedule;
pub mod settings;
pub mod variation;
