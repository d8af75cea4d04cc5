//! The project's own format keeps what it is given, at each number format.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::Device;
use safetensors::tensor::{Dtype as StoredDtype, SafeTensors, TensorView};
use xception_web::model::{Dialect, XceptionConfig};
use xception_web::weights::{Dtype, FileBytes, ModelFile};

use super::common::{
    BATCH, LOGIT_TOLERANCE, MINI_SIZES, network_input, numbers, read_fixture, timm_file, timm_tensors,
};
use super::{REAL_FILES, check_logits, parse_error, tensors};

/// Kernels at 11 significant bits: each is off by up to 2^-12 of itself, and 20 layers of sums of such
/// errors of random sign stay near 1e-3 of logits of about 2.
pub const F16_TOLERANCE: f32 = 2e-2;

#[test]
fn the_own_format_at_f32_keeps_every_bit() {
    for (name, dialect) in REAL_FILES {
        let foreign = ModelFile::parse(read_fixture(name)).unwrap();
        let bytes = foreign.convert(Dtype::F32).unwrap();
        let own = ModelFile::parse(bytes.clone()).unwrap();
        assert_eq!(own.config, foreign.config, "{name}");
        assert_eq!(own.preprocess, foreign.preprocess, "{name}");
        let device = Device::flex();
        let logits_of = |file: &ModelFile| {
            numbers(file.build(&device).unwrap().forward(network_input(MINI_SIZES[1], BATCH, &device)))
        };
        assert_eq!(logits_of(&own), logits_of(&foreign), "{name}");
        assert_eq!(own.convert(Dtype::F32).unwrap(), bytes, "{name}: written again");
        check_logits(&own, dialect, LOGIT_TOLERANCE);
    }
}

#[test]
fn the_own_format_at_f16_is_half_as_large_and_close() {
    for (name, dialect) in REAL_FILES {
        let foreign = ModelFile::parse(read_fixture(name)).unwrap();
        let bytes = foreign.convert(Dtype::F16).unwrap();
        check_logits(&ModelFile::parse(bytes).unwrap(), dialect, F16_TOLERANCE);
    }
}

#[test]
fn a_weight_too_large_for_f16_is_an_error_and_not_infinity() {
    let written = |name: &str, value: f32, dtype| {
        let mut changed = tensors();
        changed.iter_mut().find(|tensor| tensor.name == name).unwrap().values[3] = value;
        ModelFile::parse(timm_file(&changed)).unwrap().convert(dtype)
    };
    let (stem, depthwise) = ("conv1.weight", "block1.rep.0.conv1.weight");
    for (name, canonical, dtype) in [
        (stem, "stem.0.conv.weight", Dtype::F16),
        (depthwise, "entry.0.units.0.depthwise.conv.weight", Dtype::F16),
        (depthwise, "entry.0.units.0.depthwise.conv.weight", Dtype::Q8),
    ] {
        let message = written(name, -7e4, dtype).unwrap_err().to_string();
        assert!([canonical, "-70000", "f32"].iter().all(|part| message.contains(part)), "{message}");
        assert!(written(name, 65504.0, dtype).is_ok(), "{name}: f16's largest number");
    }
    // In int8 with a scale in f32 there is room for any number.
    assert!(written(stem, -7e4, Dtype::Q8).is_ok());
}

#[test]
fn a_changed_weight_in_the_own_format_is_found_by_its_digest() {
    let file = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap();
    let mut bytes = file.convert(Dtype::F32).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    assert!(parse_error(bytes).contains("SHA-256"));
}

/// An int8 step is 1/254 of a channel's largest weight: some 1e-3 of each sum, over 20 layers.
const Q8_TOLERANCE: f32 = 2e-1;

#[test]
fn the_own_format_at_q8_is_close_and_keeps_all_but_depthwise_kernels_in_int8() {
    for (name, dialect) in REAL_FILES {
        let bytes = ModelFile::parse(read_fixture(name)).unwrap().convert(Dtype::Q8).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        let kind = |name: &str| stored.tensor(name).map(|tensor| (tensor.dtype(), tensor.shape().to_vec()));
        let pointwise = "middle.0.units.1.pointwise.conv.weight";
        assert_eq!(kind(pointwise).unwrap(), (StoredDtype::I8, vec![13, 13, 1, 1]));
        assert_eq!(kind(&format!("{pointwise}.scale")).unwrap(), (StoredDtype::F32, vec![13]));
        assert_eq!(kind("head.weight").unwrap().0, StoredDtype::I8);
        assert_eq!(kind("head.weight.scale").unwrap(), (StoredDtype::F32, vec![7]));
        let depthwise = "middle.0.units.1.depthwise.conv.weight";
        assert_eq!(kind(depthwise).unwrap().0, StoredDtype::F16);
        assert!(kind(&format!("{depthwise}.scale")).is_err());
        let file = ModelFile::parse(bytes).unwrap();
        assert!(file.is_quantized());
        check_logits(&file, dialect, Q8_TOLERANCE);
    }
}

