//! What a run starts from: nothing, or a given model.

use burn::tensor::Device;

use crate::learn::init::fresh;
use crate::recipe::config::TrainConfig;
use crate::recipe::given::read;
use xception_web::error::{Error, Result};
use xception_web::model::{Xception, XceptionConfig};

/// The weights of a run's beginning. A given model's head is kept only if its labels are `labels`, all of
/// them in this order.
///
/// # Errors
///
/// When the given model cannot be read, or is of another network than `config` says.
pub fn beginning(config: &TrainConfig, labels: &[String], device: &Device) -> Result<Xception> {
    let fresh = || fresh(&config.network, device, config.seed);
    let Some(path) = &config.from else { return Ok(fresh()) };
    let file = read(path)?;
    let ours = &config.network;
    let named = ours.architecture.clone();
    if *ours != (XceptionConfig { classes: ours.classes, architecture: named, ..file.config.clone() }) {
        return Err(Error::Training(format!(
            "the settings describe another network than {} holds; leave `network` out, which is then the file's",
            path.display()
        )));
    }
    let mut model = file.build(device)?;
    if file.labels.names() != labels {
        model.head = fresh().head;
    }
    Ok(model)
}
