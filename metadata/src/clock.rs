//! What time it is, and how the database keeps it.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use crate::error::Error;

/// What time it is: the machine's, or in tests a time of their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock::new(Timestamp::now)
    }

    /// A clock that says what `now` says.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Clock({})", self.now())
    }
}

/// A time out of a column: microseconds since 1970.
pub fn time(column: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(column).map_err(|_| Error::Stored(format!("{column} is not a time")))
}
