//! What a picture is to the network: its features after global average pooling, before any classifier.

use super::Classifier;
use crate::error::{Error, Result};
use crate::model::Output;
use crate::preprocess::RgbaView;

impl Classifier {
    /// The features of a picture after global average pooling: pictures of like things have like features, whatever the
    /// classes. Models without a classifier have them too.
    ///
    /// # Errors
    ///
    /// When the picture is unusable or the backend fails.
    pub async fn embed(&self, picture: RgbaView<'_>) -> Result<Vec<f32>> {
        Ok(self.ask(Output::Features, self.prepare(picture)?, 1).await?.values)
    }
}

/// How alike two pictures are by their features: the cosine between these, from -1 to 1; 0 where one has none.
///
/// # Errors
///
/// When they are of different networks.
pub fn similarity(a: &[f32], b: &[f32]) -> Result<f32> {
    if a.len() != b.len() {
        return Err(Error::Option(format!(
            "features of {} and of {} numbers cannot be compared; give two that one network made",
            a.len(),
            b.len()
        )));
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    Ok(if lengths > 0.0 { (dot(a, b) / lengths).clamp(-1.0, 1.0) as f32 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_the_cosine() {
        assert_eq!(similarity(&[3.0, 4.0], &[6.0, 8.0]).unwrap(), 1.0);
        assert_eq!(similarity(&[1.0, 0.0], &[0.0, 2.0]).unwrap(), 0.0);
        assert_eq!(similarity(&[1.0, -1.0], &[-2.0, 2.0]).unwrap(), -1.0);
        assert_eq!(similarity(&[0.0, 0.0], &[1.0, 2.0]).unwrap(), 0.0);
        let refused = similarity(&[1.0], &[1.0, 2.0]).unwrap_err().to_string();
        assert!(refused.contains("of 1 and of 2 numbers"), "{refused}");
    }
}
