//! Databases of a test's own, of both kinds, for the tests of this crate and of those above it.
//!
//! PostgreSQL's are made in the server that `HIGHWATER_TEST_POSTGRES` names and dropped afterwards; without one the test
//! says that it was skipped.

use std::panic::resume_unwind;

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, any::install_default_drivers};
use url::Url;

use crate::{address::DatabaseUrl, id::new_id};

/// Where the server for tests is: `postgres://USER@HOST/DATABASE`, by a user who may make databases.
pub const SERVER: &str = "HIGHWATER_TEST_POSTGRES";

/// Makes of each `async fn test(DatabaseUrl)` a module of its name with two tests, `sqlite` and `postgres`.
#[macro_export]
macro_rules! on_each_kind {
    ($($test:ident),+ $(,)?) => {
        $(
            mod $test {
                #[test]
                fn sqlite() {
                    $crate::testing::on_sqlite(super::$test);
                }

                #[test]
                fn postgres() {
                    $crate::testing::on_postgres(concat!(module_path!(), "::postgres"), super::$test);
                }
            }
        )+
    };
}

/// Runs a test on a new file.
#[allow(clippy::expect_used, reason = "for tests alone")]
pub fn on_sqlite<Test: Future<Output = ()> + Send + 'static>(test: impl FnOnce(DatabaseUrl) -> Test) {
    let folder = tempfile::tempdir().expect("a folder");
    run(test(DatabaseUrl::file(&folder.path().join("metadata.db"))));
}

/// Runs a test on a new database of the server, if there is one.
#[allow(clippy::expect_used, clippy::print_stdout, reason = "for tests alone")]
pub fn on_postgres<Test>(name: &str, test: impl FnOnce(DatabaseUrl) -> Test)
where
    Test: Future<Output = ()> + Send + 'static,
{
    match std::env::var(SERVER) {
        Ok(server) => {
            let scratch = Scratch::new(&server);
            run(test(scratch.url()));
        }
        Err(_) => println!("SKIPPED: {name}: no PostgreSQL at {SERVER} (scripts/postgres start)"),
    }
}

/// A new database on the server; dropped with this.
#[derive(Debug)]
pub struct Scratch {
    server: String,
    name: String,
}

impl Scratch {
    /// Makes one. Not to be called within a runtime.
    #[allow(clippy::expect_used, reason = "for tests alone")]
    pub fn new(server: &str) -> Scratch {
        let name = format!("test_{}", new_id().expect("random bytes"));
        execute(server, format!("CREATE DATABASE {name}"));
        Scratch { server: server.to_owned(), name }
    }

    /// Where it is.
    #[allow(clippy::expect_used, reason = "for tests alone")]
    pub fn url(&self) -> DatabaseUrl {
        let mut url: Url = self.server.parse().expect("the server's address");
        url.set_path(&self.name);
        url.as_str().parse().expect("the server's address")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        execute(&self.server, format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

#[allow(clippy::expect_used, reason = "for tests alone")]
fn execute(server: &str, statement: String) {
    install_default_drivers();
    let server = server.to_owned();
    run(async move {
        let mut connection = AnyConnection::connect(&server).await.expect("the server answers");
        connection.execute(AssertSqlSafe(statement)).await.expect("the user may make databases");
        connection.close().await.expect("the server answers");
    });
}

/// On threads of its own, as the program does; a panic of the test is a panic here.
#[allow(clippy::expect_used, reason = "for tests alone")]
fn run(test: impl Future<Output = ()> + Send + 'static) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    if let Err(failure) = runtime.block_on(runtime.spawn(test)) {
        resume_unwind(failure.into_panic());
    }
}
