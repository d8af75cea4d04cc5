//! A run's log as curves.

use crate::run::plot::{Line, lines, svg};
use xception_web::error::Result;

/// Pixels of the drawing; three charts above each other.
const SIZE: (u32, u32) = (720, 780);

/// Loss, accuracy and learning rate over pictures seen, from the text of a `log.csv`. Lines that are no
/// numbers are left out, and so is what a curve lacks.
pub fn curves(log: &str) -> Result<String> {
    let mut rows = log.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap_or_default();
    let rows: Vec<_> = rows.collect();
    let column = |name: &str| head.iter().position(|column| *column == name);
    let line = |name: &str, scale: f64| {
        let number = |row: &[&str], at: Option<usize>| row.get(at?)?.parse::<f64>().ok();
        let point =
            |row: &Vec<&str>| Some((number(row, column("samples"))?, scale * number(row, column(name))?));
        Line { name: name.replace('_', " "), points: rows.iter().filter_map(point).collect() }
    };
    let seen = "pictures seen";
    svg(SIZE, |area| {
        let charts = area.split_evenly((3, 1));
        lines(&charts[0], "Training loss", [seen, "loss"], &[line("loss", 1.0)])?;
        let accuracies = [line("train_accuracy", 100.0), line("validation_accuracy", 100.0)];
        lines(&charts[1], "Accuracy", [seen, "%"], &accuracies)?;
        lines(&charts[2], "Learning rate", [seen, "rate"], &[line("rate", 1.0)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::checkpoint::LOG_HEAD;
    use crate::run::plot::tests::SECOND;

    #[test]
    fn each_column_of_the_log_has_its_curve() {
        let log = format!("{LOG_HEAD}1,100,0.10,2.5,0.2,0.3,0.003,90.0\n2,200,0.20,1.5,0.5,0.4,0.001,90.0\n");
        let text = curves(&log).unwrap();
        for word in
            ["Training loss", "train accuracy", "validation accuracy", "Learning rate", "pictures seen"]
        {
            assert!(text.contains(word), "{word}");
        }
        assert_eq!(text.matches(SECOND).count(), 2, "of two lines only accuracy has a second, and a legend");
        assert!(curves(LOG_HEAD).is_ok(), "a run's first moment");
    }
}
