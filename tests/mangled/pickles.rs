//! PyTorch files whose pickles are not what they should be.

use super::common::read_fixture;
use super::{find, refused, zip};

/// The same tensors as PyTorch wrote them before 1.6: the order of the storages is part of the file.
pub fn storages_out_of_place() {
    let legacy = read_fixture("mini_aligned_p_legacy.pth");
    // The list of keys: the pickle that begins with an empty list.
    let list = find(&legacy, b"\x80\x02]q\0(");
    let key = list + 6 + 5;
    let next = key + usize::from(legacy[key - 4]) + 2 + 5;
    let length = usize::from(legacy[key - 4]);
    let mut twice = legacy.clone();
    twice.copy_within(key..key + length, next);
    refused("a storage twice", twice, &["twice"]);
    let mut unknown = legacy.clone();
    unknown[key..key + length].fill(b'x');
    refused("a storage of no tensor", unknown, &["no whole numbers of storage xxx"]);
    let end = list + legacy[list..].iter().position(|&byte| byte == b'.').unwrap() + 1;
    for count in [0, 2, u64::MAX] {
        let mut changed = legacy.clone();
        changed[end..end + 8].copy_from_slice(&count.to_le_bytes());
        refused("another count", changed, &[]);
    }
}

/// A file of PyTorch's with this pickle of protocol 2 and one storage of eight bytes.
fn pickle(codes: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", &[b"\x80\x02", codes].concat()), ("a/data/0", &[0; 8])])
}

/// Pickle codes of a text.
fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Codes of a storage with this key.
fn storage(key: &str) -> Vec<u8> {
    [&b"("[..], &text("storage"), b"ctorch\nFloatStorage\n", &text(key), &text("cpu"), b"K\x02tQ"].concat()
}

