//! Xception, defined once in Burn: image classification in the browser and on the command line.
//!
//! Read [`model::config`] first: it is the paper, and [`model::plan`] writes it down layer by layer. Every pixel is
//! resized, cropped and normalised in [`preprocess`], for every caller. [`weights`] turns published files into
//! networks, [`backend`] chooses where they run and says why, and [`classify`] puts the three together.
//!
//! ```no_run
//! use xception_web::backend::BackendRequest;
//! use xception_web::classify::Classifier;
//! use xception_web::preprocess::RgbaView;
//! use xception_web::weights::ModelFile;
//!
//! # async fn example(rgba: Vec<u8>, width: usize, height: usize) -> xception_web::Result<()> {
//! let file = ModelFile::parse(std::fs::read("xception.safetensors").expect("a model file"))?;
//! let classifier = Classifier::load(&file, BackendRequest::Auto).await?;
//! for prediction in classifier.classify(RgbaView::new(&rgba, width, height)?, 5).await? {
//!     println!("{:5.1} % {}", 100.0 * prediction.score, prediction.label);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Words
//!
//! | word | what it is here |
//! |---|---|
//! | B C H W | pictures, channels, rows and columns: a tensor's axes, in this order unless "channels last" is said |
//! | window | the square of pixels that a convolution or a pool sees at once; windows: all of a picture's |
//! | separable convolution | a depthwise 3×3 convolution, each channel by itself, then a pointwise (1×1) one that mixes them |
//! | flow | the paper's parts: entry (halves H and W), middle (keeps them), exit (ends in features) |
//! | block | separable convolutions in a row and what leads around them |
//! | bridge | what leads around a block: the input itself, or the shortcut |
//! | shortcut | the 1×1 convolution on a bridge that changes channels or halves H and W |
//! | residual | what a convolution adds to its sums, at the end of a bridge |
//! | features | what global average pooling answers, one number per channel |
//! | head | what makes logits of features |
//! | logits, scores | a number per class before softmax or sigmoids, and after them |
//! | dialect | whose arithmetic: Keras's or timm's padding of pools and epsilon |
//! | plan | every layer of a network with its place, of which modules, packed kernels, files' names and costs are made |
//! | place, part | where a layer stands, and which of its tensors is meant: a tensor's name in this code |
//! | panel | weights in the order in which a kernel reads them |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

#[cfg(not(any(feature = "cpu", feature = "ndarray", feature = "webgpu")))]
compile_error!("a build needs a backend: choose one or more of the features cpu, ndarray and webgpu");

pub mod backend;
#[cfg(feature = "bundled")]
pub mod bundled;
pub mod calibration;
pub mod classify;
pub mod error;
#[cfg(feature = "cpu")]
pub mod fused;
#[cfg(feature = "train")]
pub mod inside;
pub mod labels;
mod later;
pub mod model;
#[cfg(feature = "picture")]
pub mod picture;
pub mod preprocess;
#[cfg(target_family = "wasm")]
pub mod web;
pub mod weights;

pub use error::{Error, Result};
#[cfg(feature = "cpu")]
pub use xception_kernels as kernels;

/// The examples of the README run too.
#[cfg(all(doctest, feature = "cpu", feature = "picture"))]
#[doc = include_str!("../README.md")]
struct Readme;
