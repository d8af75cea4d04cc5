//! Safetensors files, our own too, that are whole and yet ask for what no network has.

use xception_web::weights::{Dtype, ModelFile};

use super::common::read_fixture;
use super::{halves, load, refused, with_header};

/// A fixture in our own format, with this change to its header's text.
fn own(name: &str, dtype: Dtype, change: impl Fn(&str) -> String) -> Vec<u8> {
    let own = ModelFile::parse(read_fixture(name)).unwrap().convert(dtype).unwrap();
    let (header, data) = halves(&own);
    with_header(&change(header), data)
}

/// Tensors and digest are right; only the side of the picture is too small for the stem.
pub fn pictures_too_small() {
    for name in ["mini_timm.safetensors", "mini_keras_legacy.h5", "mini_aligned.safetensors"] {
        let smallest = if name.contains("aligned") { 1 } else { 7 };
        for size in 1..=9 {
            let sized = |header: &str| header.replace(r#"\"size\":299"#, &format!(r#"\"size\":{size}"#));
            let file = own(name, Dtype::F32, sized);
            if size < smallest {
                refused(name, file, &[&format!("size is {size}"), "at least 7"]);
            } else {
                assert_eq!(load(file), Ok(()), "{name} at {size}");
            }
        }
    }
}
