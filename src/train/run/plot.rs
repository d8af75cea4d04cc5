//! Line charts as SVG, for people who watch a run.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use xception_web::error::{Error, Result};

/// Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
pub const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
];

/// Part of a drawing.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Points joined by a line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// From left to right, x and y.
    pub points: Vec<(f64, f64)>,
}

/// A drawing of `size` pixels on white, as the text of an SVG file.
pub fn svg(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// A chart of `lines`, with a legend when there are several.
pub fn lines(area: &Area<'_>, title: &str, [across, up]: [&str; 2], lines: &[Line]) -> Result<()> {
    let all = || lines.iter().flat_map(|line| &line.points);
    let (x, y) = (span(all().map(|point| point.0)), span(all().map(|point| point.1)));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(x, y)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(across)
        .y_desc(up)
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .draw()
        .map_err(failed)?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))
            .map_err(failed)?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    if lines.len() > 1 {
        let labels = &mut chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft);
        labels.background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw().map_err(failed)?;
    }
    Ok(())
}

/// A number without zeros at its end.
pub fn short(value: &f64) -> String {
    format!("{value:.5}").trim_end_matches('0').trim_end_matches('.').into()
}

/// From the smallest to the largest of `values`, with some room; never empty.
pub fn span(values: impl Iterator<Item = f64>) -> Range<f64> {
    let finite = values.filter(|value| value.is_finite());
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return 0.0..1.0;
    }
    let room = (0.05 * (high - low)).max(1e-6);
    low - room..high + room
}

/// An error of the plotting library.
pub fn failed(error: impl std::fmt::Display) -> Error {
    Error::Training(format!("cannot draw the curves: {error}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// How the second of [`COLOURS`] is written.
    pub const SECOND: &str = "stroke=\"#E69F00\"";

    #[test]
    fn a_chart_names_its_axes_and_lines() {
        let line = |name: &str, rise: f64| Line {
            name: name.into(),
            points: (0..5).map(|x| (f64::from(x), rise * f64::from(x))).collect(),
        };
        let text = svg((400, 300), |area| {
            lines(area, "speed", ["time", "way"], &[line("fast", 2.0), line("slow", 1.0)])
        })
        .unwrap();
        for word in ["<svg", "speed", "time", "way", "fast", "slow"] {
            assert!(text.contains(word), "{word}");
        }
        assert_eq!(text.matches(SECOND).count(), 2, "a line, and its sign in the legend");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([5000.0, 0.1 + 0.2, -0.00125].map(|v| short(&v)), ["5000", "0.3", "-0.00125"]);
    }

    #[test]
    fn nothing_to_draw_is_an_empty_chart() {
        assert_eq!(span([].into_iter()), 0.0..1.0);
        assert!(svg((200, 100), |area| lines(area, "", ["", ""], &[])).is_ok());
    }
}
