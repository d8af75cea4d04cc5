//! How many answers are right, and of how many of them the model claims to know.

/// Answers among which the right one is looked for.
pub(super) const ANSWERS: usize = 5;

/// Counts of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many were shown.
    pub pictures: usize,
    /// Those whose likeliest class is right.
    first: usize,
    five: usize,
    known_right: usize,
    known_wrong: usize,
}

impl Tally {
    /// One picture more: the place of the right class among the [`ANSWERS`] likeliest, if it is there, and whether the
    /// model claims to know.
    pub fn count(&mut self, place: Option<usize>, known: bool) {
        self.pictures += 1;
        self.five += usize::from(place.is_some());
        if place == Some(0) {
            self.first += 1;
            self.known_right += usize::from(known);
        } else {
            self.known_wrong += usize::from(known);
        }
    }

    /// The pictures of another one as well.
    pub fn add(&mut self, other: &Self) {
        self.pictures += other.pictures;
        self.first += other.first;
        self.five += other.five;
        self.known_right += other.known_right;
        self.known_wrong += other.known_wrong;
    }

    /// Share of pictures whose likeliest class is right.
    pub fn top1(&self) -> f64 {
        share(self.first, self.pictures)
    }

    /// Share of pictures whose right class is among the five likeliest.
    pub fn top5(&self) -> f64 {
        share(self.five, self.pictures)
    }

    /// Share of the rightly named that the model claims to know.
    pub fn known_right(&self) -> f64 {
        share(self.known_right, self.first)
    }

    /// The same of the misnamed.
    pub fn known_wrong(&self) -> f64 {
        share(self.known_wrong, self.pictures - self.first)
    }
}

/// Of nothing, no share.
pub(super) fn share(part: usize, of: usize) -> f64 {
    part as f64 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_those_that_they_are_said_of() {
        let mut tally = Tally::default();
        for (place, known) in
            [(Some(0), true), (Some(0), false), (Some(3), true), (None, false), (None, false)]
        {
            tally.count(place, known);
        }
        let mut twice = tally;
        twice.add(&tally);
        for tally in [tally, twice] {
            let found = [tally.top1(), tally.top5(), tally.known_right(), tally.known_wrong()];
            assert_eq!(found, [2.0 / 5.0, 3.0 / 5.0, 1.0 / 2.0, 1.0 / 3.0]);
        }
        let none = Tally::default();
        assert_eq!([none.top1(), none.top5(), none.known_right(), none.known_wrong()], [0.0; 4]);
    }
}
