//! From a model file to a network, strictly: nothing missing, nothing unused, nothing misshaped.
//!
//! A file is recognised by its content, never by its name:
//!
//! | format | tensor names | dialect |
//! |---|---|---|
//! | own safetensors | the paths of the modules, after the paper | stored |
//! | timm aligned family safetensors | `blocks.4.stack.conv1.conv_dw.weight` | timm |
//! | timm `legacy_xception` safetensors | `block4.rep.1.conv1.weight` | timm |
//! | PyTorch `.pth`, `pytorch_model.bin`, from before PyTorch 1.6 too; state dicts, checkpoints around one, whole modules | as timm's, under any one prefix | timm |
//! | Keras legacy `.h5`, Keras 3 `.weights.h5`, weights alone | by layer order | Keras |
//! | Keras models, `.keras` and legacy `.h5` | by the graph that the file describes | Keras |
//! | TensorFlow.js layers models, `model.json` and its shards as one archive ([`with_shards`]) | the same | Keras |

mod adjust;
mod aligned;
mod bytes;
mod configured;
mod digest;
#[cfg(feature = "keras")]
mod hdf5;
mod head;
mod headless;
mod keras;
mod metadata;
mod names;
mod numbers;
mod other;
mod pickle;
mod quantize;
mod safetensors;
mod seeded;
mod source;
mod spelling;
mod strict;
mod tfjs;
mod timm;
mod torch;
mod unique;
mod unused;
mod write;
mod zip;

use burn::tensor::Device;

pub use adjust::Adjustment;
pub use bytes::FileBytes;
pub use digest::Digest;
pub use head::Head;
pub use keras::Contents;
#[cfg(feature = "keras")]
pub use keras::KerasFile;
pub use metadata::{About, Dtype};
use serde::{Deserialize, Serialize};
pub use tfjs::with_shards;
pub use unused::Unused;

use crate::calibration::Calibration;
use crate::error::{Error, Result};
use crate::labels::Labels;
use crate::model::{TensorId, Xception, XceptionConfig};
use crate::preprocess::Preprocess;
use names::Row;
use source::TensorSource;

/// A parsed model file: what it says of itself, and its tensors still unread.
pub struct ModelFile {
    /// The network.
    pub config: XceptionConfig,
    /// What its input must look like.
    pub preprocess: Preprocess,
    /// Class names, when the file carries them.
    pub labels: Labels,
    /// Title, licence, provenance.
    pub about: About,
    /// What scores are worth.
    pub calibration: Calibration,
    /// Which format the file has, in words.
    pub format: &'static str,
    /// By what it was written, where it says so.
    pub writer: Option<String>,
    /// What the file cannot tell.
    pub assumed: Assumed,
    /// Whether it ends in features: there is no classifier, and one logit that is always 0 stands for it.
    pub headless: bool,
    /// What is known to be in such files, and no answer depends on.
    pub unused: Vec<Unused>,
    digest: Option<Digest>,
    source: Box<dyn TensorSource>,
    rows: Vec<Row>,
}

/// What a file does not say, and the published network's is taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumed {
    /// Whose padding and epsilon.
    pub dialect: bool,
    /// The side of the input.
    pub size: bool,
    /// How a picture is brought to that size, and by which filter.
    pub fit: bool,
    /// Mean and standard deviation.
    pub normalisation: bool,
    /// What makes scores of logits.
    pub activation: bool,
    /// The names of the classes.
    pub labels: bool,
}

impl Assumed {
    /// Of weights and nothing else, with a classifier; scores are their softmax.
    pub(crate) const PUBLISHED: Self =
        Self { dialect: true, size: true, fit: true, normalisation: true, activation: true, labels: false };
}

impl std::fmt::Debug for ModelFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelFile")
            .field("format", &self.format)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Bytes that tell every format, and what is none.
const MAGIC: usize = 32;
/// First bytes of an HDF5 file.
const HDF5_MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
/// First bytes of a zip archive: PyTorch's `.pth` and Keras's `.keras`.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

impl ModelFile {
    /// Recognises the format, reads the names and shapes and checks them against the architecture; and the
    /// tensors against the file's own digest, if it carries one.
    ///
    /// # Errors
    ///
    /// When the file has no known format, is damaged, or does not hold exactly one network of the
    /// Xception family.
    pub fn parse(bytes: Vec<u8>) -> Result<Self> {
        let file = Self::open(Box::new(bytes))?;
        if let Some(digest) = file.digest() {
            digest.check(&digest.compute()?)?;
        }
        Ok(file)
    }

    /// The same without the digest, for callers who check it otherwise. Of safetensors only the header is read;
    /// tensors follow one by one when a network is built.
    ///
    /// # Errors
    ///
    /// As for [`ModelFile::parse`].
    pub fn open(bytes: Box<dyn FileBytes>) -> Result<Self> {
        let mut magic = [0; MAGIC];
        let known = bytes.size().min(magic.len());
        bytes.read(0, &mut magic[..known])?;
        let file = if magic.starts_with(HDF5_MAGIC) {
            Self::from_hdf5(bytes)?
        } else if magic.starts_with(ZIP_MAGIC) {
            match zip::first_name(&*bytes) {
                // Keras writes its metadata and configuration first, and so does what packs TensorFlow.js's; PyTorch its pickle.
                Some(name) if name.ends_with(".json") || name.ends_with(".h5") => Self::from_hdf5(bytes)?,
                _ => torch::parse(bytes.whole()?)?,
            }
        } else if magic.starts_with(pickle::LEGACY_MAGIC) {
            torch::parse_legacy(bytes.whole()?)?
        } else if let Some(error) = other::recognise(&magic[..known], &*bytes) {
            return Err(error);
        } else {
            safetensors::parse(bytes)?
        };
        file.checked()
    }

