//! Networks of the paper's structure that have a name: timm's aligned family, the face networks, and a small one.

use super::config::{Aligned, Dialect, Face, Order, TF_EPSILON, TORCH_EPSILON, XceptionConfig};

impl XceptionConfig {
    /// timm's `xception41`.
    pub fn xception41(classes: usize) -> Self {
        let aligned = Aligned { order: Order::Post, strides: vec![2; 3], epsilon: TF_EPSILON };
        Self::aligned("xception41", classes, &[128, 256, 728], 8, aligned)
    }

    /// timm's `xception65`.
    pub fn xception65(classes: usize) -> Self {
        let aligned = Aligned { order: Order::Post, strides: vec![2; 3], epsilon: TF_EPSILON };
        Self::aligned("xception65", classes, &[128, 256, 728], 16, aligned)
    }

    /// timm's `xception71`.
    pub fn xception71(classes: usize) -> Self {
        let aligned = Aligned { order: Order::Post, strides: vec![2, 1, 2, 1, 2], epsilon: TF_EPSILON };
        Self::aligned("xception71", classes, &[128, 256, 256, 728, 728], 16, aligned)
    }

    /// timm's `xception41p`, the only one with PyTorch's own epsilon.
    pub fn xception41p(classes: usize) -> Self {
        let aligned = Aligned { order: Order::Pre, strides: vec![2; 3], epsilon: TORCH_EPSILON };
        Self::aligned("xception41p", classes, &[128, 256, 728], 8, aligned)
    }

    /// timm's `xception65p`.
    pub fn xception65p(classes: usize) -> Self {
        let aligned = Aligned { order: Order::Pre, strides: vec![2; 3], epsilon: TF_EPSILON };
        Self::aligned("xception65p", classes, &[128, 256, 728], 16, aligned)
    }

    /// What the aligned networks share: three separable convolutions per block.
    fn aligned(name: &str, classes: usize, entry: &[usize], middle_blocks: usize, aligned: Aligned) -> Self {
        Self {
            architecture: name.into(),
            dialect: Dialect::Timm,
            classes,
            stem: [32, 64],
            entry: entry.iter().map(|&width| vec![width; 3]).collect(),
            middle_blocks,
            middle_units: 3,
            exit: vec![728, 1024, 1024],
            tail: vec![1536, 1536, 2048],
            aligned: Some(aligned),
            face: None,
            hidden: Vec::new(),
        }
    }

    /// The same structure for small pictures: fewer channels, fewer repeats.
    pub fn mini(dialect: Dialect, classes: usize) -> Self {
        Self {
            architecture: "xception-mini".into(),
            dialect,
            classes,
            stem: [16, 24],
            entry: vec![vec![48, 48], vec![96, 96], vec![192, 192]],
            middle_blocks: 3,
            middle_units: 3,
            exit: vec![192, 256],
            tail: vec![384, 512],
            aligned: None,
            face: None,
            hidden: Vec::new(),
        }
    }

    /// `tiny_XCEPTION`: four blocks after a stem of five filters.
    pub fn tiny_face(channels: usize, classes: usize) -> Self {
        let face = Face { channels, stride: 1, leading_relu: false, last_halves: true };
        Self::of_faces("tiny_XCEPTION", face, classes, [5, 5], &[8, 16, 32, 64])
    }

    /// `mini_XCEPTION`, the well-known one for emotions and gender.
    pub fn mini_face(channels: usize, classes: usize) -> Self {
        let face = Face { channels, stride: 1, leading_relu: false, last_halves: true };
        Self::of_faces("mini_XCEPTION", face, classes, [8, 8], &[16, 32, 64, 128])
    }

    /// `big_XCEPTION`: the paper's stem and two blocks.
    pub fn big_face(channels: usize, classes: usize) -> Self {
        let face = Face { channels, stride: 2, leading_relu: true, last_halves: true };
        Self::of_faces("big_XCEPTION", face, classes, [32, 64], &[128, 256])
    }

    /// What the face networks share: two separable convolutions per block, and nothing after the last block.
    fn of_faces(name: &str, face: Face, classes: usize, stem: [usize; 2], blocks: &[usize]) -> Self {
        let mut entry: Vec<Vec<usize>> = blocks.iter().map(|&width| vec![width; 2]).collect();
        let exit = entry.pop().unwrap_or_default();
        Self {
            architecture: name.into(),
            dialect: Dialect::Keras,
            classes,
            stem,
            entry,
            middle_blocks: 0,
            middle_units: 0,
            exit,
            tail: Vec::new(),
            aligned: None,
            face: Some(face),
            hidden: Vec::new(),
        }
    }

    /// The same table with the name it is known by.
    pub fn named(self) -> Self {
        let known = [
            Self::xception(self.dialect, self.classes),
            Self::mini(self.dialect, self.classes),
            Self::xception41(self.classes),
            Self::xception65(self.classes),
            Self::xception71(self.classes),
            Self::xception41p(self.classes),
            Self::xception65p(self.classes),
            Self::tiny_face(self.channels(), self.classes),
            Self::mini_face(self.channels(), self.classes),
            Self::big_face(self.channels(), self.classes),
        ];
        // What the head is made of does not change what a network is called.
        let plain = Self { hidden: Vec::new(), ..self.clone() };
        let same =
            |other: &Self| Self { architecture: other.architecture.clone(), ..plain.clone() } == *other;
        let architecture =
            known.iter().find(|other| same(other)).map_or("xception-custom", |known| &known.architecture);
        Self { architecture: architecture.into(), ..self }
    }
}
