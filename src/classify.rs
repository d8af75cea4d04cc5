//! RGBA in, labels out: the one path that the page, the package and the command line share.

mod embed;
mod explain;
#[cfg(feature = "cpu")]
mod lesson;
mod logits;
mod network;
#[cfg(not(feature = "webgpu"))]
mod no_proof;
mod precision;
#[cfg(feature = "webgpu")]
mod proof;
mod rank;

use crate::backend::{Backend, BackendKind, BackendRequest};
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::XceptionConfig;
use crate::preprocess::{Fit, Preprocess};
use crate::weights::{Head, ModelFile};

pub use embed::similarity;
pub use explain::Explanation;
#[cfg(feature = "cpu")]
pub use lesson::{Lesson, Report, Shown, Step, Taught, Warning};
pub use logits::Timings;
use network::Network;
#[cfg(not(feature = "webgpu"))]
use no_proof as proof;
pub use precision::PrecisionRequest;
#[cfg(feature = "webgpu")]
pub use proof::rehearse;
pub use rank::Prediction;

/// A network on a device with all that it takes to name a picture.
#[derive(Debug)]
pub struct Classifier {
    network: Network,
    config: XceptionConfig,
    preprocess: Preprocess,
    /// The model's own, while another way may be asked for.
    fit: Fit,
    labels: Labels,
    calibration: Calibration,
    backend: Backend,
    /// Whether the file ended in features.
    headless: bool,
    /// A head that answers instead of the file's.
    taught: Option<Head>,
    /// What a GPU is held to.
    proof: Option<proof::Proof>,
}

impl Classifier {
    /// Builds the network of `file` on what was asked for. A GPU that cannot be used leads to the CPU,
    /// and [`Classifier::backend`] says why.
    ///
    /// # Errors
    ///
    /// When the weights cannot be read, or no backend works.
    pub async fn load(file: &ModelFile, request: BackendRequest) -> Result<Self> {
        let backend = Backend::choose(request).await?;
        let on_gpu = backend.kind == BackendKind::Webgpu;
        match Self::new(file, backend).await {
            Err(Error::Backend(why)) if on_gpu => Self::new(file, Backend::fallback(&why)?).await,
            other => other,
        }
    }

    /// Builds the network of `file` on exactly this backend. A GPU must first give
    /// the CPU's answer to a known picture. A file that ends in features is for [`Classifier::embed`], and for a head
    /// that is taught.
    ///
    /// # Errors
    ///
    /// When the weights cannot be read, or the GPU gives a wrong answer.
    pub async fn new(file: &ModelFile, backend: Backend) -> Result<Self> {
        Self::in_precision(file, backend, PrecisionRequest::Auto).await
    }

    /// The same in this precision, where the backend has it.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub async fn in_precision(file: &ModelFile, backend: Backend, request: PrecisionRequest) -> Result<Self> {
        let classifier = Self::unproven(file, backend, request).await?;
        classifier.prove().await?;
        Ok(classifier)
    }

    /// The same without the test: [`Classifier::prove`] is for the caller to ask for.
    ///
    /// # Errors
    ///
    /// When the weights cannot be read.
    pub async fn unproven(file: &ModelFile, backend: Backend, request: PrecisionRequest) -> Result<Self> {
        let proof = match backend.kind {
            // Before the GPU's network is built: never are both in memory.
            BackendKind::Webgpu => Some(proof::Proof::of(file).await?),
            _ => None,
        };
        Ok(Self {
            network: Network::of(file, &backend, request)?,
            config: file.config.clone(),
            preprocess: file.preprocess.clone(),
            fit: file.preprocess.fit,
            labels: file.labels.clone(),
            calibration: file.calibration,
            backend,
            headless: file.headless,
            taught: None,
            proof,
        })
    }

    /// Has a GPU compile all shaders of this network, for an answer that counts for nothing.
    ///
    /// # Errors
    ///
    /// When the GPU fails.
    pub async fn compile(&self) -> Result<()> {
        match &self.proof {
            Some(proof) => proof.compile(&self.network).await,
            None => Ok(()),
        }
    }

    /// Holds a GPU to the CPU's answers to known pictures, at any time; the CPU has nothing to prove.
    ///
    /// # Errors
    ///
    /// When the GPU fails or gives another answer.
    pub async fn prove(&self) -> Result<()> {
        match &self.proof {
            Some(proof) => proof.hold(&self.network).await,
            None => Ok(()),
        }
    }

    /// In what the network is computed: `f32` or `q8`.
    pub fn precision(&self) -> &'static str {
        self.network.precision()
    }

    /// Brings the pictures that follow to a square in the way of this name ([`Fit::named`]); without one, in the
    /// model's own.
    ///
    /// # Errors
    ///
    /// When there is no such way.
    pub fn set_crop(&mut self, name: Option<&str>) -> Result<()> {
        self.preprocess.fit = name.map_or(Ok(self.fit), |name| self.fit.named(name))?;
        Ok(())
    }

    /// Which backend runs, and why.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Gives the classes these names.
    ///
    /// # Errors
    ///
    /// When there is not one name per class.
    pub fn set_labels(&mut self, labels: Labels) -> Result<()> {
        labels.check_count(self.config.labels())?;
        self.labels = labels;
        Ok(())
    }

    /// The table of the network's layers.
    pub fn config(&self) -> &XceptionConfig {
        &self.config
    }

    /// What the input must look like.
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// The classes' names.
    pub fn labels(&self) -> &Labels {
        self.taught.as_ref().map_or(&self.labels, |head| &head.labels)
    }

    /// How many classes there are; none where there is no classifier.
    pub fn classes(&self) -> usize {
        match &self.taught {
            Some(head) => head.bias.len(),
            None if self.headless => 0,
            None => self.config.labels(),
        }
    }

    fn calibration(&self) -> &Calibration {
        self.taught.as_ref().map_or(&self.calibration, |head| &head.calibration)
    }

    /// From now on this head answers, on the network's features; without one, the file's own does again.
    ///
    /// # Errors
    ///
    /// When the head is not for the features of this network.
    pub fn use_head(&mut self, head: Option<Head>) -> Result<()> {
        if let Some(head) = &head {
            head.check(self.config.features())?;
        }
        self.taught = head;
        Ok(())
    }
}
