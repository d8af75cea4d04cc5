//! What a run shows while it goes: a bar with the time left, and a line per epoch.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::learn::score::Score;
use crate::run::checkpoint::LogLine;

/// Length of the bar's scale.
const SCALE: f64 = 10_000.0;

/// The bar, and what is needed to say how long it will take.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    from: f64,
    start: Instant,
}

impl Progress {
    /// For a run that already stands at `from`, of 0 to 1.
    pub fn new(from: f64) -> Self {
        Self::on(ProgressBar::new(SCALE as u64), from)
    }

    /// Shows nothing.
    pub fn hidden() -> Self {
        Self::on(ProgressBar::hidden(), 0.0)
    }

    fn on(bar: ProgressBar, from: f64) -> Self {
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}") {
            bar.set_style(style);
        }
        bar.set_position((from * SCALE) as u64);
        Self { bar, from, start: Instant::now() }
    }

    /// After a step.
    pub fn step(&self, progress: f64, epoch: u64, score: &Score, pictures_per_second: f64) {
        self.bar.set_position((progress * SCALE) as u64);
        let left = time_left(self.start.elapsed(), self.from, progress)
            .map_or(String::new(), |left| format!(", {} left", HumanDuration(left)));
        self.bar.set_message(format!(
            "epoch {epoch}, loss {:.3}, {:.1} % right, {pictures_per_second:.0} pictures/s{left}",
            score.mean_loss(),
            100.0 * score.accuracy(),
        ));
    }

    /// After an epoch; told plainly when there is no terminal for a bar.
    pub fn epoch(&self, line: &LogLine, tell: &dyn Fn(&str)) {
        let text = format!(
            "epoch {:>3}  {:>8} pictures  {:>6.1} min  loss {:.3}  train {:.1} %  validation {:.1} %  rate {:.5}  {:.0} pictures/s",
            line.state.epochs,
            line.state.samples,
            line.state.seconds / 60.0,
            line.loss,
            100.0 * line.train_accuracy,
            100.0 * line.validation_accuracy,
            line.rate,
            line.pictures_per_second
        );
        if self.bar.is_hidden() {
            tell(&text);
        } else {
            self.bar.println(text);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How long the rest takes at the speed since `from`: what an earlier session did took its own time.
fn time_left(elapsed: Duration, from: f64, progress: f64) -> Option<Duration> {
    let done = progress - from;
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - progress) / done).ok().filter(|_| done > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_takes_as_long_as_its_own_speed_says() {
        let ten = Duration::from_secs(10);
        assert_eq!(time_left(ten, 0.0, 0.5), Some(ten));
        // Half was done before; a tenth of all took ten seconds, and four tenths are left.
        let left = time_left(ten, 0.5, 0.6).unwrap().as_secs_f64();
        assert!((left - 40.0).abs() < 1e-6, "{left}");
        assert_eq!(time_left(ten, 0.5, 0.5), None);
        assert_eq!(Progress::new(0.5).bar.position(), SCALE as u64 / 2);
    }
}