/// The download sizes that the README promises, in bytes.
#[test]
fn the_full_network_takes_what_is_promised_at_each_dtype() {
    let config = XceptionConfig::xception(Dialect::Timm, 1000);
    let file = ModelFile::parse(timm_file(&timm_tensors(&config, "full"))).unwrap();
    for (dtype, megabytes) in [(Dtype::F32, 91.7), (Dtype::F16, 46.2), (Dtype::Q8, 23.7)] {
        let found = file.convert(dtype).unwrap().len() as f64 / 1e6;
        println!("{dtype:?}: {found:.2} MB");
        assert!(found <= megabytes, "{dtype:?}: {found} MB");
    }
}

/// The mini network in int8, with this done to its tensors.
fn q8_file(change: impl Fn(&mut Tensors)) -> Vec<u8> {
    let whole = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap().convert(Dtype::Q8).unwrap();
    let (_, header) = SafeTensors::read_metadata(&whole).unwrap();
    let metadata = header.metadata().clone();
    let view = |(name, view): (String, TensorView)| {
        (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
    };
    let mut all: Tensors =
        SafeTensors::deserialize(&whole).unwrap().tensors().into_iter().map(view).collect();
    change(&mut all);
    let views = all.iter().map(|(name, (dtype, shape, bytes))| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, metadata).unwrap()
}

/// Types, shapes and bytes by their names.
type Tensors = BTreeMap<String, (StoredDtype, Vec<usize>, Vec<u8>)>;

/// The error of a file whose digest is not looked at, when it is opened.
fn open_error(bytes: Vec<u8>) -> String {
    ModelFile::open(Box::new(bytes)).unwrap_err().to_string()
}

#[test]
fn a_scale_that_is_missing_or_misshapen_is_an_error_that_names_the_kernel() {
    let name = "head.weight.scale";
    let said = open_error(q8_file(|all| drop(all.remove(name))));
    assert!(said.contains("tensor head.weight ") && said.contains(name), "{said}");
    let said = open_error(q8_file(|all| {
        all.get_mut(name).map(|(_, shape, bytes)| (shape[0] -= 1, bytes.truncate(bytes.len() - 4))).unwrap();
    }));
    assert!(said.contains("tensor head.weight ") && said.contains("7 output channels"), "{said}");
    let said = open_error(q8_file(|all| {
        let (dtype, shape, bytes) = all.get_mut(name).unwrap();
        (*dtype, *bytes) = (StoredDtype::F64, vec![0; 8 * shape[0]]);
    }));
    assert!(said.contains("tensor head.weight ") && said.contains("F32"), "{said}");
    let said = open_error(q8_file(|all| {
        let scale = all.remove(name).unwrap();
        all.insert("xead.weight.scale".into(), scale);
    }));
    assert!(said.contains("head.weight"), "{said}");
}

#[test]
fn a_type_that_is_not_read_is_an_error_before_any_tensor_is_read() {
    let said = open_error(q8_file(|all| {
        let (dtype, shape, bytes) = all.get_mut("head.bias").unwrap();
        (*dtype, *bytes) = (StoredDtype::F64, vec![0; 8 * shape[0]]);
    }));
    assert!(said.contains("head.bias holds F64"), "{said}");
}

#[test]
fn a_scale_or_a_variance_below_zero_is_an_error_that_names_it() {
    for name in ["head.weight.scale", "stem.1.norm.running_var", "stem.0.conv.weight.scale"] {
        for bad in [-1e-6f32, f32::NAN, f32::INFINITY] {
            let file = q8_file(|all| all.get_mut(name).unwrap().2[4..8].copy_from_slice(&bad.to_le_bytes()));
            let file = ModelFile::open(Box::new(file)).unwrap();
            let said = file.build(&Device::flex()).unwrap_err().to_string();
            assert!(said.contains(name) && said.contains(&bad.to_string()), "{said}");
        }
    }
}

/// First bytes of a file, looked at twice: they tell the format.
const MAGIC: usize = 32;

/// A file that is not in this program's memory, and what was asked of it.
struct Elsewhere {
    bytes: Vec<u8>,
    largest: Rc<Cell<usize>>,
    total: Rc<Cell<usize>>,
}

impl FileBytes for Elsewhere {
    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, start: usize, part: &mut [u8]) -> xception_web::Result<()> {
        self.largest.set(self.largest.get().max(part.len()));
        self.total.set(self.total.get() + part.len());
        self.bytes.read(start, part)
    }
}

#[test]
fn safetensors_are_read_tensor_by_tensor_and_each_byte_once() {
    let own = ModelFile::parse(read_fixture("mini_timm.safetensors")).unwrap();
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Q8] {
        let bytes = own.convert(dtype).unwrap();
        let size = bytes.len();
        let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let (largest, total) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let file = Elsewhere { bytes, largest: largest.clone(), total: total.clone() };
        let file = ModelFile::open(Box::new(file)).unwrap();
        assert_eq!(total.get(), MAGIC + 8 + header, "only the header was read");
        largest.set(0);
        let network = file.build(&Device::flex()).unwrap();
        assert_eq!(total.get(), MAGIC + size, "{dtype:?}");
        assert!(largest.get() <= 21 * 18 * 4, "{} bytes at once", largest.get());
        drop(network);
        let digest = file.digest().unwrap();
        digest.check(&digest.compute().unwrap()).unwrap();
        assert!(digest.check(&[0; 32]).is_err());
    }
}
