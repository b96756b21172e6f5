//! Finding an order of jobs in which the run is over soon.
//!
//! Those that share keys come first, since they need no wait; the others from the longest to the shortest. From there
//! the order is bettered by moving one job, or exchanging two, and playing everything on paper again. No chance is involved
//! that would differ from run to run: what `plan` shows is what `test` does.

use std::ops::Range;
use std::time::Duration;

use super::jobs::Job;
use super::simulate::Turn;
use super::usage::Use;

/// How many changes are tried from one beginning.
const MOST_TRIES: usize = 600;

/// How often that is begun anew, from a shuffled order: what betters one leads into a dead end where another goes on.
const BEGINNINGS: u64 = 6;

/// A run that takes so much longer than its longest job is not bettered any more.
const NEXT_TO_NOTHING: Duration = Duration::from_secs(10);

/// How good an order is: when the run is over, then how soon the keys are free again.
type Merit = (Duration, Duration);

/// A good order for `jobs`, which take so long each when they are played alone, as places in `jobs`; `simulate` plays
/// an order on paper.
pub(crate) fn order(
    jobs: &[Job],
    times: &[Duration],
    simulate: &dyn Fn(&[usize]) -> Vec<Turn>,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|place| {
        let job = &jobs[*place];
        let first_the_light = job.usage != Use::Shares;
        (job.last, first_the_light, std::cmp::Reverse(times[*place]), *place)
    });
    let begins = order.iter().position(|place| jobs[*place].usage != Use::Shares).unwrap_or(order.len());
    let ends = order.iter().position(|place| jobs[*place].last).unwrap_or(order.len());
    if ends <= begins + 1 {
        return order;
    }
    let movable = begins..ends;
    let enough = times.iter().max().copied().unwrap_or_default() + NEXT_TO_NOTHING;
    let mut best = (merit(&simulate(&order)), order.clone());
    for beginning in 0..BEGINNINGS {
        best = best.min(better(order.clone(), &movable, beginning, simulate));
        // No run is over before its longest job is.
        if best.0.0 <= enough {
            break;
        }
    }
    best.1
}

/// A better order, and how good it is.
fn better(
    mut order: Vec<usize>,
    movable: &Range<usize>,
    beginning: u64,
    simulate: &dyn Fn(&[usize]) -> Vec<Turn>,
) -> (Merit, Vec<usize>) {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(beginning + 1));
    if beginning > 0 {
        for place in (movable.start + 1..movable.end).rev() {
            order.swap(place, movable.start + dice.below(place - movable.start + 1));
        }
    }
    let mut best = merit(&simulate(&order));
    for tried in 0..MOST_TRIES {
        let mut other = order.clone();
        let from = movable.start + dice.below(movable.len());
        let to = movable.start + dice.below(movable.len());
        if from == to {
            continue;
        }
        if tried % 2 == 0 {
            let moved = other.remove(from);
            other.insert(to, moved);
        } else {
            other.swap(from, to);
        }
        let reached = merit(&simulate(&other));
        if reached <= best {
            (order, best) = (other, reached);
        }
    }
    (best, order)
}

fn merit(turns: &[Turn]) -> Merit {
    let ends = turns.iter().map(Turn::until);
    (ends.clone().max().unwrap_or_default(), ends.sum())
}

/// A generator of numbers that are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(most.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}
