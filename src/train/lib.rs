//! The trainer: drawings of things from icon sets, a seeded stream of augmented pictures, and the
//! loop that fits the network to them. Native only. Start at [`run`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod ablate;
pub mod accelerator;
pub mod adamw;
pub mod augment;
pub mod average;
pub mod background;
pub mod camera;
pub mod canvas;
pub mod checkpoint;
pub mod classes;
pub mod compare;
pub mod confidence;
pub mod config;
pub mod curves;
pub mod dataset;
pub mod eval;
pub mod fit;
pub mod forward;
pub mod hard;
pub mod icons;
pub mod init;
pub mod layout;
pub mod learn;
pub mod mix;
pub mod ops;
pub mod output;
pub mod own;
pub mod pass;
pub mod pictures;
pub mod plot;
pub mod progress;
pub mod random;
pub mod render;
pub mod run;
pub mod schedule;
pub mod score;
pub mod settings;
pub mod sheet;
pub mod start;
pub mod step;
pub mod style;
pub mod supply;
pub mod texture;
pub mod vary;
pub mod vector;
