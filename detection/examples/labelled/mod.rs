//! A folder of labelled series as the Numenta Anomaly Benchmark has them: `combined_windows.json` and the files it names.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

/// A labelled file.
pub(crate) struct Series {
    pub(crate) key: String,
    pub(crate) rows: Vec<(i64, f64)>,
    pub(crate) windows: Vec<(i64, i64)>,
}

/// All files that have labels, or are there to have none.
pub(crate) fn read(folder: &Path) -> Result<Vec<Series>, Box<dyn Error>> {
    let labels: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_slice(&fs::read(folder.join("combined_windows.json"))?)?;
    let file = |(key, windows): (String, Vec<(String, String)>)| {
        let text = fs::read_to_string(folder.join(&key))?;
        let windows =
            windows.iter().map(|(from, to)| Ok((time(from)?, time(to)?))).collect::<Result<_, jiff::Error>>()?;
        let rows = text.lines().skip(1).map(row).collect::<Result<_, _>>()?;
        Ok(Series { key, rows, windows })
    };
    labels.into_iter().map(file).collect()
}

fn time(text: &str) -> Result<i64, jiff::Error> {
    Ok(text.parse::<jiff::civil::DateTime>()?.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond())
}

fn row(line: &str) -> Result<(i64, f64), Box<dyn Error>> {
    let mut fields = line.split(',');
    let at = time(fields.next().ok_or("no time")?)?;
    Ok((at, fields.next().ok_or("no value")?.trim().parse()?))
}
