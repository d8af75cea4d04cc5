//! The results for people: a table, a plot and plain sentences.

use std::collections::BTreeSet;
use std::fmt::Write;

use plotters::prelude::*;

use super::pools::Subject;
use super::pools::{BATCH, SIDE};
use super::summary::{Decision, Row, Spread, Summary, Verdict};
use super::trial::RATE;
use super::variant::{REFERENCE, VARIANTS, find};
use super::widths::TOLERANCE;
use crate::run::plot::{Area, COLOURS, Line, failed, lines, short, span, svg};
use xception_web::error::Result;

/// Pixels of the plot.
const SIZE: (u32, u32) = (1000, 380);

/// Every run, a line each.
pub fn csv(summary: &Summary) -> String {
    let mut text =
        String::from("variant,seed,samples,parameters,validation_accuracy,unseen_accuracy,loss,seconds\n");
    for one in &summary.outcomes {
        let (name, seed, samples, parameters) = (&one.variant, one.seed, one.samples, one.parameters);
        let _ = writeln!(
            text,
            "{name},{seed},{samples},{parameters},{:.4},{},{:.4},{:.1}",
            one.validation,
            one.unseen.map_or(String::new(), |share| format!("{share:.4}")),
            one.loss,
            one.seconds
        );
    }
    text
}

/// The way of each variant, and where each run ended.
pub fn plot(summary: &Summary) -> Result<String> {
    svg(SIZE, |area| {
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        lines(&left, "Mean over seeds", ["pictures seen", "validation accuracy, %"], &ways(summary))?;
        ends(&right, summary)
    })
}

/// Accuracy on the way, as the mean over seeds.
fn ways(summary: &Summary) -> Vec<Line> {
    let way = |row: &Row| {
        let own = || summary.outcomes.iter().filter(|one| one.variant == row.variant);
        let points = own().next().map_or(0, |one| one.history.len());
        let point = |i: usize| {
            let at = |of: fn(&super::trial::Point) -> f64| {
                own().filter_map(|one| one.history.get(i)).map(of).sum::<f64>() / row.seeds as f64
            };
            (at(|point| point.samples as f64), 100.0 * at(|point| point.validation))
        };
        Line { name: row.variant.into(), points: (0..points).map(point).collect() }
    };
    summary.rows.iter().map(way).collect()
}

/// A dot per run, a bar at the mean.
fn ends(area: &Area<'_>, summary: &Summary) -> Result<()> {
    let accuracies = || summary.outcomes.iter().map(|one| 100.0 * one.validation);
    let count = summary.rows.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("Each run at its end", ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(84)
        .build_cartesian_2d(span(accuracies()), count - 0.5..-0.5)
        .map_err(failed)?;
    let name = |at: &f64| {
        let row = summary.rows.get(at.round() as usize).filter(|_| (at - at.round()).abs() < 1e-6);
        row.map_or(String::new(), |row| row.variant.to_owned())
    };
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("validation accuracy, %")
        .x_label_formatter(&short)
        .y_labels(summary.rows.len())
        .y_label_formatter(&name)
        .draw()
        .map_err(failed)?;
    for (i, (row, colour)) in summary.rows.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let (y, mean) = (i as f64, 100.0 * row.validation.mean);
        let bar = PathElement::new([(mean, y - 0.3), (mean, y + 0.3)], colour.stroke_width(2));
        chart.draw_series([bar]).map_err(failed)?;
        let own = summary.outcomes.iter().filter(|one| one.variant == row.variant);
        let dots = own.map(|one| Circle::new((100.0 * one.validation, y), 4, colour.mix(0.6).filled()));
        chart.draw_series(dots).map_err(failed)?;
    }
    Ok(())
}

