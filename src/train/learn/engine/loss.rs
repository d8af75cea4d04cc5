//! Cross entropy and its gradient.

use crate::supply::target::Target;

/// The loss of a row of logits, and its gradient for each.
pub fn cross_entropy(row: &[f32], target: Target, smoothing: f32) -> (f64, Vec<f32>) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = row.iter().map(|x| (x - largest).exp()).collect();
    let sum: f32 = exps.iter().sum();
    let wanted = |class: usize| target.wanted(class, row.len(), smoothing);
    let log = |class: usize| f64::from(row[class] - largest - sum.ln());
    let loss = -(0..row.len()).map(|class| f64::from(wanted(class)) * log(class)).sum::<f64>();
    (loss, exps.iter().enumerate().map(|(class, exp)| exp / sum - wanted(class)).collect())
}

/// The class with the largest logit.
pub fn likeliest(row: &[f32]) -> Option<usize> {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]))
}