    #[cfg(feature = "keras")]
    fn from_hdf5(bytes: Box<dyn FileBytes>) -> Result<Self> {
        let (contents, file) = KerasFile::open(bytes.whole()?)?;
        keras::parse(contents, Box::new(move |path| file.read(path)))
    }

    #[cfg(not(feature = "keras"))]
    fn from_hdf5(_: Box<dyn FileBytes>) -> Result<Self> {
        Err(Error::Format(
            "this is a Keras file, which this build does not read; add the feature keras".into(),
        ))
    }

    /// A Keras file that another program or module has opened: its layers, and how to read a tensor by its path.
    ///
    /// # Errors
    ///
    /// When the layers are not exactly one network of the Xception family.
    pub fn from_keras(contents: Contents, read: impl Fn(&str) -> Result<Vec<f32>> + 'static) -> Result<Self> {
        keras::parse(contents, Box::new(read))?.checked()
    }

    fn checked(mut self) -> Result<Self> {
        self.config.validate()?;
        self.set_preprocess(self.preprocess.clone())?;
        self.calibration.validate()?;
        self.labels.check_count(self.config.labels())?;
        strict::check(&self.rows, &*self.source)?;
        Ok(self)
    }

    /// Prepares pictures otherwise than the file says, or than is assumed.
    ///
    /// # Errors
    ///
    /// When no picture can be prepared like this, or not for this network.
    pub fn set_preprocess(&mut self, preprocess: Preprocess) -> Result<()> {
        preprocess.validate()?;
        let (size, smallest) = (preprocess.size, self.config.plan().smallest_side());
        if size < smallest {
            return Err(Error::Preprocess(format!(
                "the input size is {size}, but this network needs at least {smallest}; give another, or correct the model file"
            )));
        }
        if preprocess.channels() != self.config.channels() {
            return Err(Error::Preprocess(format!(
                "pictures of {} channels are prepared for a network of {}; correct the model file",
                preprocess.channels(),
                self.config.channels()
            )));
        }
        self.preprocess = preprocess;
        Ok(())
    }

    /// The network with these weights on `device`, batch norms and all.
    ///
    /// # Errors
    ///
    /// When a tensor's bytes cannot be read or hold a number that is not finite.
    pub fn build(&self, device: &Device) -> Result<Xception> {
        strict::load(self.config.init(device), &self.rows, &*self.source)
    }

    /// What the file says of its own bytes; the project's own format does.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The values of one tensor, row-major.
    ///
    /// # Errors
    ///
    /// When its bytes cannot be read or hold a number that is not finite.
    pub fn read(&self, id: TensorId) -> Result<Vec<f32>> {
        let row = self.rows.iter().find(|row| row.id == id);
        let missing = || Error::Weights(format!("this network has no tensor {id}"));
        row.ok_or_else(missing)?.read(&*self.source)
    }

    /// Whether the file keeps its pointwise kernels in int8.
    pub fn is_quantized(&self) -> bool {
        self.rows.iter().any(|row| self.source.is_quantized(&row.name))
    }

    /// Every tensor as stored: name and shape, in file order.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = self.source.tensors();
        tensors.retain(|(name, _)| !headless::is_stand_in(name));
        tensors
    }

    /// Numbers in the network, running statistics included.
    pub fn numbers(&self) -> usize {
        self.own_rows().map(|row| row.shape.iter().product::<usize>()).sum()
    }

    /// Numbers that training changes, as timm and Keras count parameters.
    pub fn trained(&self) -> usize {
        names::trained(self.own_rows())
    }

    /// The rows of tensors that are in the file.
    fn own_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !headless::is_stand_in(&row.name))
    }

    /// Fails for a file without a classifier.
    ///
    /// # Errors
    ///
    /// When the file ends in features.
    pub fn check_classifier(&self) -> Result<()> {
        match self.headless {
            false => Ok(()),
            true => Err(no_classifier()),
        }
    }

    /// The same model in the project's own format.
    ///
    /// # Errors
    ///
    /// When a tensor's bytes cannot be read, or the file holds no classifier.
    pub fn convert(&self, dtype: Dtype) -> Result<Vec<u8>> {
        self.check_classifier()?;
        let tensors = self.rows.iter().map(|row| Ok((row.id, row.shape.clone(), row.read(&*self.source)?)));
        let Self { config, preprocess, labels, about, calibration, .. } = self;
        write::write(tensors, config, preprocess, labels, about, calibration, dtype)
    }
}

/// What to say of a file that ends in features.
pub(crate) fn no_classifier() -> Error {
    Error::Architecture(
        "the file holds no classifier, so it can name nothing; train one on it with `xception train --data DIR --from FILE`".into(),
    )
}

/// Writes a network in the project's own format.
///
/// # Errors
///
/// When a tensor cannot be read back from its device.
pub fn save(
    network: &Xception,
    config: &XceptionConfig,
    preprocess: &Preprocess,
    labels: &Labels,
    about: &About,
    dtype: Dtype,
) -> Result<Vec<u8>> {
    let tensors = strict::export(network, config)?;
    let calibration = Calibration::default();
    write::write(tensors.into_iter().map(Ok), config, preprocess, labels, about, &calibration, dtype)
}
