//! A run's settings from three places: the defaults, a file, and flags. The later ones win.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::recipe::accelerator::Accelerator;
use crate::recipe::config::TrainConfig;
use crate::recipe::given;
use crate::recipe::schedule::Budget;
use xception_web::error::{Error, Result};
use xception_web::model::XceptionConfig;

/// For own pictures: enough for some classes, in a quarter of an hour or so.
const DEFAULT_OWN_SAMPLES: u64 = 48_000;
/// About what the drawings' model saw, in some one and a half hours on two cores. That file came from
/// `--minutes`, which is not repeatable to the bit; its provenance says how many pictures that allowed.
const DEFAULT_SAMPLES: u64 = 1_150_000;
/// Where a setting comes from that is in no file.
const HAND: &str = "the command line";

/// What a caller sets by hand; the same names as in a file.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "each is TrainConfig's field of that name")]
pub struct Flags {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Accelerator>,
}

/// The settings of a run. `file` is TOML, or JSON as a run's folder has it; it may set any of
/// [`TrainConfig`]'s fields and no other.
///
/// # Errors
///
/// When the file cannot be read, or holds something else; the message names what, and what is allowed.
pub fn settings(file: Option<&Path>, flags: &Flags) -> Result<TrainConfig> {
    let origin = file.map_or(HAND.into(), |path| path.display().to_string());
    let mut given = match file {
        Some(path) => parse(path)?,
        None => Map::new(),
    };
    let by_hand = object(flags)?;
    let by = |field: &str| if by_hand.contains_key(field) { HAND } else { origin.as_str() };
    given.extend(by_hand.clone());
    if let Some((field, _)) = given.iter().find(|(_, value)| has_null(value)) {
        // Neither TOML's nan and inf nor a flag's are numbers in JSON, by whose names a setting is found.
        return Err(Error::Option(format!(
            "{}: `{field}` is nan, inf or null; give a finite value, or leave it out",
            by(field)
        )));
    }

    // What else is the default depends on these three.
    let early = applied(object(&TrainConfig::default())?, &given, &origin)?;
    let own = early.data.is_some();
    let samples = Budget::Samples(if own { DEFAULT_OWN_SAMPLES } else { DEFAULT_SAMPLES });
    let budget = if given.contains_key("budget") { early.budget } else { samples };
    let mut defaults = match &early.data {
        Some(data) => TrainConfig::own(budget, data.clone()),
        None => TrainConfig::new(budget),
    };
    if let Some(path) = &early.from {
        let model = given::read(path)?;
        defaults = TrainConfig {
            side: model.preprocess.size,
            detail: model.preprocess.detail,
            growth: Vec::new(),
            network: XceptionConfig { classes: 0, ..model.config },
            ..defaults
        };
    }
    let config = applied(object(&defaults)?, &given, &origin)?;
    let named = given.get("network").is_some_and(|network| network.get("architecture").is_some());
    let network = if named { config.network } else { config.network.named() };
    let config = TrainConfig { network, ..config };
    match config.fault() {
        None => Ok(config),
        Some((field, what)) => Err(Error::Option(format!("{}: `{field}` {what}", by(field)))),
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// `given` over `defaults`, field by field, so that a message can name the field.
fn applied(
    mut defaults: Map<String, Value>,
    given: &Map<String, Value>,
    origin: &str,
) -> Result<TrainConfig> {
    let parsed = |all: &Map<String, Value>| serde_json::from_value::<TrainConfig>(Value::Object(all.clone()));
    for (field, value) in given {
        match (defaults.get_mut(field), value) {
            // A table may leave out what it does not change; a budget is one thing or the other.
            (Some(Value::Object(before)), Value::Object(part)) if field == "network" => {
                before.extend(part.clone());
            }
            _ => drop(defaults.insert(field.clone(), value.clone())),
        }
        parsed(&defaults).map_err(|error| Error::Option(format!("{origin}: `{field}`: {error}")))?;
    }
    parsed(&defaults).map_err(|error| Error::Option(format!("{origin}: {error}")))
}

/// The fields of a settings file.
fn parse(path: &Path) -> Result<Map<String, Value>> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let failed = |what: String| {
        Error::Option(format!("{} is neither TOML nor JSON with settings: {what}", path.display()))
    };
    let value = if text.trim_start().starts_with('{') {
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?
    } else {
        // Its own text shows the line; in one sentence, its number will do.
        let line = |error: &toml::de::Error| {
            let before = text.get(..error.span().map_or(0, |at| at.start)).unwrap_or_default();
            1 + before.matches('\n').count()
        };
        toml::from_str(&text)
            .map_err(|error| failed(format!("line {}: {}", line(&error), error.message())))?
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(failed("it is a single value".into())),
    }
}

fn object<T: Serialize>(value: &T) -> Result<Map<String, Value>> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Error::Option("these settings cannot be written as JSON".into())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const EXAMPLE: &str = "examples/own.toml";

    /// A file of its own, since tests run side by side; with its ending.
    fn written(name: &str, text: &str) -> PathBuf {
        static WRITTEN: AtomicUsize = AtomicUsize::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("xception-settings-{}-{number}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn refused(text: &str) -> String {
        let path = written("refused", text);
        let message = settings(Some(&path), &Flags::default()).unwrap_err().to_string();
        std::fs::remove_file(path).unwrap();
        message
    }

    #[test]
    fn the_example_parses_and_shows_every_field() {
        let config = settings(Some(Path::new(EXAMPLE)), &Flags::default()).unwrap();
        assert_eq!(config.data.as_deref(), Some(Path::new("pictures")));
        assert_eq!(config.network.middle_blocks, 2);
        assert_eq!(config.network.architecture, "xception-custom");
        let text = std::fs::read_to_string(EXAMPLE).unwrap();
        let all = TrainConfig { from: Some("a".into()), detail: Some(64), ..config };
        for field in object(&all).unwrap().keys() {
            let line = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{field} = "));
            let table = format!("[{field}]");
            assert!(text.lines().any(|text| line(text) || text == table), "{field} is not in {EXAMPLE}");
        }
    }

    #[test]
    fn the_recipe_of_the_bundled_photographs_is_that_of_its_file() {
        let config = settings(Some(Path::new("examples/photos.toml")), &Flags::default()).unwrap();
        let file = xception_web::bundled::PHOTOS.file().unwrap();
        let classes = file.config.classes;
        assert_eq!(XceptionConfig { classes, ..config.network }, file.config);
        assert_eq!((config.side, config.detail), (file.preprocess.size, file.preprocess.detail));
        // The second part takes over what the first one's file says.
        let from = Flags { from: Some("../../www/models/photos.safetensors".into()), ..Flags::default() };
        let tuned = settings(Some(Path::new("examples/photos-tuned.toml")), &from).unwrap();
        assert_eq!((tuned.side, tuned.detail), (config.side, config.detail));
    }

    #[test]
    fn what_a_run_stores_gives_the_same_run() {
        let own = TrainConfig::own(Budget::Samples(5000), "pictures".into());
        for config in [TrainConfig::new(Budget::Minutes(3.5)), TrainConfig { seed: 9, batch: 7, ..own }] {
            let path = written("stored", &serde_json::to_string_pretty(&config).unwrap());
            assert_eq!(settings(Some(&path), &Flags::default()).unwrap(), config);
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let path = written("layers", "seed = 5\nbatch = 12\nbudget = { samples = 2400 }");
        let flags = Flags { batch: Some(8), data: Some("p".into()), ..Flags::default() };
        let config = settings(Some(&path), &flags).unwrap();
        let expected = TrainConfig::own(Budget::Samples(2400), "p".into());
        assert_eq!(config, TrainConfig { seed: 5, batch: 8, ..expected });
        std::fs::remove_file(path).unwrap();

        let config = settings(None, &Flags::default()).unwrap();
        assert_eq!(config, TrainConfig::new(Budget::Samples(DEFAULT_SAMPLES)));
    }

    #[test]
    fn a_value_that_no_run_can_have_is_refused_with_what_is_allowed() {
        for (text, part) in [
            ("budget = { samples = 0 }", "`budget` must be above zero"),
            ("budget = { minutes = inf }", "`budget` is nan, inf or null"),
            ("epoch = 0", "`epoch` is 0 and must be 2"),
            ("epoch = 9999999999", "`epoch` is 9999999999 and must be 2 to 100000000"),
            ("batch = 1", "`batch` is 1 and must be 2 to 4096"),
            ("hands = 100000", "`hands` is 100000 and must be at most 1000"),
            ("variation = { area = [0.5, 0.2] }", "`variation` has area"),
            ("variation = { colour = 2.0 }", "`variation` has colour"),
            ("mix = { cut = 0.8, blend = 0.3 }", "`mix` has cut"),
            ("mix = { nothing = 1.5 }", "`mix` has nothing"),
            ("epoch = 64\nbatch = 65", "`batch` is 65 and must be 2 to 64"),
            ("rate = -1.0", "`rate` is -1 and"),
            ("rate = nan", "`rate` is nan"),
            ("weight_decay = -5", "`weight_decay` is -5 and"),
            ("label_smoothing = 1.0", "`label_smoothing` is 1 and"),
            ("decay = 2.0", "`decay` is 2 and"),
            ("side = 6", "`side` is 6 and must be 7 to 2048"),
            ("side = 40\ndetail = 41", "`detail` is 41 and must be 1 to `side`, 40"),
            ("growth = [{ from = 0.0, side = 4 }]", "`growth` must"),
            ("growth = [{ from = 5.0, side = 48 }]", "`growth` must"),
            ("growth = [{ from = 0.5, side = 48 }, { from = 0.1, side = 64 }]", "`growth` must"),
            ("network = { stem = [0, 8] }", "`network` asks for 0 channels in one layer, but 1 to 4096"),
        ] {
            let message = refused(text);
            assert!(message.contains(part) && message.contains("refused: "), "{text}: {message}");
            assert!(!message.contains("model file"), "{message}");
        }
        // By hand, it is not the file that is wrong.
        let path = written("hand", "seed = 5");
        let flags = |rate| Flags { rate: Some(rate), ..Flags::default() };
        for (rate, part) in [(f64::NAN, "`rate` is nan"), (0.0, "`rate` is 0 and")] {
            let message = settings(Some(&path), &flags(rate)).unwrap_err().to_string();
            assert!(message.starts_with("the command line: ") && message.contains(part), "{message}");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_wrong_field_is_named_with_what_is_allowed() {
        let message = refused("bacth = 12");
        for word in ["`bacth`", "`batch`", "`growth`", "`freeze`"] {
            assert!(message.contains(word), "{message}");
        }
        assert!(refused("budget = { hours = 1 }").contains("`samples`"));
        assert!(refused("batch = \"many\"").contains("`batch`"));
        assert!(refused("network = { layers = 3 }").contains("`middle_blocks`"));
        assert!(refused("device = \"tpu\"").contains("`webgpu`"));
        assert!(refused("seed = 1\nbatch = 2 2").contains("neither TOML nor JSON with settings: line 2"));
        assert!(refused("{ \"batch\": ").contains("neither TOML nor JSON"));
        assert!(!refused("batch =").contains('\n'));
    }
}
