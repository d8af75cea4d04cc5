//! Icon sets as npm carries them: one `icons.json` per set, each icon the inside of an SVG.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use xception_web::error::{Error, Result};

/// The sets that training draws from.
pub const TRAINING_SETS: &[&str] = &["noto", "noto-v1", "twemoji", "fluent-emoji-flat", "emojione"];
/// The set that training never sees, and that the model is measured on.
pub const UNSEEN_SET: &str = "openmoji";
/// Where `npm ci --prefix src/train/icons` puts the sets.
pub const DEFAULT_DIR: &str = "src/train/icons/node_modules/@iconify-json";
/// The same from the crate's folder, where Cargo runs its tests.
#[cfg(test)]
pub const INSTALLED: &str = "icons/node_modules/@iconify-json";

/// One icon, or the default size of a set's icons.
#[derive(Clone, Debug, Default, Deserialize)]
struct Geometry {
    left: Option<f32>,
    top: Option<f32>,
    width: Option<f32>,
    height: Option<f32>,
}

#[derive(Clone, Debug, Deserialize)]
struct Icon {
    body: String,
    #[serde(flatten)]
    geometry: Geometry,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alias {
    parent: String,
    #[serde(default)]
    h_flip: bool,
    #[serde(default)]
    v_flip: bool,
    #[serde(default)]
    rotate: u32,
}

#[derive(Debug, Deserialize)]
struct Info {
    license: License,
}

#[derive(Debug, Deserialize)]
struct License {
    spdx: String,
}

#[derive(Debug, Deserialize)]
struct Package {
    version: String,
}

#[derive(Debug, Deserialize)]
struct Icons {
    icons: HashMap<String, Icon>,
    #[serde(default)]
    aliases: HashMap<String, Alias>,
    #[serde(flatten)]
    geometry: Geometry,
}

/// A set, read.
#[derive(Debug)]
pub struct IconSet {
    /// Its npm name without the scope.
    pub name: String,
    /// Version of its npm package.
    pub version: String,
    /// SPDX name of its licence.
    pub license: String,
    icons: Icons,
}

impl IconSet {
    /// Reads `dir/<name>/icons.json` and what stands beside it.
    pub fn read(dir: &Path, name: &str) -> Result<Self> {
        let dir = dir.join(name);
        let info: Info = read_json(&dir.join("info.json"))?;
        let package: Package = read_json(&dir.join("package.json"))?;
        Ok(Self {
            name: name.to_owned(),
            version: package.version,
            license: info.license.spdx,
            icons: read_json(&dir.join("icons.json"))?,
        })
    }

    /// Names of the icons, aliases left out, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.icons.icons.keys().map(String::as_str)
    }

    /// The icon as a stand-alone SVG, aliases followed.
    pub fn svg(&self, icon: &str) -> Result<String> {
        let missing = || Error::Icons(format!("the icon set {} has no icon {icon:?}", self.name));
        let mut name = icon;
        let mut turns = Vec::new();
        while let Some(alias) = self.icons.aliases.get(name) {
            turns.push(alias);
            name = &alias.parent;
            if turns.len() > self.icons.aliases.len() {
                return Err(missing());
            }
        }
        let icon = self.icons.icons.get(name).ok_or_else(missing)?;
        let of = |get: fn(&Geometry) -> Option<f32>, otherwise: f32| {
            get(&icon.geometry).or_else(|| get(&self.icons.geometry)).unwrap_or(otherwise)
        };
        let (left, top) = (of(|g| g.left, 0.0), of(|g| g.top, 0.0));
        // 16 is the format's default size.
        let (width, height) = (of(|g| g.width, 16.0), of(|g| g.height, 16.0));
        let (x, y) = (left + width / 2.0, top + height / 2.0);
        let turn: String = turns
            .iter()
            .map(|alias| {
                let sx = if alias.h_flip { -1 } else { 1 };
                let sy = if alias.v_flip { -1 } else { 1 };
                let angle = alias.rotate % 4 * 90;
                format!("translate({x} {y}) rotate({angle}) scale({sx} {sy}) translate({} {}) ", -x, -y)
            })
            .collect();
        Ok(format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{left} {top} {width} {height}" width="{width}" height="{height}"><g transform="{turn}">{}</g></svg>"#,
            icon.body
        ))
    }
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::Icons(format!(
            "cannot read the icon set at {}: {error}; `npm ci --prefix src/train/icons` fetches the sets",
            path.display()
        ))
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::Icons(format!("{} is no icon set: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::classes::CLASSES;
    use crate::draw::render::render;

    #[test]
    fn every_class_is_drawn_in_all_six_sets() {
        for name in TRAINING_SETS.iter().chain([&UNSEEN_SET]) {
            let set = IconSet::read(Path::new(INSTALLED), name).unwrap();
            for icon in CLASSES.iter().flat_map(|class| class.icons) {
                let drawing = render(&set.svg(icon).unwrap(), 16).unwrap();
                assert!(drawing.rgba.iter().any(|v| *v > 0), "{name} {icon} is blank");
            }
        }
    }

    #[test]
    fn a_missing_folder_names_the_command_that_fills_it() {
        let error = IconSet::read(Path::new("nowhere"), "noto").unwrap_err().to_string();
        assert!(error.contains("npm ci --prefix src/train/icons"), "{error}");
    }
}
