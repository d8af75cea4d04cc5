//! RGBA in, labels out: the one path that the page, the package and the command line share.

mod batch;
mod embed;
mod explain;
#[cfg(feature = "cpu")]
mod lesson;
mod network;
mod precision;
#[cfg(feature = "webgpu")]
mod proof;

use serde::Serialize;
use web_time::Instant;

use crate::backend::{Backend, BackendKind, BackendRequest};
use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::{Output, XceptionConfig};
use crate::preprocess::{Fit, Preprocess, RgbaView};
use crate::weights::{Head, ModelFile};

pub use embed::similarity;
pub use explain::Explanation;
#[cfg(feature = "cpu")]
pub use lesson::{Lesson, Report, Shown, Step, Taught, Warning};
use network::Network;
pub use precision::PrecisionRequest;
#[cfg(feature = "webgpu")]
pub use proof::rehearse;

/// One class and how sure the network is of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Index of the class in the logits.
    pub index: usize,
    /// Its name, or `class 17` when the model has no names.
    pub label: String,
    /// The class's WordNet synset, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synset: Option<String>,
    /// Softmax of the logits over the model's temperature, 0 to 1; all classes sum to 1.
    pub score: f32,
}

/// Where the time of one picture went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Resize, crop, normalise.
    pub preprocess: f64,
    /// The network, until the logits are read back.
    pub inference: f64,
}

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
    precision: &'static str,
    /// Whether the file ended in features.
    headless: bool,
    /// A head that answers instead of the file's.
    taught: Option<Head>,
    /// What a GPU is held to.
    #[cfg(feature = "webgpu")]
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

    /// Builds the network of `file` on exactly this backend, batch norms folded. A GPU must first give
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
    #[allow(clippy::unused_async, reason = "a build without a GPU has nothing to wait for")]
    pub async fn unproven(file: &ModelFile, backend: Backend, request: PrecisionRequest) -> Result<Self> {
        #[cfg(feature = "webgpu")]
        let proof = match backend.kind {
            // Before the GPU's network is built: never are both in memory.
            BackendKind::Webgpu => Some(proof::Proof::of(file).await?),
            _ => None,
        };
        let (network, precision) = Network::of(file, &backend, request)?;
        Ok(Self {
            network,
            config: file.config.clone(),
            preprocess: file.preprocess.clone(),
            fit: file.preprocess.fit,
            labels: file.labels.clone(),
            calibration: file.calibration,
            backend,
            precision,
            headless: file.headless,
            taught: None,
            #[cfg(feature = "webgpu")]
            proof,
        })
    }

    /// Has a GPU compile all shaders of this network, for an answer that counts for nothing.
    ///
    /// # Errors
    ///
    /// When the GPU fails.
    #[allow(clippy::unused_async, reason = "a build without a GPU has nothing to wait for")]
    pub async fn compile(&self) -> Result<()> {
        #[cfg(feature = "webgpu")]
        if self.proof.is_some() {
            proof::compile(&self.network, self.config.channels(), &self.backend.device).await?;
        }
        Ok(())
    }

    /// Holds a GPU to the CPU's answers to known pictures, at any time; the CPU has nothing to prove.
    ///
    /// # Errors
    ///
    /// When the GPU fails or gives another answer.
    #[allow(clippy::unused_async, reason = "a build without a GPU has nothing to wait for")]
    pub async fn prove(&self) -> Result<()> {
        #[cfg(feature = "webgpu")]
        if let Some(proof) = &self.proof {
            proof.hold(&self.network, &self.backend.device).await?;
        }
        Ok(())
    }

    /// In what the network is computed: `f32` or `q8`.
    pub fn precision(&self) -> &'static str {
        self.precision
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

    /// The architecture.
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

    /// The logits of one picture, `[classes]`.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn logits(&self, picture: RgbaView<'_>) -> Result<Vec<f32>> {
        Ok(self.timed_logits(picture).await?.0)
    }

    /// The logits and where the time went.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn timed_logits(&self, picture: RgbaView<'_>) -> Result<(Vec<f32>, Timings)> {
        let start = Instant::now();
        let input = self.preprocess.apply(picture)?;
        let prepared = Instant::now();
        self.check_classifier()?;
        let output = if self.taught.is_some() { Output::Features } else { Output::Logits };
        let (mut logits, _) = self.ask(output, input).await?;
        if let Some(head) = &self.taught {
            logits = head.maps(&logits, 1);
        }
        let milliseconds = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1e3;
        let timings = Timings {
            preprocess: milliseconds(start, prepared),
            inference: milliseconds(prepared, Instant::now()),
        };
        Ok((logits, timings))
    }

    /// The `top_k` likeliest classes, best first; all of them when `top_k` exceeds their count.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn classify(&self, picture: RgbaView<'_>, top_k: usize) -> Result<Vec<Prediction>> {
        Ok(self.rank(&self.logits(picture).await?, top_k))
    }

    /// Turns logits into the `top_k` likeliest classes; equal scores keep index order.
    pub fn rank(&self, logits: &[f32], top_k: usize) -> Vec<Prediction> {
        let labels = self.labels();
        rank(self.calibration(), logits, top_k)
            .into_iter()
            .map(|(index, score)| Prediction {
                index,
                label: labels.get(index),
                synset: labels.synset(index).map(Into::into),
                score,
            })
            .collect()
    }

    /// Whether the picture with these logits shows something that the model knows: its best score
    /// reaches the model's threshold, or the model has none.
    pub fn knows(&self, logits: &[f32]) -> bool {
        self.calibration().knows(&self.calibration().scores(logits))
    }
}

/// Scores and top-k, on the CPU for every backend.
fn rank(calibration: &Calibration, logits: &[f32], top_k: usize) -> Vec<(usize, f32)> {
    let scores = calibration.scores(logits);
    // The sign of a single logit says which of two classes it is.
    let pair;
    let logits = match *logits {
        [logit] => {
            pair = [0.0, logit];
            &pair[..]
        }
        _ => logits,
    };
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_unstable_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
    order.truncate(top_k);
    order.into_iter().map(|index| (index, scores[index])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranking_is_a_softmax_sorted_and_cut() {
        let ranked = rank(&Calibration::default(), &[0.0, 2.0, 2.0, -1.0], 3);
        assert_eq!(ranked.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 0]);
        let all: f32 =
            rank(&Calibration::default(), &[0.0, 2.0, 2.0, -1.0], 99).iter().map(|(_, score)| score).sum();
        assert!((all - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_single_logit_ranks_two_classes() {
        let ranked =
            |logit| rank(&Calibration::default(), &[logit], 5).iter().map(|&(at, _)| at).collect::<Vec<_>>();
        assert_eq!((ranked(3.0), ranked(-0.1)), (vec![1, 0], vec![0, 1]));
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        assert_eq!(rank(&Calibration::default(), &[1e30, -1e30], 1), [(0, 1.0)]);
    }
}
