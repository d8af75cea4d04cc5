//! How far a run has come, and the learning rate there.

use serde::{Deserialize, Serialize};

/// Share of the run during which the learning rate rises from nothing.
const WARM_UP: f64 = 0.03;
/// The last learning rate, as a share of the highest.
const END: f64 = 0.005;

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Budget {
    /// After so many pictures: the same result on every machine.
    Samples(u64),
    /// After so much time: the learning rate follows the clock, so no two runs are equal.
    Minutes(f64),
}

impl Budget {
    /// The share of the run that is over, 0 to 1.
    pub fn progress(self, samples: u64, seconds: f64) -> f64 {
        let share = match self {
            Self::Samples(total) => samples as f64 / total.max(1) as f64,
            Self::Minutes(total) => seconds / (total * 60.0).max(f64::MIN_POSITIVE),
        };
        share.clamp(0.0, 1.0)
    }
}

/// Linear warm-up, then half a cosine.
pub fn learning_rate(highest: f64, progress: f64) -> f64 {
    if progress < WARM_UP {
        return highest * (progress / WARM_UP).max(0.01);
    }
    let rest = (progress - WARM_UP) / (1.0 - WARM_UP);
    highest * (END + (1.0 - END) * 0.5 * (1.0 + (std::f64::consts::PI * rest).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_almost_nothing() {
        let rates: Vec<_> = (0..=100).map(|p| learning_rate(1.0, f64::from(p) / 100.0)).collect();
        assert!(rates[..=3].is_sorted() && rates[3..].iter().rev().is_sorted());
        assert_eq!(rates[3], 1.0);
        assert!(rates[100] < 0.01 && rates[0] > 0.0);
    }

    #[test]
    fn progress_counts_pictures_or_minutes() {
        assert_eq!(Budget::Samples(200).progress(50, 1e9), 0.25);
        assert_eq!(Budget::Minutes(2.0).progress(50, 60.0), 0.5);
        assert_eq!(Budget::Minutes(2.0).progress(50, 600.0), 1.0);
    }
}
