//! The trainer: drawings of things from icon sets, a seeded stream of augmented pictures, and the
//! loop that fits the network to them. Native only. Start at [`run`].

pub mod ablate;
pub mod accelerator;
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
pub mod forward;
pub mod hard;
pub mod icons;
pub mod init;
pub mod ops;
pub mod pass;
pub mod pictures;
pub mod plot;
pub mod progress;
pub mod random;
pub mod render;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod sheet;
pub mod start;
pub mod step;
pub mod style;
pub mod supply;
pub mod vector;
