//! Playing against several servers side by side.

use std::collections::VecDeque;

use tokio::task::JoinSet;

use super::hunt::HuntError;

/// Plays what is `waiting`, in its order and at most so many at once, and tells `done` of each result as it is there.
/// Those that `is_beside` says take no processor, and are not counted. Once one of them was interrupted, no other one
/// is begun. Gives the results as they came, and whether it was interrupted.
///
/// # Errors
/// The first of `play`, or [`HuntError::Broken`] where one of them panicked.
pub(super) async fn side_by_side<T, R, F>(
    mut waiting: VecDeque<T>,
    most: usize,
    is_beside: impl Fn(&T) -> bool,
    play: impl Fn(T, bool) -> F,
    mut done: impl FnMut(&R),
) -> Result<(Vec<R>, bool), HuntError>
where
    R: Send + 'static,
    F: Future<Output = Result<Option<R>, HuntError>> + Send + 'static,
{
    let mut playing = JoinSet::new();
    let (mut busy, mut was_interrupted) = (0, false);
    let mut results = Vec::new();
    loop {
        while !was_interrupted
            && let Some(next) = waiting.pop_front_if(|next| is_beside(next) || busy < most.max(1))
        {
            let beside = is_beside(&next);
            busy += usize::from(!beside);
            let played = play(next, beside);
            playing.spawn(async move { (beside, played.await) });
        }
        match playing.join_next().await {
            None => return Ok((results, was_interrupted)),
            Some(Err(error)) => return Err(HuntError::Broken(error.to_string())),
            Some(Ok((was_beside, came_of_it))) => {
                busy -= usize::from(!was_beside);
                match came_of_it? {
                    Some(one) => {
                        done(&one);
                        results.push(one);
                    }
                    None => was_interrupted = true,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn no_more_than_allowed_are_under_way_and_those_beside_are_not_counted() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let play = |number: usize, beside: bool| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                if !beside {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                Ok(Some(number))
            }
        };
        let mut told = 0;
        let (mut results, interrupted) =
            side_by_side((0..20).collect(), 3, |number| *number < 5, play, |_| told += 1).await.unwrap();
        results.sort_unstable();
        assert_eq!((results, interrupted, told), ((0..20).collect(), false, 20));
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn after_an_interruption_nothing_is_begun() {
        let play = |number: usize, _| async move { Ok((number != 2).then_some(number)) };
        let played = side_by_side((0..20).collect(), 1, |_| false, play, |_| ()).await;
        assert_eq!(played, Ok((vec![0, 1], true)));
        let broken = |_: usize, _| async { Err::<Option<()>, _>(HuntError::Broken("it".to_owned())) };
        let played = side_by_side((0..20).collect(), 1, |_| false, broken, |_| ()).await;
        assert_eq!(played, Err(HuntError::Broken("it".to_owned())));
    }
}
