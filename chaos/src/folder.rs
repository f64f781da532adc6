//! [`fresh`]: a folder for one run alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Makes one, called after the seed and this process.
///
/// # Errors
/// Where it cannot be made.
pub fn fresh(parent: &Path, seed: u64) -> Result<PathBuf> {
    let folder = parent.join(format!("{seed}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be created", folder.display()))?;
    std::path::absolute(&folder).with_context(|| format!("{} cannot be found", folder.display()))
}
