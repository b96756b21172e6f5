//! Looking for a batch's session in the session list.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::run::judge::Finding;
use crate::run::player::{Player, Session, Stop};
use crate::run::request::Recipe;
use crate::run::wire::Connections;
use crate::scenario::model::{FindSession, Presence};

/// Pages of the session list that are read, and sessions a page.
const MOST_PAGES: usize = 5;
const PAGE: usize = 200;

/// How far from a batch's time its session is looked for.
const ABOUT: TimeDelta = TimeDelta::seconds(2);

/// How often a deployment that takes its time to show new sessions is asked again, and after how long.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

impl Player<'_> {
    /// Judges whether the session is in the list.
    pub(super) async fn find_session(&mut self, find: &FindSession, line: u32) -> Result<(), Stop> {
        let Some(session) = self.sessions.get(find.session.as_str()).cloned() else {
            return Err(Stop::Blocked(format!("no batch was sent for the session `{}`", *find.session)));
        };
        let mut found = self.is_listed(find, &session).await?;
        for _ in 1..LOOKS {
            if found || find.is == Presence::Absent {
                break;
            }
            self.wait_until(self.stage.clock.now() + BETWEEN_LOOKS, "the session to be listed").await?;
            found = self.is_listed(find, &session).await?;
        }
        let session = session.id;
        match (find.is, found) {
            (Presence::Present, true) | (Presence::Absent, false) => Ok(()),
            (Presence::Present, false) => Err(Stop::Inconclusive(
                "an accepted batch's session is not in the session list, so nothing follows from another one's absence"
                    .to_owned(),
            )),
            (Presence::Absent, true) => {
                let finding = Finding {
                    what: "a refused batch was ingested: its session is in the session list".to_owned(),
                    expected: format!("no session {session}"),
                    actual: format!("session {session} is listed"),
                };
                Err(Stop::Broken(vec![self.failure(line, finding)]))
            }
        }
    }

    /// Looks among the sessions of about that time, and where there is none of them among all: a list may know no dates.
    async fn is_listed(&self, find: &FindSession, session: &Session) -> Result<bool, Stop> {
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
    ) -> Result<bool, Stop> {
        let key = self.key(find.key.as_ref())?;
        let def = self.request("list-sessions")?;
        for page in 0..MOST_PAGES {
            let mut query = BTreeMap::from([
                ("limit".to_owned(), PAGE.to_string()),
                ("offset".to_owned(), (page * PAGE).to_string()),
            ]);
            query.extend(dates.iter().cloned());
            let mut recipe = Recipe::plain(def, &key.key, &self.session, self.run.envelope());
            recipe.query = &query;
            let outgoing = recipe
                .make(&self.stage.base_url, &self.run.target, &self.run.payloads)
                .map_err(|unfit| Stop::Skipped(unfit.to_string()))?;
            let answer = self
                .exchange(&outgoing, Some(&key), Connections::Fresh)
                .await
                .map_err(|fault| Stop::Inconclusive(format!("the session list cannot be read: {fault}")))?;
            if !answer.admitted() {
                return Err(Stop::Inconclusive(format!("the session list is answered {}", answer.status)));
            }
            if String::from_utf8_lossy(&answer.body).contains(session) {
                return Ok(true);
            }
            let sessions = answer.json().ok().and_then(|json| {
                json.pointer("/data/sessions").and_then(|list| list.as_array().map(Vec::len))
            });
            if sessions.is_none_or(|count| count < PAGE) {
                break;
            }
        }
        Ok(false)
    }
}
