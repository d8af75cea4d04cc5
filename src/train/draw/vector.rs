//! Redraws an icon while it is still vectors: strokes round its shapes, other colours, flat fills.
//! What an icon shows stays; the hand that drew it changes. See [`crate::draw::style`] for what is done to
//! pixels.

use std::collections::HashMap;

use crate::random::Random;

/// What becomes of an icon's fills.
#[derive(Clone, Copy, PartialEq)]
enum Fills {
    /// Stay as they are.
    Keep,
    /// Each colour becomes one near it, everywhere the same.
    Shift,
    /// Lighter or darker, all alike.
    Lift,
    /// White: line art.
    White,
}

/// The icon as another hand would draw it; `svg` is what [`crate::draw::icons::IconSet::svg`] gives.
pub fn redrawn(random: &mut Random, svg: &str) -> String {
    let fills = match random.unit() {
        p if p < 0.30 => Fills::Keep,
        p if p < 0.72 => Fills::Shift,
        p if p < 0.86 => Fills::Lift,
        _ => Fills::White,
    };
    let stroked = fills == Fills::White || random.chance(0.72);
    let flat = random.chance(0.7);
    let mut painter = Painter::new(random, fills);
    let recoloured = recolour(svg, flat, &mut painter);
    if stroked { outlined(random, &recoloured) } else { recoloured }
}

/// Strokes round every shape that has none of its own: attributes on the outermost group are inherited.
fn outlined(random: &mut Random, svg: &str) -> String {
    let side = number(svg, " width=\"").unwrap_or(16.0);
    let width = side * random.range(0.012, 0.045);
    let ink = if random.chance(0.75) { [0.0; 3] } else { std::array::from_fn(|_| random.range(0.0, 0.35)) };
    let ink = hex(ink);
    let stroke = format!(r#"<g stroke="{ink}" stroke-width="{width:.3}" stroke-linejoin="round" "#);
    svg.replacen("<g ", &stroke, 1)
}

fn number(svg: &str, before: &str) -> Option<f32> {
    let rest = &svg[svg.find(before)? + before.len()..];
    rest[..rest.find('"')?].parse().ok()
}

/// Chooses new colours, the same for the same old one.
struct Painter<'a> {
    random: &'a mut Random,
    fills: Fills,
    lift: f32,
    reach: f32,
    known: HashMap<String, String>,
}

impl<'a> Painter<'a> {
    fn new(random: &'a mut Random, fills: Fills) -> Self {
        let lift = random.range(-0.35, 0.6);
        // Mostly near the old colour; a thing keeps its hue more often than not.
        let reach = if random.chance(0.2) { 0.6 } else { 0.22 };
        Self { random, fills, lift, reach, known: HashMap::new() }
    }

    fn paint(&mut self, old: &str) -> String {
        let Some(rgb) = parse(old) else { return old.to_owned() };
        if let Some(new) = self.known.get(old) {
            return new.clone();
        }
        let new = match self.fills {
            Fills::Keep => rgb,
            Fills::Shift => {
                let light = self.random.range(-0.15, 0.15);
                rgb.map(|v| (v + light + self.random.range(-self.reach, self.reach)).clamp(0.0, 1.0))
            }
            Fills::Lift => {
                let goal = if self.lift > 0.0 { 1.0 } else { 0.0 };
                rgb.map(|v| v + (goal - v) * self.lift.abs())
            }
            // The darkest fills are eyes and mouths: as ink they stay.
            Fills::White => [if rgb.iter().sum::<f32>() < 0.75 { 0.0 } else { 1.0 }; 3],
        };
        let new = hex(new);
        self.known.insert(old.to_owned(), new.clone());
        new
    }
}

/// Every colour through the painter; with `flat`, gradients become their first colour.
fn recolour(svg: &str, flat: bool, painter: &mut Painter<'_>) -> String {
    let mut result = String::with_capacity(svg.len() + 256);
    let mut rest = svg;
    loop {
        let next = ["fill=\"", "stop-color=\"", "stroke=\""]
            .into_iter()
            .filter_map(|key| rest.find(key).map(|at| (at, at + key.len())))
            .min();
        let Some((_, from)) = next else { break };
        let Some(length) = rest[from..].find('"') else { break };
        let value = &rest[from..from + length];
        result.push_str(&rest[..from]);
        let flattened = if flat { gradient_colour(svg, value) } else { None };
        result.push_str(&painter.paint(flattened.unwrap_or(value)));
        rest = &rest[from + length..];
    }
    result.push_str(rest);
    result
}

/// The first colour of the gradient that `value`, as in `url(#name)`, refers to.
fn gradient_colour<'a>(svg: &'a str, value: &str) -> Option<&'a str> {
    let name = value.strip_prefix("url(#")?.strip_suffix(')')?;
    let gradient = &svg[svg.find(&format!("id=\"{name}\""))?..];
    let key = "stop-color=\"";
    let colour = &gradient[gradient.find(key)? + key.len()..];
    Some(&colour[..colour.find('"')?])
}

/// `#rgb` or `#rrggbb` in 0..1.
fn parse(colour: &str) -> Option<[f32; 3]> {
    let digits = colour.strip_prefix('#')?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    let byte = |at: u32| ((value >> at) & 0xff) as f32 / 255.0;
    let nibble = |at: u32| ((value >> at) & 0xf) as f32 / 15.0;
    match digits.len() {
        3 => Some([nibble(8), nibble(4), nibble(0)]),
        6 => Some([byte(16), byte(8), byte(0)]),
        _ => None,
    }
}

fn hex(rgb: [f32; 3]) -> String {
    let [r, g, b] = rgb.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::render::render;

    const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" width="16" height="16"><g transform=""><path fill="#f80" d="M2 2h12v12h-12z"/><path fill="url(#a)" d="M4 4h4v4h-4z"/><linearGradient id="a"><stop stop-color="#00ff00"/></linearGradient></g></svg>"##;

    #[test]
    fn a_redrawn_icon_is_still_valid_and_depends_on_its_seed_alone() {
        for item in 0..50 {
            let draw = || redrawn(&mut Random::new(1, 2, item), SVG);
            assert_eq!(draw(), draw());
            assert!(render(&draw(), 24).unwrap().rgba.iter().any(|v| *v > 0));
        }
    }

    #[test]
    fn flat_fills_take_a_gradients_first_colour() {
        assert_eq!(gradient_colour(SVG, "url(#a)"), Some("#00ff00"));
        assert_eq!(gradient_colour(SVG, "url(#missing)"), None);
    }

    #[test]
    fn colours_are_read_in_both_lengths() {
        assert_eq!(parse("#f80"), parse("#ff8800"));
        assert_eq!(parse("none"), None);
    }
}
