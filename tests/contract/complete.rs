//! No check without a deployment that fails it: a new one needs a row in one of the tables.

use std::collections::BTreeSet;

use crate::playing::SUITE;
use crate::{counting, faults, spelling};

#[test]
fn every_check_of_the_suite_fails_somewhere() {
    let shipped: BTreeSet<&str> = SUITE.checks.iter().map(|check| check.id.as_str()).collect();
    let mut shown: BTreeSet<&str> = faults::all().iter().map(|row| row.check).collect();
    shown.extend(counting::checks());
    shown.insert(spelling::CHECK);
    let never_fails: Vec<_> = shipped.difference(&shown).collect();
    let not_shipped: Vec<_> = shown.difference(&shipped).collect();
    assert!(never_fails.is_empty(), "no table shows these checks failing: {never_fails:?}");
    assert!(not_shipped.is_empty(), "the suite has no such checks: {not_shipped:?}");
}
