//! What a model file says of its making.

use crate::recipe::config::TrainConfig;
use crate::run::checkpoint::State;
use crate::supply::Supply;
use crate::supply::drawings::Source;
use xception_web::weights::About;

/// Title, licence and provenance, by the pictures and the settings.
pub(super) fn about(supply: &Supply, config: &TrainConfig, state: State) -> About {
    let from = match &config.from {
        None => "nothing".into(),
        Some(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy(),
    };
    let kept = if config.freeze { ", of which only the head was changed" } else { "" };
    let made = format!(
        "trained from {from}{kept} by `xception train` (seed {}, {} pictures, {} px)",
        config.seed, state.samples, config.side
    );
    let count = supply.labels().len();
    match supply {
        Supply::Drawings(drawings) => {
            let list =
                |of: fn(&Source) -> String| drawings.sources.iter().map(of).collect::<Vec<_>>().join(", ");
            About {
                title: Some(format!("Things as drawn in emoji and icon sets, {count} classes")),
                licence: Some(format!(
                    "weights: MIT OR Apache-2.0; trained on drawings under their own licences: {}",
                    list(|source| format!("{} {}", source.name, source.license))
                )),
                provenance: Some(format!(
                    "{made} on the npm packages {}",
                    list(|source| format!("@iconify-json/{}@{}", source.name, source.version))
                )),
            }
        }
        Supply::Pictures(pictures, said) => {
            let source = said.source.as_deref().unwrap_or("own pictures");
            let held_out = if pictures.split { "the validation set" } else { "some of each class" };
            About {
                title: said.title.clone().or_else(|| Some(format!("Own pictures, {count} classes"))),
                licence: said.licence.clone(),
                provenance: Some(format!("{made} on {source}, {held_out} held out")),
            }
        }
    }
}
