//! The square of pixels that a convolution sees at once, and how it goes over a picture.

/// What a convolution is in space; its channels are apart from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width: 3, or 1 for a pointwise convolution.
    pub side: usize,
    /// How far it moves in both directions.
    pub stride: usize,
    /// Zeros on every side of the picture.
    pub padding: usize,
}

impl Window {
    /// Of a pointwise convolution.
    pub const fn point(stride: usize) -> Self {
        Self { side: 1, stride, padding: 0 }
    }

    /// Of a 3×3 convolution.
    pub const fn square(stride: usize, padding: usize) -> Self {
        Self { side: 3, stride, padding }
    }

    /// H' or W' of H or W; nothing of what is too small.
    pub const fn output(self, size: usize) -> usize {
        (size + 2 * self.padding + self.stride).saturating_sub(self.side) / self.stride
    }

    /// The smallest H or W that leads to so many.
    pub const fn input(self, output: usize) -> usize {
        ((output - 1) * self.stride + self.side).saturating_sub(2 * self.padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_input_leads_to_the_output_and_no_smaller_one_does() {
        for window in [Window::point(2), Window::square(1, 0), Window::square(2, 0), Window::square(2, 1)] {
            for output in 2..9 {
                let size = window.input(output);
                assert_eq!(
                    [window.output(size - 1), window.output(size)],
                    [output - 1, output],
                    "{window:?}"
                );
            }
        }
        assert_eq!(Window::square(1, 0).output(1), 0, "of a pixel, no 3×3 window");
    }
}
