//! The page at `/`: what `dashboard/src` is built to, carried by the binary. Where npm was missing when it was built,
//! there is no file, and whoever serves the page says how to get it.

/// A part of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// As it is.
    pub bytes: &'static [u8],
    /// The same by gzip.
    pub gzipped: &'static [u8],
    /// What to say it is.
    pub content_type: &'static str,
    /// Whether its name changes with what is in it, so that it may be kept for ever.
    pub hashed: bool,
}

// `FILES`: path, bytes, gzipped; sorted by path
include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file at a path such as `index.html` or `assets/index-1a2b3c.js`.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let place = FILES.binary_search_by_key(&path, |(path, ..)| path).ok()?;
    let (path, bytes, gzipped) = FILES.get(place).copied()?;
    Some(File { bytes, gzipped, content_type: content_type(path), hashed: is_hashed(path) })
}

/// Names as Vite makes them: `index-1a2b3c4d.js`.
fn is_hashed(path: &str) -> bool {
    path.strip_prefix("assets/").is_some_and(|name| name.contains('-'))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "md" => "text/markdown; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_found_by_its_path() {
        for (path, bytes, _) in FILES {
            assert_eq!(file(path).map(|file| file.bytes), Some(*bytes), "{path}");
        }
        assert!(file("").is_none() && file("../Cargo.toml").is_none());
    }

    #[test]
    fn a_page_that_was_built_is_whole() {
        let Some(page) = file("index.html") else {
            assert!(FILES.is_empty());
            return;
        };
        let text = String::from_utf8_lossy(page.bytes);
        let named: Vec<_> =
            text.split('"').filter_map(|part| part.strip_prefix('/')).filter(|path| path.contains('.')).collect();
        assert!(named.iter().any(|path| path.ends_with(".js")) && named.iter().any(|path| path.ends_with(".css")));
        for path in named {
            assert!(file(path).is_some(), "the page names {path}, which is not there");
        }
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for (path, ..) in FILES {
            let carried = file(path).map(|file| file.hashed);
            assert_eq!(carried, Some(!matches!(*path, "index.html" | "favicon.svg" | "assets/licenses.md")), "{path}");
        }
    }
}
