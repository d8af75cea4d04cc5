//! What cannot be read, written or understood: one sentence, and an exit status that tells.

use super::*;

#[test]
fn bad_pictures_fail_with_one_sentence_that_names_them() {
    let model = path(MODELS[0]);
    let whole = read_fixture("pictures/picture.png");
    // A BMP whose header says 0 × 0.
    let mut empty = read_fixture("pictures/picture.bmp");
    empty[18..26].fill(0);
    let cases = [
        scratch("bad_pictures", "cut.png", &whole[..whole.len() / 2]),
        scratch("bad_pictures", "text.png", b"this is no picture"),
        scratch("bad_pictures", "nothing.jpg", b""),
        scratch("bad_pictures", "zero.bmp", &empty),
        scratch("bad_pictures", "cut.gif", &read_fixture("pictures/picture.gif")[..20]),
        scratch("bad_pictures", "cut.webp", &read_fixture("pictures/picture.webp")[..30]),
        scratch("bad_pictures", "cut.jpg", &read_fixture("pictures/picture.jpg")[..300]),
        path("pictures/there_is_none.png"),
        path("pictures"),
    ];
    for picture in cases {
        let said = failure(&["classify", "--model", &model, "--backend", "cpu", &picture]);
        assert!(said.contains(&picture), "{said}");
    }
}

#[test]
fn one_bad_picture_does_not_cost_the_others_their_answers() {
    let bad = scratch("bad_among", "bad.png", b"nothing");
    let good = path("pictures/picture.png");
    let output =
        xception(&["classify", "--model", &path(MODELS[0]), "--backend", "cpu", "--json", &bad, &good]);
    assert_eq!(output.status.code(), Some(1));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers[0]["file"], good.as_str());
}

#[test]
fn bad_models_fail_with_one_sentence_that_names_them() {
    let picture = path("pictures/picture.png");
    let timm = read_fixture("mini_timm.safetensors");
    let mut other = timm_tensors(&common::mini(Dialect::Timm), "mini");
    other.iter_mut().for_each(|tensor| tensor.name = tensor.name.replace("block", "layer"));
    let models = [
        scratch("bad_models", "cut.safetensors", &timm[..timm.len() / 2]),
        scratch("bad_models", "cut_header.safetensors", &timm[..100]),
        scratch("bad_models", "cut.h5", &read_fixture("mini_keras_legacy.h5")[..40_000]),
        scratch("bad_models", "cut.weights.h5", &read_fixture("mini_keras.weights.h5")[..40_000]),
        scratch("bad_models", "other.safetensors", &timm_file(&other)),
        scratch("bad_models", "none.safetensors", b""),
        scratch("bad_models", "picture.safetensors", &read_fixture("pictures/picture.png")),
        path("there_is_none.safetensors"),
    ];
    for model in models {
        for args in [
            vec!["classify", "--model", &model, "--backend", "cpu", &picture],
            vec!["inspect", &model],
            vec!["convert", &model, "out.safetensors"],
        ] {
            let said = failure(&args);
            assert!(said.contains(&model), "{said}");
        }
    }
    assert!(!Path::new("out.safetensors").exists());
    for command in [vec!["classify", &picture, "--model", "emoji"], vec!["inspect", "emoji"]] {
        let said = failure(&command);
        assert!(said.contains("emoji") && said.contains("photos or drawings"), "{said}");
    }
}

#[test]
fn bad_options_fail_with_one_sentence_that_lists_the_choices() {
    let (model, picture) = (path(MODELS[0]), path("pictures/picture.png"));
    let said = failure(&["classify", "--model", &model, "--backend", "cuda", &picture]);
    assert!(said.contains("cuda") && said.contains("ndarray"), "{said}");
    let said = failure(&["classify", "--model", &model, "--top-k", "0", &picture]);
    assert!(said.contains("1 or more"), "{said}");
    let out = scratch("bad_options", "out.safetensors", b"");
    let said = failure(&["convert", "--dtype", "f64", &model, &out]);
    assert!(said.contains("f64") && said.contains("f16"), "{said}");
    // Before anything is asked of the icon sets.
    let said = failure(&["eval", "--icons", "nowhere", "--sheet", "sheet.txt"]);
    assert!(said.contains("sheet.txt") && said.contains(".png"), "{said}");
    let said = failure(&["convert", &model, "/no/such/folder/out.safetensors"]);
    assert!(said.contains("/no/such/folder/out.safetensors"), "{said}");
}

#[test]
fn nobody_reading_on_is_no_failure() {
    let mut inspect = crate::command::xception()
        .args(["inspect", &path(MODELS[0]), "--tensors"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // As `head -1` does after its line, and before a line can be written.
    drop(inspect.stdout.take());
    let output = inspect.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn answers_that_cannot_be_written_are_a_failure() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    for args in [
        vec!["inspect", &path(MODELS[0])],
        vec!["classify", "--model", &path(MODELS[0]), "--backend", "cpu", "--json", &path(PNG)],
    ] {
        // Refuses what is written, as a full disk does, but is no pipe whose reader has seen enough.
        let (refusing, peer) = UnixDatagram::pair().unwrap();
        drop(peer);
        let output = crate::command::xception().args(&args).stdout(OwnedFd::from(refusing)).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
        assert!(errors.starts_with("error: cannot write to standard output: "), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn complaints_that_nobody_reads_are_no_panic() {
    let mut classify = crate::command::xception()
        .args(["classify", "--model", &path(MODELS[0]), "--backend", "cpu", "nowhere.png", &path(PNG)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(classify.stderr.take());
    let output = classify.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("class "));
}

#[test]
fn a_model_on_the_hub_is_told_what_to_download() {
    for (name, address) in [
        ("hf:timm/xception41.tf_in1k", "/timm/xception41.tf_in1k/resolve/main/model.safetensors"),
        ("hf:me/mine/a/b.h5@v2", "/me/mine/resolve/v2/a/b.h5"),
    ] {
        let message = failure(&["classify", "--model", name, &path(PNG)]);
        assert!(message.contains(&format!("https://huggingface.co{address} ")), "{message}");
    }
    assert!(failure(&["inspect", "hf:timm"]).contains("hf:USER/REPO"));
}
