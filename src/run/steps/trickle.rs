//! A second look after a burst that was admitted too little.

use std::time::Duration;

use crate::run::ledger::{KeyState, WINDOW};
use crate::run::player::{Player, Stop};
use crate::run::steps::seen::Seen;
use crate::run::suspicion::Suspicion;
use crate::run::wire::Connections;
use crate::scenario::model::{RequestDef, Step};

impl Player<'_> {
    /// Adds to the suspicion that a burst was admitted too little whether quota trickles back afterwards.
    pub(in crate::run) async fn look_for_a_trickle(
        &self,
        step: &Step,
        seen: &Seen,
        suspicion: Suspicion,
    ) -> Result<Suspicion, Stop> {
        let (Some(burst), Seen::Burst(fired)) = (&step.burst, seen) else { return Ok(suspicion) };
        let Suspicion::TooFew { admitted, expected, silence, private, trickles: None } = suspicion else {
            return Ok(suspicion);
        };
        // What a limiter gives back within the look, that weighs in the minute before, is a share of what it let in there.
        const SEEN_TO_TRICKLE: u32 = 12;
        let admissions = &self.run.trace.admissions;
        let (stage, variable) = (&self.stage.base_url, &fired.key.key.variable);
        let fewest = admissions.fewest_in_a_minute_before(stage, variable, fired.volley.from);
        if fewest.is_some_and(|fewest| fewest < SEEN_TO_TRICKLE) {
            return Ok(suspicion);
        }
        let trickles = self.trickles(&fired.key, self.request(&burst.request)?).await?;
        Ok(Suspicion::TooFew { admitted, expected, silence, trickles, private })
    }

    /// Whether quota comes back bit by bit well inside a window, as it does with a limiter that weighs in the window
    /// before. `None` where a reset may have come, or where the silence before was too short to tell.
    async fn trickles(&self, key: &KeyState, def: &RequestDef) -> Result<Option<bool>, Stop> {
        const LATER: Duration = Duration::from_secs(10);
        const LOOKS: u32 = 10;
        if self.silence < WINDOW {
            return Ok(None);
        }
        self.wait_until(self.stage.clock.now() + LATER, "a look whether quota trickles back").await?;
        let mut admitted = 0;
        for outgoing in self.batches(def, key, &[0; LOOKS as usize])? {
            if let Ok(answer) = self.exchange(&outgoing, Some(key), Connections::Fresh).await
                && answer.admitted()
            {
                admitted += 1;
            }
        }
        Ok(match admitted {
            0 => Some(false),
            LOOKS => None,
            _ => Some(true),
        })
    }
}
