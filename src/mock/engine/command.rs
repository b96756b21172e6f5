//! What a request asks for, read from its body or its query.

use crate::contract::Endpoint;
use crate::mock::behaviour::Behaviour;
use crate::mock::errors::{Detail, Invalid};
use crate::mock::ingest::{Batch, DAY_MS, Score, parse_date, parse_events, parse_scores};
use crate::mock::message::Request;
use crate::mock::store::DateRange;

/// How many days the analytics look back when nothing is said, today not counted.
const DEFAULT_DAYS: i64 = 30;

/// A request that makes sense.
#[derive(Debug)]
pub(super) enum Command<'a> {
    Ingest(Batch<'a>),
    Score(Vec<Score>),
    Sessions { range: Option<DateRange>, limit: usize, offset: usize },
    Overview { range: DateRange },
    Tools { range: DateRange, limit: usize },
}

/// Reads the command; `today` is the time in milliseconds since 1970.
pub(super) fn command<'a>(
    endpoint: Endpoint,
    request: &Request<'a>,
    today: i64,
    behaviour: &Behaviour,
) -> Result<Command<'a>, Invalid> {
    Ok(match endpoint {
        Endpoint::Events => Command::Ingest(batch(request, behaviour)?),
        Endpoint::Scores => Command::Score(parse_scores(request.body)?),
        Endpoint::Sessions => Command::Sessions {
            range: asked_range(request)?,
            limit: number(request, "limit", 50, 1, 200)?,
            offset: number(request, "offset", 0, 0, usize::MAX)?,
        },
        Endpoint::Overview => Command::Overview { range: range_or_default(request, today)? },
        Endpoint::Tools => Command::Tools {
            range: range_or_default(request, today)?,
            limit: number(request, "limit", 10, 1, 50)?,
        },
    })
}

/// A batch, in an envelope that is taken here.
fn batch<'a>(request: &Request<'a>, behaviour: &Behaviour) -> Result<Batch<'a>, Invalid> {
    let batch = parse_events(request.body)?;
    match batch.unnumbered {
        Some(index) if behaviour.insists_on_seq => {
            let (field, message) = (format!("events[{index}].seq"), "is required".to_owned());
            Err(Invalid { envelopes: batch.envelopes, ..Invalid::body(vec![Detail { field, message }]) })
        }
        _ => Ok(batch),
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
    let Some(text) = request.parameter(name) else {
        return Ok(None);
    };
    let date = parse_date(&text).ok_or_else(|| Invalid::parameter(name, "must be an ISO 8601 date"))?;
    Ok(Some(date))
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
