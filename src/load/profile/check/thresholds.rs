//! Thresholds that could never be judged, and so would always or never hold.

use super::Checker;
use crate::deployment::Role;
use crate::load::profile::{Lane, Profile, Request};
use crate::scenario::words::Amount;
use crate::yaml::{Problem, nearest};

impl Profile {
    /// What is asked of every lane.
    pub(super) fn check_shared_thresholds(&self, checker: &mut Checker<'_>) {
        if let Some(limit) = self.thresholds.compared().next() {
            let at = checker.find(self.thresholds.at, &limit.to_string());
            checker.say(
                at,
                "a time beside another lane's, asked of every lane",
                "ask it in the `thresholds` of the lane that is compared",
            );
        }
    }

    /// What is asked of a lane, by itself or by the profile.
    pub(super) fn check_thresholds(&self, lane: &Lane, checker: &mut Checker<'_>) {
        let asked = lane.thresholds.over(&self.thresholds);
        let place = |own: bool| if own { lane.thresholds.at } else { self.thresholds.at };
        let tier = self.role(lane).and_then(Role::tier);
        if let Some(role) = self.role(lane).filter(|role| role.tier().is_none())
            && matches!(asked.admitted, Some(Amount::Limit(_)))
        {
            checker.say(
                place(lane.thresholds.admitted.is_some()),
                format!("`admitted` names the limit, and a `{role}` key may be on any tier"),
                "give a number, `all`, or a key whose role names a tier",
            );
        }
        let has_events = lane.request.value == Request::PostEvents
            && tier.is_some_and(|tier| tier.limits().events.is_some());
        if matches!(asked.events_admitted, Some(Amount::Limit(_))) && !has_events {
            checker.say(
                place(lane.thresholds.events_admitted.is_some()),
                format!("`events_admitted` names a limit that the lane `{}` does not have", lane.name.value),
                "give `all` or a number, or ask it of a lane with an `ingestion` key alone",
            );
        }
        for limit in lane.thresholds.compared() {
            let other = limit.beside.as_ref().map_or("", |beside| beside.lane.as_str());
            let at = checker.find(lane.thresholds.at, &limit.to_string());
            let known = |name: &str| self.lanes.iter().any(|lane| lane.name.value == name);
            if other == lane.name.value {
                checker.say(at, "a lane cannot be compared with itself", "name another lane");
            } else if !known(other) {
                let names = self.lanes.iter().map(|lane| lane.name.value.as_str());
                let problem =
                    Problem::at(checker.file, checker.text, at, format!("no lane is called `{other}`"))
                        .nearest(nearest(other, names))
                        .help("name a lane of this profile, such as in `3 x alone`");
                checker.problems.push(problem);
            }
        }
    }
}
