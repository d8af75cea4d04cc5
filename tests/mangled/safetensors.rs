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

/// A header of tensors of one number each, with these names and this shape.
fn tensors(names: impl Iterator<Item = String>, shape: &str) -> Vec<u8> {
    let entry = |(at, name): (usize, String)| {
        format!(r#""{name}":{{"dtype":"F32","shape":[{shape}],"data_offsets":[{},{}]}}"#, 4 * at, 4 * at + 4)
    };
    let entries: Vec<String> = names.enumerate().map(entry).collect();
    with_header(&format!("{{{}}}", entries.join(",")), &vec![0; 4 * entries.len()])
}

/// Names and shapes that would take long or much; the largest header that is read at all has 8 MiB.
pub fn too_much_of_all() {
    let sides = |count: usize| vec!["1"; count].join(",");
    refused(
        "nine sides",
        tensors(["w".to_string()].into_iter(), &sides(9)),
        &["tensor w", "more than 8 dim"],
    );
    refused("millions of sides", tensors(["w".to_string()].into_iter(), &sides(4_000_000)), &["dimensions"]);
    refused("a long header", tensors(["w".to_string()].into_iter(), &sides(5_000_000)), &["at most 8388608"]);
    let names = |count: usize| (0..count).map(|at| format!("t{at}.scale"));
    refused("10,001 tensors", tensors(names(10_001), ""), &["10001 tensors", "more than 10000"]);
    refused("10,000 tensors", tensors(names(10_000), ""), &["lacks the tensor conv1.weight"]);
    refused(
        "a long name",
        tensors(["n".repeat(100_000)].into_iter(), ""),
        &["lacks the tensor conv1.weight"],
    );
    let more = |header: &str| {
        let end = header.trim_end().len() - 1;
        let name = "n".repeat(100_000);
        format!(r#"{},"{name}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}}}"#, &header[..end])
    };
    let said = load(own("mini_timm.safetensors", Dtype::F32, more)).unwrap_err();
    assert!(said.contains("nnn…") && said.len() < 1000, "{said}");
}
