//! Pictures that are made rather than read: icons as pixels, redrawn by other hands, put before backgrounds, seen through
//! cameras. A seed decides every pixel.

pub mod augment;
pub mod background;
pub mod camera;
pub mod canvas;
pub mod classes;
pub mod hard;
pub mod icons;
pub mod render;
pub mod style;
pub mod texture;
pub mod vector;
