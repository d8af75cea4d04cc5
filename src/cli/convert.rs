//! `xception convert`: any readable format to the project's own.

use xception_web::weights::Dtype;
use xception_web::{Error, Result};

use super::adjust::Adjust;
use super::{MODELS, labelled, model, prefixed, write};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(help = MODELS)]
    input: String,
    /// The safetensors file to write.
    output: String,
    /// JSON with the names of the classes: a list, `id2label` of Hugging Face, `label_names` of timm, or Keras's class index.
    #[arg(long)]
    labels: Option<String>,
    #[command(flatten)]
    adjust: Adjust,
    /// Number format of the kernels: f32, f16, or q8 (int8 with a scale per channel).
    #[arg(long, default_value = "f32")]
    dtype: String,
}

pub fn run(args: Args) -> Result<()> {
    let dtype = dtype(&args.dtype)?;
    let mut file = model(&args.input)?;
    if args.labels.is_some() {
        file = labelled(file, args.labels.as_deref())?;
    }
    let file = args.adjust.apply(file)?;
    let bytes = file.convert(dtype).map_err(|error| prefixed(&args.input, error))?;
    write(&args.output, &bytes)?;
    println!("{}: {} ({}), {} bytes", args.output, file.config.architecture, args.dtype, bytes.len());
    Ok(())
}

/// A number format by its name.
pub fn dtype(name: &str) -> Result<Dtype> {
    match name {
        "f32" => Ok(Dtype::F32),
        "f16" => Ok(Dtype::F16),
        "q8" => Ok(Dtype::Q8),
        other => Err(Error::Option(format!("there is no dtype \"{other}\"; choose f32, f16 or q8"))),
    }
}
