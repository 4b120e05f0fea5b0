//! A task that wakes itself goes on at once.

use std::{
    future::Future,
    mem::replace,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use pin_project_lite::pin_project;

/// How often a task may go on before others have their turn.
const TURNS: u8 = 8;

pin_project! {
    /// A future that is polled again at once if it was woken while it was polled.
    ///
    /// hyper reads a request's body when the handler asks for it, and the handler is polled by hyper's own task: by asking,
    /// each call wakes the very task that runs. tokio takes that for a task that yields. It goes to the end of the queue,
    /// the driver is polled, and another thread is woken to help, which finds nothing, or takes the connection away from
    /// the caches that have just read it. Here such a wake is noticed instead, and answered with one more poll.
    ///
    /// Nothing is lost and nothing spins. A wake that comes while nobody polls goes to the task as ever, once until the
    /// next poll. A future that keeps waking itself has [`TURNS`] polls and then does yield; as all of them are one poll to
    /// tokio, its budget for one bounds the work that they can do. Whoever waits, for a slow body or a slow provider, does
    /// not wake itself, and rests.
    pub(crate) struct Awake<F> {
        #[pin]
        future: F,
        state: Arc<State>,
        waker: Waker,
    }
}

/// Held for no longer than it takes to replace it.
struct State(Mutex<Turn>);

enum Turn {
    /// It is being polled, or is over.
    Polled,
    /// It was woken since it was last polled; whoever had to be told has been told.
    Woken,
    /// Whoever wakes it next wakes the task.
    Resting(Waker),
}

impl<F> Awake<F> {
    pub(crate) fn new(future: F) -> Self {
        let state = Arc::new(State(Mutex::new(Turn::Polled)));
        Awake { future, waker: state.clone().into(), state }
    }
}

impl<F: Future> Future for Awake<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        for _ in 0..TURNS {
            drop(this.state.turns(Turn::Polled));
            if let Poll::Ready(output) = this.future.as_mut().poll(&mut Context::from_waker(this.waker)) {
                return Poll::Ready(output);
            }
            let mut turn = this.state.turn();
            if let Turn::Polled = *turn {
                *turn = Turn::Resting(cx.waker().clone());
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl State {
    /// Says what it was before, so that a waker, which is other people's code, is told or dropped when the lock is free.
    fn turns(&self, to: Turn) -> Turn {
        replace(&mut *self.turn(), to)
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        // Every turn is a whole one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Turn::Resting(task) = self.turns(Turn::Woken) {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, poll_fn},
        pin::pin,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// A task's waker, and how often it was told.
    fn task() -> (Waker, Arc<Count>) {
        let count = Arc::new(Count::default());
        (count.clone().into(), count)
    }

    #[test]
    fn what_wakes_itself_goes_on_without_the_scheduler() {
        let mut polls = 0;
        let mut future = pin!(Awake::new(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        })));
        let (waker, count) = task();
        assert_eq!(future.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(3));
        assert_eq!(count.0.load(Relaxed), 0);
    }

    #[test]
    fn what_never_stops_waking_itself_lets_others_have_their_turn() {
        let mut polls = 0;
        let mut future = pin!(Awake::new(poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls == 3 * usize::from(TURNS) { Poll::Ready(()) } else { Poll::Pending }
        })));
        let (waker, count) = task();
        for told in 1..3 {
            assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(count.0.load(Relaxed), told);
        }
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }

    #[test]
    fn what_waits_is_polled_once_and_its_task_is_told_once_whoever_wakes_it() {
        let (mut polls, mut wakers) = (0, Vec::new());
        let mut future = Box::pin(Awake::new(poll_fn(|cx| {
            polls += 1;
            wakers.push(cx.waker().clone());
            Poll::<()>::Pending
        })));
        let (waker, count) = task();
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(future);
        assert_eq!((polls, count.0.load(Relaxed)), (2, 0));
        for waker in &wakers {
            waker.wake_by_ref();
        }
        assert_eq!(count.0.load(Relaxed), 1);
    }

    #[test]
    fn the_task_that_polled_it_last_is_the_one_that_is_told() {
        let mut inner = None;
        let mut future = Box::pin(Awake::new(poll_fn(|cx| {
            inner = Some(cx.waker().clone());
            Poll::<()>::Pending
        })));
        let ((first, of_first), (second, of_second)) = (task(), task());
        assert!(future.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
        assert!(future.as_mut().poll(&mut Context::from_waker(&second)).is_pending());
        drop(future);
        inner.unwrap().wake();
        assert_eq!((of_first.0.load(Relaxed), of_second.0.load(Relaxed)), (0, 1));
    }

    #[test]
    fn dropped_it_keeps_nobody() {
        let (waker, count) = task();
        let mut future = Box::pin(Awake::new(pending::<()>()));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop((future, waker));
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_from_another_thread_is_lost() {
        for round in 0..2_000_u32 {
            let (tell, told) = tokio::sync::oneshot::channel();
            let waiting = tokio::spawn(Awake::new(told));
            let telling = std::thread::spawn(move || tell.send(round));
            assert_eq!(waiting.await.unwrap(), Ok(round));
            telling.join().unwrap().unwrap();
        }
    }
}
