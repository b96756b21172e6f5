//! What a request asks for, read from its body or its query, and how it is done.

use serde::Serialize;

use crate::contract::Endpoint;
use crate::mock::behaviour::Behaviour;
use crate::mock::ingest::{Batch, DAY_MS, Score, parse_date, parse_events, parse_scores};
use crate::mock::reply::{Detail, Invalid, Reply, Summary};
use crate::mock::request::Request;
use crate::mock::store::DateRange;
use crate::mock::workspace::Workspace;

/// How many days the analytics look back when nothing is said, today not counted.
const DEFAULT_DAYS: i64 = 30;

#[derive(Debug)]
pub(super) enum Command<'a> {
    Ingest(Batch<'a>),
    Score(Vec<Score>),
    Sessions { range: Option<DateRange>, limit: usize, offset: usize },
    Overview { range: DateRange },
    Tools { range: DateRange, limit: usize },
}

impl<'a> Command<'a> {
    /// Reads the command; `today` is the time in milliseconds since 1970.
    pub(super) fn read(
        endpoint: Endpoint,
        request: &Request<'a>,
        today: i64,
        behaviour: &Behaviour,
    ) -> Result<Self, Invalid> {
        Ok(match endpoint {
            Endpoint::Events => Self::Ingest(batch(request, behaviour)?),
            Endpoint::Scores => Self::Score(parse_scores(request.body)?),
            Endpoint::Sessions => Self::Sessions {
                range: asked_range(request)?,
                limit: number(request, "limit", 50, 1, 200)?,
                offset: number(request, "offset", 0, 0, usize::MAX)?,
            },
            Endpoint::Overview => Self::Overview { range: range_or_default(request, today)? },
            Endpoint::Tools => Self::Tools {
                range: range_or_default(request, today)?,
                limit: number(request, "limit", 10, 1, 50)?,
            },
        })
    }

    /// Does what is asked for, of a batch with the first `events`, and answers as the vendor does.
    pub(super) fn carry_out(
        self,
        workspace: &Workspace,
        behaviour: &Behaviour,
        events: u32,
        summary: &mut Summary,
    ) -> Reply {
        let mut store = workspace.store.lock();
        match self {
            Self::Ingest(batch) => {
                let accepted = batch.events.len().min(events as usize);
                let taken = &batch.events[..accepted];
                let new = store.ingest(taken, behaviour.stores_repeated);
                drop(store);
                summary.accepted = u32::try_from(accepted).unwrap_or(u32::MAX);
                summary.one_timestamp = accepted > 1 && taken.iter().all(|event| event.at == taken[0].at);
                summary.repeated = u32::try_from(accepted - new).unwrap_or(u32::MAX);
                Reply::data(200, Accepted { accepted, rejected: batch.events.len() - accepted })
            }
            Self::Score(scores) => {
                let inserted = scores.len();
                store.score(scores);
                drop(store);
                summary.accepted = u32::try_from(inserted).unwrap_or(u32::MAX);
                Reply::data(201, Inserted { inserted })
            }
            Self::Sessions { range, limit, offset } => Reply::data(200, store.sessions(range, limit, offset)),
            Self::Overview { range } => Reply::data(200, store.overview(range)),
            Self::Tools { range, limit } => Reply::data(200, store.tools(range, limit)),
        }
    }
}

#[derive(Serialize)]
struct Accepted {
    accepted: usize,
    rejected: usize,
}

#[derive(Serialize)]
struct Inserted {
    inserted: usize,
}

/// A batch, in an envelope that is taken here.
fn batch<'a>(request: &Request<'a>, behaviour: &Behaviour) -> Result<Batch<'a>, Invalid> {
    let batch = parse_events(request.body)?;
    let refused = behaviour.refused_events.iter();
    let missing = refused.filter_map(|&(written, member)| Some((batch.firsts[written as usize]?, member)));
    match missing.min() {
        Some((index, member)) => {
            let detail =
                Detail { field: format!("events[{index}].{member}"), message: "is required".to_owned() };
            Err(Invalid { envelopes: batch.envelopes, ..Invalid::body(vec![detail]) })
        }
        None => Ok(batch),
    }
}

fn number(
    request: &Request<'_>,
    name: &str,
    default: usize,
    min: usize,
    max: usize,
) -> Result<usize, Invalid> {
    let Some(text) = request.parameter(name) else {
        return Ok(default);
    };
    text.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| {
        let most = if max == usize::MAX { String::new() } else { format!(" and at most {max}") };
        Invalid::parameter(name, format!("must be a whole number of at least {min}{most}"))
    })
}

fn date(request: &Request<'_>, name: &str) -> Result<Option<i64>, Invalid> {
    let date = request
        .parameter(name)
        .map(|text| parse_date(&text).ok_or_else(|| Invalid::parameter(name, "must be an ISO 8601 date")));
    date.transpose()
}

/// The range asked for, if any; a missing end is open.
fn asked_range(request: &Request<'_>) -> Result<Option<DateRange>, Invalid> {
    Ok(match (date(request, "start_date")?, date(request, "end_date")?) {
        (None, None) => None,
        (from, to) => Some(DateRange { from: from.unwrap_or(i64::MIN), to: to.unwrap_or(i64::MAX) }),
    })
}

/// The range asked for; a missing start is 30 days before today, a missing end the end of today.
fn range_or_default(request: &Request<'_>, today: i64) -> Result<DateRange, Invalid> {
    let midnight = today - today.rem_euclid(DAY_MS);
    Ok(DateRange {
        from: date(request, "start_date")?.unwrap_or(midnight - DEFAULT_DAYS * DAY_MS),
        to: date(request, "end_date")?.unwrap_or(midnight + DAY_MS - 1),
    })
}
