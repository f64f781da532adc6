//! One database, of either kind.

use std::{fmt, fs::OpenOptions, io, path::Path, time::Duration};

use jiff::Timestamp;
use sqlx::{
    Any, AnyConnection, AnyPool, Connection, Executor,
    any::{AnyPoolOptions, install_default_drivers},
};
use tokio::time::timeout;

use crate::{
    address::{DatabaseUrl, Kind},
    clock::Clock,
    error::Error,
    migrations,
};

/// Statements that take effect together or not at all: dropped before `commit`, they never were.
pub type Transaction = sqlx::Transaction<'static, Any>;

/// Connections at once. SQLite's readers share one file; PostgreSQL's server has others to serve, too.
const CONNECTIONS: u32 = 8;

/// How long a writer waits for the one before it, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of each SQLite connection: a crash of the machine may take the last commits unless each is synced.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                               PRAGMA foreign_keys = ON;";

const POSTGRES_SETTINGS: &str = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';";

/// PostgreSQL's writers queue at this lock until the end of their transaction. Its number is arbitrary, and ours.
const POSTGRES_WRITER: &str = "SELECT pg_advisory_xact_lock(5281914077)";

/// The metadata store. Clones are the same database.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use highwater_metadata::Database;
///
/// let database = Database::open(&"sqlite::memory:".parse()?).await?;
/// sqlx::query("INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)")
///     .bind("theme")
///     .bind("\"dark\"")
///     .bind(0_i64)
///     .execute(database.pool())
///     .await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Database {
    pool: AnyPool,
    url: DatabaseUrl,
    clock: Clock,
}

impl Database {
    /// Opens a database, makes it where it is a file that does not exist, with its folder, and brings its tables up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Database, Error> {
        install_default_drivers();
        if let Some(path) = url.sqlite_file() {
            make_private(path).map_err(|cause| Error::File { path: path.to_owned(), cause })?;
        }
        let opened = |cause| Error::Open { database: url.to_string(), cause };
        probe(url).await.map_err(opened)?;
        let kind = url.kind();
        let connect = options(url).after_connect(move |connection, _| Box::pin(prepare(connection, kind)));
        let pool = connect.connect(url.full()).await.map_err(opened)?;
        let database = Database { pool, url: url.clone(), clock: Clock::system() };
        if let Err(error) = migrations::run(&database).await {
            database.close().await;
            return Err(error);
        }
        Ok(database)
    }

    /// Its connections, for single statements. In SQL of both kinds: `$1` for what is bound, `i64` and text only.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins to write. There is one such transaction at a time, on both kinds and over all processes, so that what it
    /// reads stays true until it commits. Use nothing but the transaction until then: in memory there is no second
    /// connection.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        match self.url.kind() {
            Kind::Sqlite => Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?),
            Kind::Postgres => {
                let mut transaction = self.pool.begin().await?;
                transaction.execute(POSTGRES_WRITER).await?;
                Ok(transaction)
            }
        }
    }

    /// The same database by another clock.
    pub fn with_clock(self, clock: Clock) -> Database {
        Database { clock, ..self }
    }

    /// What time it is, for all who keep times in it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins to read: what was committed before the first read, and nothing later.
    pub(crate) async fn begin_to_read(&self) -> Result<Transaction, Error> {
        let begin = match self.url.kind() {
            Kind::Sqlite => "BEGIN",
            Kind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(self.pool.begin_with(begin).await?)
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.url.kind()
    }

    /// Ends all connections once what they are doing is done. SQLite's log is merged into its file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Display for Database {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(to)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Database({})", self.url)
    }
}

/// A file that does not exist is made for its owner alone, as are the files that SQLite will put beside it: they hold the
/// hashes of passwords and the keys that sign access tokens.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A first connection says what is wrong with the address or the server. The pool would try again until its patience ends,
/// and say no more than that.
async fn probe(url: &DatabaseUrl) -> Result<(), sqlx::Error> {
    let connecting = timeout(PATIENCE, AnyConnection::connect(url.full()));
    connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.close().await
}

fn options(url: &DatabaseUrl) -> AnyPoolOptions {
    let options = AnyPoolOptions::new().acquire_timeout(PATIENCE);
    if url.is_in_memory() {
        // The connection is the database.
        options.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None).test_before_acquire(false)
    } else {
        options.max_connections(CONNECTIONS)
    }
}

async fn prepare(connection: &mut AnyConnection, kind: Kind) -> Result<(), sqlx::Error> {
    let settings = match kind {
        Kind::Sqlite => SQLITE_SETTINGS,
        Kind::Postgres => POSTGRES_SETTINGS,
    };
    connection.execute(settings).await.map(drop)
}
