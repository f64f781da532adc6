//! [`Gate`]: a bucket for each client, as many as are told apart; whoever comes beyond them shares one.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
    nanos::Nanos,
    state::StateStore,
};

use crate::identity::Client;

/// How often buckets are looked through for full ones, where there is no place for another.
const SWEEP: Duration = Duration::from_secs(1);

/// A bucket for each client.
pub(crate) struct Gate {
    quota: Quota,
    limiter: RateLimiter<Client, Buckets, MonotonicClock, StateInformationMiddleware>,
    buckets: Buckets,
}

/// Where one client stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standing {
    /// What may be asked at once.
    pub(crate) quota: u32,
    /// Seconds until all of it is there again from nothing.
    pub(crate) window: u64,
    pub(crate) remaining: u32,
    /// Seconds until all of it is there again.
    pub(crate) reset: u64,
}

/// There is not enough left.
pub(crate) struct Full {
    pub(crate) standing: Standing,
    /// When there will be.
    pub(crate) wait: Duration,
}

impl Gate {
    pub(crate) fn new(quota: Quota, clients: usize) -> Self {
        let buckets =
            Buckets(Arc::new(Inner { began: Instant::now(), most: clients.max(1), levels: Mutex::default() }));
        let limiter = RateLimiter::new(quota, buckets.clone(), MonotonicClock);
        Gate { quota, limiter, buckets }
    }

    /// Takes so much; of what is more than a whole bucket, a whole bucket.
    pub(crate) fn take(&self, client: Client, units: NonZeroU32) -> Result<Standing, Full> {
        let units = units.min(self.quota.burst_size());
        let full = |until: NotUntil<Instant>| {
            let wait = until.wait_time_from(self.limiter.clock().now());
            Full { standing: self.look(client), wait }
        };
        match self.limiter.check_key_n(&client, units) {
            Ok(Ok(left)) => Ok(self.standing(StateSnapshot::remaining_burst_capacity(&left))),
            Ok(Err(until)) => Err(full(until)),
            // more than a whole bucket, which was ruled out
            Err(_) => Err(Full { standing: self.look(client), wait: self.quota.burst_size_replenished_in() }),
        }
    }

    /// Where a client stands; nothing is taken.
    pub(crate) fn look(&self, client: Client) -> Standing {
        let missing = self.buckets.0.missing(client);
        let units = missing.as_nanos().div_ceil(self.quota.replenish_interval().as_nanos().max(1));
        let missing = u32::try_from(units).unwrap_or(u32::MAX);
        self.standing(self.quota.burst_size().get().saturating_sub(missing))
    }

    fn standing(&self, remaining: u32) -> Standing {
        let quota = self.quota.burst_size().get();
        let seconds = |time: Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
        Standing {
            quota,
            window: seconds(self.quota.burst_size_replenished_in()),
            remaining,
            reset: seconds(self.quota.replenish_interval().saturating_mul(quota.saturating_sub(remaining))),
        }
    }

    /// Forgets what a client has taken; whether anything was known of it.
    pub(crate) fn forget(&self, client: Client) -> bool {
        self.buckets.0.levels().of.remove(&client).is_some()
    }

    /// Forgets what everybody has taken; of how many.
    pub(crate) fn forget_all(&self) -> usize {
        let mut levels = self.buckets.0.levels();
        levels.shared = None;
        std::mem::take(&mut levels.of).len()
    }
}

/// When each client's bucket is full again, in time since `began`.
#[derive(Clone)]
struct Buckets(Arc<Inner>);

struct Inner {
    began: Instant,
    most: usize,
    levels: Mutex<Levels>,
}

#[derive(Default)]
struct Levels {
    of: HashMap<Client, Nanos>,
    /// of all for whom there was no place
    shared: Option<Nanos>,
    swept: Option<Instant>,
}

impl Inner {
    fn levels(&self) -> MutexGuard<'_, Levels> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long it takes until a client's bucket is full again.
    fn missing(&self, client: Client) -> Duration {
        let levels = self.levels();
        let own = levels.of.get(&client).copied();
        let full = own.or(levels.shared.filter(|_| levels.of.len() >= self.most));
        full.map_or(Duration::ZERO, |at| Duration::from(at).saturating_sub(self.began.elapsed()))
    }

