//! Configurations of Keras models that ask for much, or for what cannot be.

use super::common::{archive_parts, keras_model, stored_zip};
use super::{load, refused};

/// The layers of a functional model.
fn model(layers: &[String], output: &str) -> String {
    let layers = layers.join(",");
    format!(
        r#"{{"class_name": "Functional", "config": {{"name": "m", "layers": [{layers}], "output_layers": ["{output}", 0, 0]}}}}"#
    )
}

fn layer(class: &str, name: &str, given: &[&str]) -> String {
    let given: Vec<_> = given.iter().map(|name| format!(r#"["{name}", 0, 0, {{}}]"#)).collect();
    let given = given.join(",");
    format!(
        r#"{{"class_name": "{class}", "name": "{name}", "config": {{"name": "{name}", "units": 3, "batch_shape": [null, 40, 40, 3]}}, "inbound_nodes": [[{given}]]}}"#
    )
}

pub fn asking_for_much() {
    let (config, weights) = archive_parts(&keras_model("guide.keras"));
    let archive =
        |config: &str| stored_zip(&[("config.json", config.as_bytes()), ("model.weights.h5", &weights)]);
    assert_eq!(load(archive(&config)), Ok(()));
    let many: Vec<_> = (0..10_000)
        .map(|at| format!(r#"{{"class_name": "Dropout", "config": {{"name": "d{at}"}}}}"#))
        .collect();
    let nested = (0..100).fold(layer("InputLayer", "i", &[]), |inner, at| {
        format!(r#"{{"class_name": "Sequential", "name": "s{at}", "config": {{"name": "s{at}", "layers": [{inner}]}}}}"#)
    });
    let input = || {
        r#"{"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_shape": [null, 40, 40, 3]}, "inbound_nodes": []}"#.to_owned()
    };
    for (what, config, words) in [
        ("brackets", "[".repeat(500_000), "recursion limit"),
        ("more brackets", "[".repeat(2_000_000), "at most 1048576"),
        ("layers", model(&many, "d0"), "more than 1000 layers"),
        ("models in models", nested, "cannot be read"),
        (
            "ten models in each other",
            (0..12).fold(layer("InputLayer", "i", &[]), |inner, at| {
                format!(r#"{{"class_name": "Sequential", "name": "s{at}", "config": [{inner}]}}"#)
            }),
            "deeper than 8",
        ),
        ("a circle", model(&[layer("Dropout", "a", &["b"]), layer("Dropout", "b", &["a"])], "a"), "0 inputs"),
        (
            "a circle of sums",
            model(&[input(), layer("Add", "a", &["i", "b"]), layer("Add", "b", &["a", "a"])], "b"),
            "a (Add)",
        ),
        (
            "a layer given to itself",
            model(&[input(), layer("Dense", "a", &["i", "a"])], "a"),
            "given 2 tensors",
        ),
        ("the same name twice", model(&[input(), input()], "i"), "two layers i"),
        ("no such layer", model(&[layer("Dropout", "a", &["b"])], "a"), "does not list"),
        ("no output", model(&[input()], "b"), "does not list"),
        ("no layers", r#"{"class_name": "Functional", "config": {}}"#.to_owned(), "lists no layers"),
        (
            "a wide layer",
            config.replace(r#""filters": 14"#, r#""filters": 4000000000"#),
            "4000000000 channels",
        ),
        (
            "a large picture",
            config.replace("[null, 40, 40, 3]", "[null, 4000000000, 4000000000, 3]"),
            "4000000000",
        ),
        (
            "scaling by nothing",
            config.replace(r#""scale": 0.00784313725490196"#, r#""scale": 0"#),
            "must be finite",
        ),
        ("a long name", config.replace("block1_conv1", &"x".repeat(10_000)).replace("valid", "sane"), "xxx…"),
    ] {
        refused(what, archive(&config), &[words]);
        let message = load(archive(&config)).unwrap_err();
        assert!(message.len() < super::hdf5::LONGEST_MESSAGE, "{what}: a message of {} bytes", message.len());
    }
    for (what, entries, words) in [
        ("no weights", vec![("config.json", config.as_bytes())], "model.weights.h5"),
        ("no configuration", vec![("model.weights.h5", &weights[..])], "config.json"),
    ] {
        refused(what, stored_zip(&entries), &[words]);
    }
}