/// The whole report.
pub fn markdown(summary: &Summary) -> String {
    let seeds: BTreeSet<_> = summary.outcomes.iter().map(|one| one.seed).collect();
    let Subject { folder, classes, train, judged, unseen } = &summary.subject;
    // As few words as give the same runs.
    let only = if summary.rows.len() < VARIANTS.len() {
        let names: Vec<_> = summary.rows.iter().map(|row| row.variant).collect();
        format!(" --only {}", names.join(","))
    } else {
        String::new()
    };
    let data = folder.as_ref().map_or(String::new(), |folder| format!(" --data {folder}"));
    let (pictures, judges) = match (folder, train) {
        (Some(folder), Some(train)) => (
            format!(
                "in {classes} classes, shown anew each time out of the {train} photographs to learn from in `{folder}`"
            ),
            format!("{judged} others that are held out"),
        ),
        _ => (
            format!("in {classes} classes of the icon sets"),
            format!(
                "{judged} pictures held out, in the training styles, and on {unseen} of OpenMoji, whose style is never \
                 trained on"
            ),
        ),
    };
    let mut text = format!(
        "# The paper's claims, tried\n\n\
         Written by `xception ablate --seeds {} --samples {}{only}{data}`. Small networks of Xception's structure that differ in one \
         thing, their widths chosen so that all have equally many parameters (within {:.0} %), each trained on \
         the same {} pictures of {SIDE}×{SIDE} pixels {pictures}: AdamW, {BATCH} pictures a step, rates up to {RATE}, no \
         tuning for any of them. Accuracy on {judges}; loss is the label-smoothed training loss at the end. ± is the standard deviation over the seeds.\n\n",
        seeds.len(),
        summary.samples,
        100.0 * TOLERANCE,
        summary.samples,
    );
    let styles = if *unseen > 0 { [" unseen style, % |", "---|"] } else { [""; 2] };
    let [style, line] = styles;
    let _ = writeln!(
        text,
        "| variant | | parameters | seeds | validation, % |{style} loss |\n|---|---|---|---|---|{line}---|"
    );
    for row in &summary.rows {
        let title = find(row.variant).map_or("", |variant| variant.title);
        let _ = writeln!(
            text,
            "| `{}` | {title} | {} | {} | {} |{} {} |",
            row.variant,
            row.parameters,
            row.seeds,
            value(row.validation, 100.0, 1),
            row.unseen.map_or(String::new(), |unseen| format!(" {} |", value(unseen, 100.0, 1))),
            value(row.loss, 1.0, 3)
        );
    }
    text += "\n![Accuracy on the way and at the end](plot.svg)\n\n## What held\n\n";
    let _ = writeln!(
        text,
        "A claim counts as held when the mean validation accuracy of `{}` is higher than the other's by more than the \
         spread (the root of the sum of both variances over the seeds), as contradicted when it is lower by more, and \
         as undecided otherwise.\n",
        REFERENCE.name
    );
    for decision in &summary.decisions {
        let _ = writeln!(text, "- {}", sentence(decision));
    }
    if summary.rows.len() < VARIANTS.len() {
        text += "- The other claims were not tried.\n";
    }
    let kind = if folder.is_some() { "small" } else { "drawn" };
    let _ = writeln!(
        text,
        "\nA network of this size, a short run and {kind} pictures say little about ImageNet. All seeds are judged by the \
         same pictures, so ± leaves out the chance in choosing them."
    );
    text
}

/// One plain sentence.
pub fn sentence(decision: &Decision) -> String {
    let Decision { claim, against, difference, spread, verdict } = decision;
    let verdict = match verdict {
        Verdict::Held => "this held here",
        Verdict::Contradicted => "this did not hold here, the contrary did",
        Verdict::Open => "this did not hold here, nor did the contrary: the difference is within the spread",
        Verdict::OneSeed => "undecided, since one seed has no spread",
    };
    let spread = spread.map_or(String::new(), |spread| format!(", with a spread of {:.1}", 100.0 * spread));
    format!(
        "{claim}: {verdict} (`{}` {:+.1} points against `{against}`{spread}).",
        REFERENCE.name,
        100.0 * difference
    )
}

fn value(spread: Spread, scale: f64, digits: usize) -> String {
    let mean = format!("{:.digits$}", scale * spread.mean);
    spread.deviation.map_or(mean.clone(), |deviation| format!("{mean} ± {:.digits$}", scale * deviation))
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::outcome;
    use super::*;

    #[test]
    fn the_report_says_what_held_and_what_did_not() {
        let runs = [("separable", 0.70), ("relu", 0.60), ("plain", 0.80), ("inception", 0.70)];
        let of = |(name, accuracy): (&str, f64)| {
            [1, 2].map(|seed| outcome(name, seed, accuracy + seed as f64 / 100.0))
        };
        let summary = Summary::new(64, Subject::drawings(), runs.into_iter().flat_map(of).collect());
        let text = markdown(&summary);
        let line = |against: &str| {
            let end = format!("against `{against}`");
            text.lines().find(|line| line.contains(&end)).unwrap().to_owned()
        };
        assert!(line("relu").contains(": this held here (`separable` +10.0 points"), "{text}");
        assert!(line("plain").contains("the contrary did"), "{text}");
        assert!(line("inception").contains("nor did the contrary"), "{text}");
        assert!(text.contains("| 71.5 ± 0.7 |"), "{text}");
        assert!(text.contains("not tried"), "{text}");
        let command = "`xception ablate --seeds 2 --samples 64 --only separable,relu,plain,inception`";
        assert!(text.contains(command), "{text}");
        assert_eq!(csv(&summary).lines().count(), 9);
        let plot = plot(&summary).unwrap();
        assert_eq!(plot.matches("<circle").count(), 8, "a dot per run");
        for row in &summary.rows {
            assert!(plot.contains(row.variant), "{}", row.variant);
        }
    }
}
