//! Where a database is. Its password appears in no text made of it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use url::Url;

/// What a path may hold as it is; the rest is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// What may follow the `?` of a PostgreSQL address. Others are refused: the driver would log them, values and all.
const PARAMETERS: [&str; 7] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "application_name"];

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, read and written by this process.
    Sqlite,
    /// A server.
    Postgres,
}

/// Where the database is: `sqlite:PATH`, `sqlite::memory:` or `postgres://user:password@host/database`.
///
/// ```
/// use highwater_metadata::DatabaseUrl;
///
/// let url: DatabaseUrl = "postgres://highwater:secret@db.example/highwater".parse()?;
/// assert_eq!(url.to_string(), "postgres://highwater@db.example/highwater");
/// assert!(!format!("{url:?}").contains("secret"));
/// # Ok::<(), highwater_metadata::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    kind: Kind,
    /// As the driver takes it, password and all.
    full: String,
    /// As people may see it.
    shown: String,
    /// Where SQLite's file is; none for one in memory, and for a server.
    file: Option<PathBuf>,
}

/// Why an address is not one of a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Neither kind of database.
    #[error("the address must be `sqlite:PATH`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`")]
    Scheme,
    /// `sqlite:` and nothing after it.
    #[error("`sqlite:` needs the path of a file after it")]
    NoPath,
    /// Not an address.
    #[error(
        "the PostgreSQL address is not valid: {0}; in user and password, `@ : / ? #` are written as %40 %3A %2F %3F %23"
    )]
    Malformed(url::ParseError),
    /// No database is named.
    #[error("the PostgreSQL address names no database: add `/NAME`")]
    NoDatabase,
    /// Not a parameter that is taken.
    #[error("the PostgreSQL address has a parameter that is not taken: `{0}`; these are: {list}", list = PARAMETERS.join(", "))]
    Parameter(String),
}

impl DatabaseUrl {
    /// A SQLite database in this file, which is made if it does not exist.
    pub fn file(path: &Path) -> DatabaseUrl {
        let shown = format!("sqlite:{}", path.display());
        // The path must begin as one, lest `:memory:` or `//host` be read as something else.
        let anchor = if path.is_absolute() { "" } else { "./" };
        let escaped = percent_encode(path.as_os_str().as_encoded_bytes(), ESCAPED);
        let full = format!("sqlite:{anchor}{escaped}?mode=rwc");
        DatabaseUrl { kind: Kind::Sqlite, full, shown, file: Some(path.to_owned()) }
    }

    /// A SQLite database in memory: gone when it is closed.
    pub fn memory() -> DatabaseUrl {
        let full = "sqlite::memory:".to_owned();
        DatabaseUrl { kind: Kind::Sqlite, shown: full.clone(), full, file: None }
    }

    /// Which database it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// As the driver takes it, password and all.
    pub(crate) fn full(&self) -> &str {
        &self.full
    }

    /// Where SQLite's file is; none for one in memory, and for a server.
    pub fn sqlite_file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.kind == Kind::Sqlite && self.file.is_none()
    }

    fn postgres(text: &str) -> Result<DatabaseUrl, UrlError> {
        let url = Url::parse(text).map_err(UrlError::Malformed)?;
        let mut parameters = url.query_pairs().map(|(name, _)| name);
        if let Some(refused) = parameters.find(|name| !PARAMETERS.contains(&name.as_ref())) {
            return Err(UrlError::Parameter(refused.into_owned()));
        }
        if url.path().trim_start_matches('/').is_empty() {
            return Err(UrlError::NoDatabase);
        }
        let mut shown = url.clone();
        // Both can only fail where there is no host, and then there is no password either.
        let hidden = shown.set_password(None).is_ok() || url.password().is_none();
        shown.set_query(None);
        let shown = if hidden { shown.to_string() } else { "postgres".to_owned() };
        Ok(DatabaseUrl { kind: Kind::Postgres, full: url.into(), shown, file: None })
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<DatabaseUrl, UrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return DatabaseUrl::postgres(text);
        }
        match text.strip_prefix("sqlite:").ok_or(UrlError::Scheme)? {
            ":memory:" => Ok(DatabaseUrl::memory()),
            path => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(UrlError::NoPath),
                path => Ok(DatabaseUrl::file(Path::new(path))),
            },
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "DatabaseUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_never_shown() {
        for text in [
            "postgres://ada:s3cr%40t@db/highwater",
            "postgresql://ada:s3cr%40t@db:5433/highwater?sslmode=require",
            "postgres://:s3cr%40t@db/highwater",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.kind(), Kind::Postgres);
            assert_eq!(url.full(), text);
            assert!(!format!("{url} {url:?}").contains("s3cr"), "{url}");
        }
        for text in
            ["postgres://ada:s3cret@db:port/x", "postgres://ada:s3cret@/x", "postgres://ada:s3cret@db/", "x:s3cret"]
        {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn parameters_that_the_driver_would_log_are_refused() {
        let error = "postgres://db/x?passwort=s3cret".parse::<DatabaseUrl>().unwrap_err();
        assert_eq!(error, UrlError::Parameter("passwort".into()));
        assert!("postgres://db/x?password=s3cret".parse::<DatabaseUrl>().is_err());
    }

    #[test]
    fn a_path_is_a_path_whatever_it_holds() {
        for (text, full) in [
            ("sqlite:a.db", "sqlite:./a.db?mode=rwc"),
            ("sqlite://a.db", "sqlite:./a.db?mode=rwc"),
            ("sqlite:///var/lib/a.db", "sqlite:/var/lib/a.db?mode=rwc"),
            ("sqlite:/a b?c#d%e", "sqlite:/a%20b%3Fc%23d%25e?mode=rwc"),
            ("sqlite::memory:", "sqlite::memory:"),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap().full(), full);
        }
        assert_eq!("sqlite:".parse::<DatabaseUrl>(), Err(UrlError::NoPath));
        for text in ["", "mysql://db/x", "/var/lib/a.db"] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(UrlError::Scheme));
        }
    }

    #[tokio::test]
    async fn a_file_lies_where_its_path_says() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a b.db", "100%.db", "?mode=memory", "#x", "%41.db", "ü.db", ":memory:"] {
            let path = folder.path().join(name);
            crate::Database::open(&DatabaseUrl::file(&path)).await.unwrap().close().await;
            assert!(path.is_file(), "{name}");
        }
    }
}
