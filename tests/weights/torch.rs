//! PyTorch's files as training leaves them: checkpoints, modules, networks without a head or with one beside them.

use xception_web::model::Dialect;
use xception_web::model::place::{Part, Place};
use xception_web::preprocess::Fit;
use xception_web::weights::ModelFile;

use super::common::{LOGIT_TOLERANCE, Stored, read_fixture, timm_file, timm_tensors};
use super::{check_logits, mini, parse_error, tensors};

/// What `tests/fixtures/modules.py` has timm say of a network's input, and ImageNet's mean.
const SIZE: usize = 75;
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];

#[test]
fn checkpoints_of_training_scripts_are_read() {
    let file = ModelFile::parse(read_fixture("mini_checkpoint.pth")).unwrap();
    assert_eq!(file.format, "PyTorch state dict");
    // Nothing in it says what becomes of logits.
    assert!(file.assumed.activation);
    check_logits(&file, Dialect::Timm, LOGIT_TOLERANCE);
}

#[test]
fn a_module_says_itself_how_pictures_are_prepared() {
    let file = ModelFile::parse(read_fixture("mini_detector.pth")).unwrap();
    assert_eq!(file.format, "PyTorch module");
    check_logits(&file, Dialect::Timm, LOGIT_TOLERANCE);
    let Fit::CenterCrop { crop_pct } = file.preprocess.fit else { panic!("{:?}", file.preprocess) };
    assert_eq!((file.preprocess.size, file.preprocess.mean, crop_pct), (SIZE, MEAN, 0.9));
    assert!(!(file.assumed.size || file.assumed.fit || file.assumed.normalisation));
}

/// A safetensors file with this beside its tensors.
fn described(configuration: &str) -> Vec<u8> {
    let bytes = timm_file(&tensors());
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
    header["__metadata__"]["pretrained_cfg"] = configuration.into();
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn safetensors_say_themselves_how_pictures_are_prepared() {
    let said = serde_json::json!({"input_size": [3, SIZE, SIZE], "mean": MEAN, "std": [0.229, 0.224, 0.225]});
    let file = ModelFile::parse(described(&said.to_string())).unwrap();
    assert_eq!((file.preprocess.size, file.preprocess.mean), (SIZE, MEAN));
    assert!(file.assumed.fit && !file.assumed.normalisation);
    for (said, words) in [("{", "pretrained_cfg is no JSON"), (r#"{"mean": [1]}"#, "three numbers are read")]
    {
        let message = parse_error(described(said));
        assert!(message.contains(words), "{said}: {message}");
    }
}

/// The tensors with the classifier under another name, if under any, and `before` all others.
fn with_head(before: &str, head: Option<&str>) -> Vec<Stored> {
    let mut all = tensors();
    for tensor in &mut all {
        match (tensor.name.strip_prefix("fc."), head) {
            (Some(part), Some(head)) => tensor.name = format!("{head}.{part}"),
            (Some(_), None) => tensor.name.clear(),
            (None, _) => tensor.name.insert_str(0, before),
        }
    }
    all.retain(|tensor| !tensor.name.is_empty());
    all
}

#[test]
fn a_classifier_may_stand_beside_the_network_that_it_is_of() {
    for head in ["head", "head.1", "classifier", "classifier.1", "fc", "linear"] {
        let file = ModelFile::parse(timm_file(&with_head("backbone.", Some(head)))).unwrap();
        assert!(!file.headless);
        check_logits(&file, Dialect::Timm, LOGIT_TOLERANCE);
    }
    // Two layers are more than one.
    let mut all = with_head("backbone.", Some("head.2"));
    all.push(Stored { name: "head.0.weight".into(), shape: vec![21, 21], values: vec![0.0; 441] });
    let message = parse_error(timm_file(&all));
    assert!(message.contains("tensor head.2.") && message.contains("under backbone."), "{message}");
}

/// `timm.create_model(…, num_classes=0)`.
#[test]
fn networks_without_a_classifier_are_for_features() {
    let whole = ModelFile::parse(timm_file(&tensors())).unwrap();
    let headless = timm_file(&with_head("", None));
    for file in [headless, timm_file(&with_head("backbone.", None))] {
        let file = ModelFile::parse(file).unwrap();
        assert!(file.headless);
        let classifier: usize = [Part::Kernel, Part::Bias]
            .map(|part| whole.read(Place::Head.part(part)).unwrap().len())
            .iter()
            .sum();
        assert_eq!(file.numbers(), whole.numbers() - classifier);
        assert_eq!(file.tensors().len(), with_head("", None).len());
        assert!(file.check_classifier().unwrap_err().to_string().contains("no classifier"));
        let id = Place::Stem(1).part(Part::Kernel);
        assert_eq!(file.read(id).unwrap(), whole.read(id).unwrap());
    }
    // A part of it is no network for features, and a classifier by a name of its own is no classifier.
    let mut part = timm_tensors(&mini(Dialect::Timm), "mini");
    part.retain(|tensor| tensor.name != "fc.weight");
    assert!(parse_error(timm_file(&part)).contains("fc.weight"));
    let message = parse_error(timm_file(&with_head("", Some("mine"))));
    assert!(message.contains("tensor mine.") && message.contains("no place"), "{message}");
}
