//! Looking for a batch's session in the session list.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::{Names, Step, Use};
use crate::client::{Connections, Outgoing};
use crate::run::evidence::{Answer, Gap, Observation};
use crate::run::keys::KeyState;
use crate::run::request::{Recipe, granted};
use crate::run::runner::{Runner, Session};
use crate::run::walk::{ALONE, Walk};
use crate::scenario::model::{FindSession, Presence};

/// Pages of the session list that are read, and sessions a page.
const MOST_PAGES: usize = 5;
const PAGE: usize = 200;

/// How far from a batch's time its session is looked for.
const ABOUT: TimeDelta = TimeDelta::seconds(2);

/// How often a deployment that takes its time to show new sessions is asked again, and after how long.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

impl Step for FindSession {
    fn names(&self) -> Option<Names<'_>> {
        Some((&self.key, &self.request))
    }

    fn usage(&self) -> Use {
        Use::Shares
    }

    fn counts(&self) -> bool {
        false
    }

    fn cost(&self, walk: &mut Walk<'_>) {
        let Some(name) = self.key() else { return };
        walk.requests(name, self.request(), 1, None, None, ALONE);
    }
}

impl Runner<'_> {
    /// Looks for the session in the list, again where it should be there and a deployment takes its time to show it.
    pub(in crate::run) async fn find_session(&mut self, find: &FindSession) -> Result<Observation, Gap> {
        let Some(session) = self.sessions.get(find.session.as_str()).cloned() else {
            return Err(Gap::Blocked(format!("no batch was sent for the session `{}`", *find.session)));
        };
        let mut found = self.is_listed(find, &session).await?;
        for _ in 1..LOOKS {
            if found || find.is == Presence::Absent {
                break;
            }
            self.wait_until(self.environment.clock.now() + BETWEEN_LOOKS, "the session to be listed").await?;
            found = self.is_listed(find, &session).await?;
        }
        if find.is == Presence::Present && !found {
            return Err(Gap::Inconclusive(
                "an accepted batch's session is not in the session list, so nothing follows from another one's absence"
                    .to_owned(),
            ));
        }
        Ok(Observation::Listed { session: session.id, found })
    }

    /// Looks among the sessions of about that time, and where there is none of them among all: a list may know no dates.
    async fn is_listed(&self, find: &FindSession, session: &Session) -> Result<bool, Gap> {
        let date = |began: DateTime<Utc>, later: TimeDelta| {
            (began + later).to_rfc3339_opts(SecondsFormat::Millis, true)
        };
        if let Some(began) = session.began {
            let about_then =
                [("start_date".to_owned(), date(began, -ABOUT)), ("end_date".to_owned(), date(began, ABOUT))];
            // Who refuses such a question is asked the simple one.
            if matches!(self.listed(find, &session.id, &about_then).await, Ok(true)) {
                return Ok(true);
            }
        }
        self.listed(find, &session.id, &[]).await
    }

    async fn listed(
        &self,
        find: &FindSession,
        session: &str,
        dates: &[(String, String)],
    ) -> Result<bool, Gap> {
        let key = self.key(find.key.as_ref())?;
        let (name, def) = match &find.request {
            Some(_) => self.usual_request(find.request.as_ref(), find.key.as_ref())?,
            // The first that a key which may read is granted.
            None => granted(&self.run.suite.requests, &key.key.scopes)
                .next()
                .ok_or_else(|| Gap::Skipped(format!("{} may not read the session list", key.key.variable)))?,
        };
        self.is_answered(name)?;
        if let Some(facts) = self.run.facts_of(&key.key).filter(|facts| facts.refuses(name)) {
            return Err(Gap::NotAdmitted(format!(
                "the session list does not admit {} ({})",
                key.key.variable,
                facts.told()
            )));
        }
        for page in 0..MOST_PAGES {
            let mut query = BTreeMap::from([
                ("limit".to_owned(), PAGE.to_string()),
                ("offset".to_owned(), (page * PAGE).to_string()),
            ]);
            query.extend(dates.iter().cloned());
            let mut recipe = Recipe::plain(def, &key.key, &self.session, self.run.envelope());
            recipe.query = &query;
            let outgoing = self.make(&recipe)?;
            let mut answer = self.page(&outgoing, &key).await?;
            if answer.limited {
                // Where a key that is out of events cannot read either, it can when they come back.
                self.make_room(&key, 1).await?;
                answer = self.page(&outgoing, &key).await?;
            }
            if !answer.admitted() {
                return Err(Gap::Inconclusive(format!("the session list is answered {}", answer.status)));
            }
            let Some(look) = self.run.trace.look(answer.look) else { break };
            if look.body.contains(session) {
                return Ok(true);
            }
            let sessions = look.json().ok().and_then(|json| {
                json.pointer("/data/sessions").and_then(|list| list.as_array().map(Vec::len))
            });
            if sessions.is_none_or(|count| count < PAGE) {
                break;
            }
        }
        Ok(false)
    }

    /// The answer to a request for one page.
    async fn page(&self, outgoing: &Outgoing, key: &KeyState) -> Result<Answer, Gap> {
        let answered = self.exchange(outgoing, Some(key), Connections::Fresh).await;
        answered.map_err(|fault| Gap::Inconclusive(format!("the session list cannot be read: {fault}")))
    }
}
