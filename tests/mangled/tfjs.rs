//! Models of TensorFlow.js whose manifests do not fit their shards or ask for much.

use super::common::{fixture, stored_zip};
use super::{load, refused};

/// One shard, quantised.
const SHARD: &str = "group1-shard1of1.bin";

pub fn manifests_that_do_not_fit() {
    let read = |name: &str| std::fs::read(fixture(&format!("tfjs/spread/{name}"))).unwrap();
    let (json, shard) = (String::from_utf8(read("model.json")).unwrap(), read(SHARD));
    let archive = |json: &str| stored_zip(&[("model.json", json.as_bytes()), (SHARD, &shard)]);
    assert_eq!(load(archive(&json)), Ok(()));
    let kernel = r#""name": "block1_conv1/kernel", "shape": [3, 3, 3, 5]"#;
    let changed = |from: &str, to: &str| {
        assert!(json.contains(from), "no {from}");
        // What layers are called like what tensors have comes before.
        let at = json.rfind("weightsManifest").filter(|&at| json[at..].contains(from)).unwrap_or(0);
        format!("{}{}", &json[..at], json[at..].replacen(from, to, 1))
    };
    let named = |to: &str| changed(kernel, &format!(r#""name": "block1_conv1/kernel", "shape": {to}"#));
    for (what, json, words) in [
        ("a large shape", named("[4294967295, 4294967295, 4294967295, 5]"), "more than any file holds"),
        ("a larger shape", named("[3, 3, 3, 4000000000]"), "tells of"),
        ("a smaller shape", named("[3, 3, 3, 4]"), "tells of"),
        ("sides below zero", named("[-3, 3, 3, 5]"), "the shape [-3,3,3,5]"),
        ("another order", named("[5, 3, 3, 3]"), "[5, 3, 3, 3]"),
        ("no scale", changed(r#""scale": "#, r#""skale": "#), "as uint8"),
        ("a scale beyond numbers", changed(r#""scale": 0."#, r#""scale": 1e300, "was": 0."#), "finite"),
        ("another type", changed(r#""dtype": "float16""#, r#""dtype": "float8""#), "as float8"),
        (
            "no numbers of a network",
            changed(
                &format!(
                    r#"{kernel}, "dtype": "float32", "quantization": {{"dtype": "float16", "original_dtype": "float32"}}"#
                ),
                &format!(
                    r#"{kernel}, "dtype": "uint8"}}, {{"name": "optimizer/seeds", "shape": [135], "dtype": "bool""#
                ),
            ),
            "uint8 numbers",
        ),
        ("the same tensor twice", json.replacen("block1_conv2/kernel", "block1_conv1/kernel", 1), "twice"),
        (
            "a tensor too many",
            changed("block1_conv1/kernel", "optimist/kernel"),
            "0 tensors of the layer block1_conv1",
        ),
        (
            "the same shard twice",
            changed(&format!("[\"{SHARD}\"]"), &format!("[\"{SHARD}\", \"{SHARD}\"]")),
            "twice",
        ),
        ("no such shard", changed(SHARD, "../group1-shard1of1.bin"), "lacks its shard ../group1"),
        ("no manifest", changed("weightsManifest", "weights"), "no weightsManifest"),
        ("no graph", changed("modelTopology", "topology"), "no modelTopology"),
        ("a graph model", changed(r#""layers-model""#, r#""graph-model""#), "tfjs_layers_model"),
        ("brackets", "[".repeat(1_000_000), "recursion limit"),
        ("a long model", format!("{json}{}", " ".repeat(3 << 20)), "at most 2097152"),
    ] {
        refused(what, archive(&json), &[words]);
        let message = load(archive(&json)).unwrap_err();
        assert!(message.len() < super::hdf5::LONGEST_MESSAGE, "{what}: a message of {} bytes", message.len());
    }
    let more = [("model.json", json.as_bytes()), (SHARD, &shard), ("other.bin", &shard)];
    refused("a file too many", stored_zip(&more), &["other.bin"]);
    refused(
        "a short shard",
        stored_zip(&[("model.json", json.as_bytes()), (SHARD, &shard[1..])]),
        &["tells of"],
    );
    refused(
        "no model.json",
        stored_zip(&[("config.json", json.as_bytes()), (SHARD, &shard)]),
        &["model.weights.h5"],
    );
}