    /// Drops buckets that are full: they say nothing.
    fn make_room(&self, levels: &mut Levels) {
        if levels.swept.is_none_or(|at| at.elapsed() >= SWEEP) {
            levels.swept = Some(Instant::now());
            let now = self.began.elapsed();
            levels.of.retain(|_, full| Duration::from(*full) > now);
        }
    }
}

impl StateStore for Buckets {
    type Key = Client;

    fn measure_and_replace<T, F, E>(&self, client: &Client, judge: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut levels = self.0.levels();
        let own = levels.of.get(client).copied();
        if own.is_none() && levels.of.len() >= self.0.most {
            self.0.make_room(&mut levels);
        }
        let has_place = own.is_some() || levels.of.len() < self.0.most;
        let (answer, level) = judge(if has_place { own } else { levels.shared })?;
        if has_place {
            levels.of.insert(*client, level);
        } else {
            levels.shared = Some(level);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u8) -> Client {
        Client::Address(std::net::Ipv4Addr::new(192, 0, 2, number).into())
    }

    fn three_an_hour(clients: usize) -> Gate {
        Gate::new(Quota::per_hour(NonZeroU32::new(3).unwrap()), clients)
    }

    fn ask(gate: &Gate, number: u8) -> Option<u32> {
        gate.take(client(number), NonZeroU32::MIN).ok().map(|standing| standing.remaining)
    }

    #[test]
    fn each_client_has_a_bucket_of_its_own() {
        let gate = three_an_hour(10);
        assert_eq!([1, 1, 1, 1, 2].map(|number| ask(&gate, number)), [Some(2), Some(1), Some(0), None, Some(2)]);
        let full = gate.take(client(1), NonZeroU32::MIN).err().unwrap();
        assert_eq!((full.standing.quota, full.standing.window, full.standing.remaining), (3, 3600, 0));
        assert!(full.wait > Duration::from_secs(1100) && full.wait <= Duration::from_secs(1200), "{:?}", full.wait);
        assert_eq!((gate.look(client(2)).remaining, gate.look(client(3)).remaining), (2, 3), "looking takes nothing");
    }

    #[test]
    fn what_is_forgotten_begins_anew() {
        let gate = three_an_hour(10);
        while ask(&gate, 1).is_some() {}
        assert!(gate.forget(client(1)) && !gate.forget(client(2)));
        assert_eq!(ask(&gate, 1), Some(2));
        ask(&gate, 2);
        assert_eq!(gate.forget_all(), 2);
        assert_eq!(gate.look(client(1)).remaining, 3);
    }

    #[test]
    fn whoever_comes_beyond_the_bound_shares() {
        let gate = three_an_hour(2);
        assert_eq!([1, 2].map(|number| ask(&gate, number)), [Some(2), Some(2)]);
        assert_eq!([3, 4, 5, 6].map(|number| ask(&gate, number)), [Some(2), Some(1), Some(0), None]);
        assert_eq!(ask(&gate, 1), Some(1), "whoever was there before keeps its own");
        assert_eq!(gate.buckets.0.levels().of.len(), 2);
    }

    #[test]
    fn full_buckets_make_room() {
        // full again after a nanosecond or so
        let gate = Gate::new(Quota::with_period(Duration::from_nanos(1)).unwrap(), 2);
        for number in 0..10 {
            gate.take(client(number), NonZeroU32::MIN).ok();
            gate.buckets.0.levels().swept = None;
        }
        assert!(gate.buckets.0.levels().of.len() <= 2);
        assert!(gate.buckets.0.levels().shared.is_none());
    }

    #[test]
    fn more_than_a_bucket_takes_the_whole_of_it() {
        let gate = three_an_hour(10);
        assert_eq!(gate.take(client(1), NonZeroU32::MAX).ok().map(|standing| standing.remaining), Some(0));
        assert!(gate.take(client(1), NonZeroU32::MIN).is_err());
    }
}
