//! What stands for each way to compute that a build lacks: there is never one.

#![allow(dead_code, reason = "a build may hold every way")]

use super::PrecisionRequest;
use crate::backend::{Backend, missing};
use crate::error::Result;
use crate::model::{Output, Planes};
use crate::weights::ModelFile;

#[derive(Debug)]
pub enum Network {}

impl Network {
    pub fn new(_: &ModelFile, backend: &Backend, _: PrecisionRequest) -> Result<Self> {
        Err(missing(backend.kind))
    }

    pub fn precision(&self) -> &'static str {
        match *self {}
    }

    pub async fn answer(&self, _: Output, _: Planes) -> Result<Planes> {
        match *self {}
    }

    pub fn doubt(&self) -> &'static str {
        match *self {}
    }
}
