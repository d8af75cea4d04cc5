//! From a batch of pictures to better weights. Start at [`step`](step::step).

pub mod adamw;
pub mod average;
pub mod engine;
pub mod forward;
pub mod init;
pub mod ops;
pub mod pass;
pub mod score;
pub mod start;
pub mod statistics;
pub mod step;
