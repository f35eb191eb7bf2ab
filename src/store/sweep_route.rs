//! The way that a sweep takes through a table.

/// It begins at the start, jumps to a random place after the first step, goes on to the end, and then from where it jumped up
/// to where it landed. So sweeps that end early, as with a process that is replaced each hour, come to every row all the same.
pub struct Route {
    /// The page where the next step begins.
    place: i64,
    leg: Leg,
}

#[derive(Clone, Copy)]
enum Leg {
    Beginning,
    ToTheEnd { from: i64, jumped_at: i64 },
    ToTheJump { up_to: i64 },
}

impl Route {
    pub fn new() -> Self {
        Self { place: 0, leg: Leg::Beginning }
    }

    pub fn place(&self) -> i64 {
        self.place
    }

    /// Where the walk ends, if that is before the end of the table.
    pub fn end(&self) -> Option<i64> {
        match self.leg {
            Leg::Beginning | Leg::ToTheEnd { .. } => None,
            Leg::ToTheJump { up_to } => Some(up_to),
        }
    }

    pub fn may_jump(&self) -> bool {
        matches!(self.leg, Leg::Beginning)
    }

    pub fn jump(&mut self, to: i64) {
        let jumped_at = std::mem::replace(&mut self.place, to);
        self.leg = Leg::ToTheEnd { from: to, jumped_at };
    }

    /// A step has led to that place, or to the end of the table, or to [`Self::end`]. Returns whether it was the last.
    pub fn reached(&mut self, place: Option<i64>) -> bool {
        match (place, self.leg) {
            (Some(place), _) => {
                self.place = place;
                false
            }
            (None, Leg::ToTheEnd { from, jumped_at }) => {
                self.place = jumped_at;
                self.leg = Leg::ToTheJump { up_to: from };
                false
            }
            (None, Leg::Beginning | Leg::ToTheJump { .. }) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    /// The places of a table of 10 pages that steps of 2 pages begin at.
    fn walk(jump: Option<i64>) -> Vec<i64> {
        let mut route = Route::new();
        let mut places = Vec::new();
        loop {
            places.push(route.place());
            let next = route.place() + 2;
            let end = route.end().unwrap_or(10);
            if route.reached((next < end).then_some(next)) {
                return places;
            }
            if let Some(to) = jump.filter(|_| route.may_jump()) {
                route.jump(to);
            }
        }
    }

    #[test]
    fn a_walk_comes_to_every_page_once_wherever_it_jumps() {
        assert_eq!(walk(None), [0, 2, 4, 6, 8]);
        assert_eq!(walk(Some(6)), [0, 6, 8, 2, 4]);
        assert_eq!(walk(Some(7)), [0, 7, 9, 2, 4, 6]);
        assert_eq!(walk(Some(8)), [0, 8, 2, 4, 6]);
    }
}
