//! What a picture is to be taken for.

/// The classes of a picture and how sure a network is to be of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Its class.
    pub class: usize,
    /// The class of another picture that was mixed into it.
    pub other: usize,
    /// How much of it is its own: 1 if nothing was mixed in.
    pub share: f32,
    /// 1, or 0 for a picture that shows none of the classes and is to be taken for all of them alike.
    pub sure: f32,
}

impl Target {
    /// Of a picture as it is.
    pub fn of(class: usize) -> Self {
        Self { class, other: class, share: 1.0, sure: 1.0 }
    }

    /// The probability that `class` of `classes` is to get, when a share `smoothing` is spread over all.
    pub fn wanted(&self, class: usize, classes: usize, smoothing: f32) -> f32 {
        let own = f32::from(u8::from(class == self.class)) * self.share;
        let other = f32::from(u8::from(class == self.other)) * (1.0 - self.share);
        let told = (1.0 - smoothing) * self.sure;
        (1.0 - told) / classes as f32 + told * (own + other)
    }
}
