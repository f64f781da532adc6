//! Builds the page with npm and writes down its files, so that the library can carry them. Without npm there are none:
//! the job does all it does without a page.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use flate2::{Compression, write::GzEncoder};

const SOURCES: [&str; 8] =
    ["src", "public", "index.html", "package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts"];

fn main() -> io::Result<()> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed=crate/build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?);
    let page = out.join("page");
    let files = match build(&page) {
        Ok(()) => files_under(&page)?,
        Err(why) => {
            println!(
                "cargo::warning=the page at / is not built: {why}. Everything else is; node 20 and npm build the page"
            );
            Vec::new()
        }
    };
    write_table(&out, &page, &files)
}

/// Leaves the built page in a folder; or says why not.
fn build(page: &Path) -> Result<(), String> {
    if !is_installed() {
        npm(&["ci", "--no-audit", "--no-fund", "--fetch-retries=1"])?;
    }
    let folder = page.to_str().ok_or("the path of the build is no UTF-8")?;
    npm(&["run", "build", "--", "--outDir", folder])
}

/// Whether the libraries are those that the lock names: npm leaves a lock of its own when it is done with them.
fn is_installed() -> bool {
    let changed = |path: &str| fs::metadata(path)?.modified();
    let (lock, installed) = (changed("package-lock.json"), changed("node_modules/.package-lock.json"));
    lock.is_ok_and(|lock: SystemTime| installed.is_ok_and(|installed| installed >= lock))
}

fn npm(arguments: &[&str]) -> Result<(), String> {
    let done = Command::new("npm").args(arguments).output().map_err(|error| format!("npm cannot be run ({error})"))?;
    if done.status.success() {
        return Ok(());
    }
    // what cargo keeps of a build script's output
    io::stderr().write_all(&done.stdout).and_then(|()| io::stderr().write_all(&done.stderr)).ok();
    let told = String::from_utf8_lossy(&done.stderr);
    let reason = told.lines().find(|line| line.contains("rror")).unwrap_or("it does not say why").trim();
    Err(format!("`npm {}` failed: {reason}", arguments.join(" ")))
}

/// The paths of all files under a folder, sorted.
fn files_under(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files_under(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// Writes `files.rs`, the table that the library looks paths up in, and beside it each file's compressed form.
fn write_table(out: &Path, page: &Path, files: &[PathBuf]) -> io::Result<()> {
    let mut table = "static FILES: &[(&str, &[u8], &[u8])] = &[\n".to_owned();
    for (number, file) in files.iter().enumerate() {
        let name = file.strip_prefix(page).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        let compressed = out.join(format!("{number}.gz"));
        let mut gzip = GzEncoder::new(fs::File::create(&compressed)?, Compression::best());
        gzip.write_all(&fs::read(file)?)?;
        gzip.finish()?;
        table += &format!("    ({name:?}, include_bytes!({file:?}), include_bytes!({compressed:?})),\n");
    }
    fs::write(out.join("files.rs"), table + "];\n")
}
