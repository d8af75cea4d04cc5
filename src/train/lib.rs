//! The trainer: drawings of things from icon sets or a user's own pictures, a seeded stream of them, and the loop that
//! fits the network to it. Native only.
//!
//! A [`recipe`] says what is to be done. [`draw`] makes pictures, [`supply`] makes batches of them or of files, [`learn`]
//! takes steps, and [`run`] takes all of them from the first to the model's file. [`judge`] says what a model is worth, and
//! [`mod@ablate`] what the parts of the network are.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod ablate;
pub mod draw;
pub mod judge;
pub mod learn;
pub mod random;
pub mod recipe;
pub mod run;
pub mod supply;
