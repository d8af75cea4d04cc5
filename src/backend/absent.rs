//! What stands for each backend that a build lacks.

#![allow(dead_code, reason = "a build may hold every backend")]

use burn::tensor::Device;

use super::{Backend, BackendKind, Software, missing};
use crate::error::Result;

pub(super) fn device() -> Option<Device> {
    None
}

pub(super) async fn open(_: Software) -> Result<Backend> {
    Err(missing(BackendKind::Webgpu))
}

pub(super) fn runtime() -> &'static str {
    "none"
}

pub(super) fn threads() -> usize {
    1
}

pub(super) fn tile() -> Option<[usize; 2]> {
    None
}