pub fn hostile_pickles() {
    // What a pickle can do to who unpickles it.
    let trace = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("a-pickle-ran");
    let command = text(&format!("touch {}", trace.display()));
    let run = [&b"cos\nsystem\n"[..], &command, b"\x85R."].concat();
    refused("os.system", pickle(&run), &["os.system", "could run code"]);
    let parameter = [&b"ctorch._utils\n_rebuild_parameter\ncos\nsystem\n"[..], b"\x85R."].concat();
    refused("a parameter of os.system", pickle(&parameter), &["damaged"]);
    assert!(!trace.exists());

    let named = |name: &str| [&b"}"[..], &text(name)].concat();
    for (what, codes, words) in [
        ("an unknown code", b"\xff.".to_vec(), "0xff"),
        ("a buffer outside of the pickle", b"\x97.".to_vec(), "0x97"),
        ("another protocol", b"\x80\x06}.".to_vec(), "a pickle of protocol 6"),
        ("a global of no text", b"NN\x93.".to_vec(), "damaged"),
        (
            "a call of a later protocol",
            b"\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.".to_vec(),
            "os.system gives",
        ),
        ("an object with names of nothing", b")}\x92.".to_vec(), "damaged"),
        ("nothing to remember", b"\x94.".to_vec(), "damaged"),
        ("a text beyond the pickle", b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.".to_vec(), "damaged"),
        (
            "a training script's arguments",
            [&named("args")[..], b"cargparse\nNamespace\n)\x81}bs."].concat(),
            "holds args, which is no tensor",
        ),
        ("an object of no class", b"})\x81.".to_vec(), "damaged"),
        ("an object of nothing", b"\x81.".to_vec(), "damaged"),
        ("no object at all", b".".to_vec(), "damaged"),
        ("no end", b"}".to_vec(), "damaged"),
        ("a global as the model", b"cos\nsystem\n.".to_vec(), "neither a state dict nor a module"),
        ("a global without an end", b"cos\nsys".to_vec(), "damaged"),
        ("an empty slot of the memo", b"h\x07.".to_vec(), "damaged"),
        ("the last slot of the memo", b"j\xff\xff\xff\xff.".to_vec(), "damaged"),
        ("a call of nothing", b"R.".to_vec(), "damaged"),
        ("a pair of nothing", b"}s.".to_vec(), "damaged"),
        ("pairs without a mark", b"}u.".to_vec(), "damaged"),
        ("a mark above the stack", b"}NN(st.".to_vec(), "damaged"),
        ("half a pair", b"}(Nu.".to_vec(), "damaged"),
        ("items for a dict", b"}N\x61.".to_vec(), "damaged"),
        ("a text of 4 GB", b"X\xff\xff\xff\xff.".to_vec(), "damaged"),
        ("a text that is none", b"X\x01\0\0\0\xff.".to_vec(), "damaged"),
        ("a number of 255 bytes", b"\x8a\xff.".to_vec(), "damaged"),
        ("a number as a tensor", [&named("w")[..], b"K\x01s."].concat(), "w, which is no tensor"),
        ("a dict in itself", [&b"}q\0"[..], &text("model"), b"h\0s."].concat(), "several"),
        ("a storage as a tensor", [&named("w")[..], &storage("0"), b"s."].concat(), "w, which is no tensor"),
    ] {
        refused(what, pickle(&codes), &[words]);
    }
    tensors_out_of_place();
    bombs();
    modules();
}

/// Modules that are none, or that have no end.
fn modules() {
    let object = b"cnet\nNet\n)\x81";
    let state = |parts: &[u8]| [&b"}"[..], &text("_modules"), b"}", parts, b"sb."].concat();
    refused("a module of nothing", pickle(&[&object[..], b"."].concat()), &["lacks the tensor"]);
    refused("a state that is none", pickle(&[&object[..], b"Nb."].concat()), &["damaged"]);
    let itself = [&object[..], b"q\0", &state(&[&text("a")[..], b"h\0s"].concat())].concat();
    refused("a module in itself", pickle(&itself), &["in itself"]);
    // Each holds the one before twice: two to the power of thirty modules.
    let mut nested = [&object[..], b"q\0"].concat();
    for _ in 0..30 {
        let parts = [&b"("[..], &text("a"), b"h\0", &text("b"), b"h\0u"].concat();
        nested = [&nested[..], object, b"}", &text("_modules"), b"}", &parts, b"sbq\0"].concat();
    }
    refused("modules in modules", pickle(&[&nested[..], b"."].concat()), &["too many"]);
    // A module of many tensors, many times: 82 kB that ask for six million of them.
    let tensor = [&b"ctorch._utils\n_rebuild_tensor_v2\n("[..], &storage("0"), b"K\0))tRq\x02"].concat();
    let (tensors, modules) = (b"h\x01h\x02".repeat(20_000), b"h\x03h\x04".repeat(300));
    let inner =
        [&object[..], b"}", &text("_parameters"), b"}(", &text("w"), b"q\x01", &tensor, &tensors, b"usb"];
    let outer =
        [&object[..], b"}", &text("_modules"), b"}(", &text("m"), b"q\x03", &inner.concat(), b"q\x04"];
    let outer = [&outer.concat()[..], &modules, b"usb."].concat();
    refused("many modules of many tensors", pickle(&outer), &["too many"]);
    let called = [&object[..], b"}", &text("f"), b"cos\nsystem\n", &text("true"), b"\x85Rsb."].concat();
    refused("a module that calls", pickle(&called), &["os.system", "could run code"]);
}

/// A state dict with one tensor `w`, whose shape and strides are these codes.
fn tensor(key: &str, offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(";
    let codes =
        [&b"}"[..], &text("w"), rebuild, &storage(key), offset, shape, strides, b"\x89Nt", b"R", b"s."];
    pickle(&codes.concat())
}

fn tensors_out_of_place() {
    let (nought, pair, ones) = (b"K\0", b"K\x02\x85", b"K\x01\x85");
    // Right in itself, but no network of this family.
    refused("a lone tensor", tensor("0", nought, pair, ones), &["lacks the tensor"]);
    refused("no storage", tensor("1", nought, pair, ones), &["lacks the numbers of the tensor w"]);
    refused("beyond its storage", tensor("0", b"K\x01", pair, ones), &["tensor w has shape [2]", "8 bytes"]);
    refused("before its storage", tensor("0", b"J\xff\xff\xff\xff", pair, ones), &["damaged"]);
    refused("a negative side", tensor("0", nought, b"J\xff\xff\xff\xff\x85", ones), &["damaged"]);
    let square = b"K\x02K\x02\x86";
    refused("turned", tensor("0", nought, square, b"K\x01K\x02\x86"), &["[2, 2]", "8 bytes"]);
    refused("numbers used twice", tensor("0", nought, square, b"K\x01K\x01\x86"), &["use some twice"]);
    refused("numbers left out", tensor("0", nought, pair, b"K\x02\x85"), &["leave numbers out"]);
    refused("no strides", tensor("0", nought, pair, b")"), &["damaged"]);
    let huge = b"\x8a\x08\0\0\0\0\0\0\0\x40";
    let shape = [&huge[..], huge, b"\x86"].concat();
    refused(
        "an absurd shape",
        tensor("0", nought, &shape, &[&huge[..], b"K\x01\x86"].concat()),
        &["tensor w"],
    );
    let many = [&b"("[..], &b"K\x01".repeat(9), b"t"].concat();
    refused("nine sides", tensor("0", nought, &many, &many), &["9 dimensions"]);
    refused("a long key", tensor(&"0".repeat(129), nought, pair, ones), &["damaged"]);
}

/// Small files that ask for large memory or deep recursion.
fn bombs() {
    const MOST: usize = 1 << 20;
    // Lists in lists, as deep as there is room.
    let deep = MOST / 2 - 2;
    refused(
        "lists in lists",
        pickle(&[&b"]".repeat(deep)[..], &b"a".repeat(deep - 1), b"."].concat()),
        &["neither a state dict nor a module"],
    );
    refused("marks", pickle(&b"(".repeat(MOST - 2)), &["damaged"]);
    refused("values", pickle(&b"N".repeat(MOST - 2)), &["damaged"]);
    refused("one byte too many", pickle(&b"N".repeat(MOST - 1)), &["more than"]);
    // A list of half the pickle, copied once for each of the other half's calls.
    let list = [&b"("[..], &b"N".repeat(MOST / 2), b"tq\x01"].concat();
    let call = b"ctorch._utils\n_rebuild_parameter\nh\x01\x85R";
    refused("copies of a list", pickle(&[&list[..], &call.repeat(10_000)].concat()), &["damaged"]);
    // The same with the name of a tensor, and with the key of a storage.
    let name = [&b"}"[..], &text(&"n".repeat(MOST / 2)), b"q\x01"].concat();
    let value = [&b"ctorch._utils\n_rebuild_tensor_v2\n("[..], &storage("0"), b"K\0))tRq\x02"].concat();
    let pairs = [&name[..], &value, b"s", &b"h\x01h\x02s".repeat(80_000), b"."].concat();
    refused("copies of a name", pickle(&pairs), &["damaged"]);
    let name = [&b"}"[..], &text("w"), b"q\x01"].concat();
    refused("a name twice", pickle(&[&name[..], &value, b"sh\x01h\x02s."].concat()), &["w twice"]);
    // The same with the two halves of a global's name.
    let names = [&text(&"m".repeat(MOST / 3))[..], b"q\x01", &text("n"), b"q\x02"].concat();
    let globals = [&names[..], &b"h\x01h\x02\x93".repeat(80_000), b"."].concat();
    refused("copies of a global", pickle(&globals), &["damaged"]);
    let key = [&storage(&"0".repeat(MOST / 2))[..], b"q\x02"].concat();
    refused("copies of a key", pickle(&key), &["damaged"]);
}
