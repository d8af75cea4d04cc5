//! Futures whose code is compiled once.
//!
//! That of an `async fn` is compiled in every crate that awaits it, with all that it calls of Burn and the GPU's
//! runtime, over again for each test and binary. What awaits devices therefore returns this.

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;

/// What is there later, or why not.
#[cfg(not(target_family = "wasm"))]
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;
/// What is there later, or why not. Nothing leaves its thread where JavaScript is.
#[cfg(target_family = "wasm")]
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;
