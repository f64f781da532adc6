//! Reads a folder of a microservice shop's metrics with dated faults: a CSV file per service, `dependency.csv`,
//! `incidents.csv`, `ignore.csv`. The labels are for the scorer alone.

use std::{error::Error, fs, path::Path};

use highwater_detection::incident::Calls;
use highwater_detection::scoring::incident::{Alert, Known, Rules};

/// A column of a file.
pub(crate) struct Column {
    pub(crate) service: String,
    pub(crate) metric: String,
    pub(crate) values: Vec<f64>,
}

/// The whole folder.
pub(crate) struct Shop {
    /// When each row was measured, in seconds.
    pub(crate) times: Vec<f64>,
    pub(crate) columns: Vec<Column>,
    pub(crate) calls: Calls,
    pub(crate) known: Vec<Known>,
    pub(crate) rules: Rules,
}

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

type Table = (Vec<String>, Vec<Vec<String>>);

const NO_SERVICES: [&str; 3] = ["dependency", "incidents", "ignore"];

impl Shop {
    /// Row n of every file is the same minute; where their clocks differ (one is years ahead), most are right.
    pub(crate) fn read(folder: &Path) -> Result<Shop> {
        let mut names: Vec<String> = fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".csv")?.to_owned()))
            .filter(|name| !NO_SERVICES.contains(&name.as_str()))
            .collect();
        names.sort();
        let (mut clocks, mut columns) = (Vec::new(), Vec::new());
        for name in &names {
            let (header, rows) = table(folder, name)?;
            clocks.push(rows.iter().map(|row| seconds(&row[0])).collect::<Result<Vec<f64>>>()?);
            for (at, metric) in header.iter().enumerate().skip(1) {
                let values = rows.iter().map(|row| row[at].parse().unwrap_or(f64::NAN)).collect();
                let (service, metric) = place(name, metric);
                columns.push(Column { service, metric, values });
            }
        }
        let (known, rules, calls) = (known(folder)?, rules(folder)?, calls(folder)?);
        let times = common_clock(&clocks);
        let span = times.first().copied().zip(times.last().copied());
        Ok(Shop { times, columns, calls, known, rules: Rules { span, ..rules } })
    }

    /// The values of one row, with their service and metric.
    pub(crate) fn row(&self, at: usize) -> impl Iterator<Item = (&str, &str, f64)> {
        self.columns.iter().map(move |column| (column.service.as_str(), column.metric.as_str(), column.values[at]))
    }

    pub(crate) fn alert(&self, row: i64, service: Option<&str>) -> Alert {
        Alert { at: self.times[row as usize], service: service.map(str::to_owned) }
    }
}

/// What users see is measured at the front end.
fn place(file: &str, metric: &str) -> (String, String) {
    match file {
        "front_service" => ("frontend".to_owned(), format!("seen by users: {metric}")),
        _ => (file.to_owned(), metric.to_owned()),
    }
}

fn common_clock(clocks: &[Vec<f64>]) -> Vec<f64> {
    let rows = clocks.iter().map(Vec::len).min().unwrap_or(0);
    let middle = |row: usize| {
        let mut times: Vec<f64> = clocks.iter().map(|clock| clock[row]).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (0..rows).map(middle).collect()
}

fn known(folder: &Path) -> Result<Vec<Known>> {
    let of = |row: Vec<String>| {
        let (start, end) = (seconds(&row[1])?, seconds(&row[2])?);
        Ok(Known { id: row[0].clone(), start, end, service: row[3].clone(), kind: row[4].clone() })
    };
    table(folder, "incidents")?.1.into_iter().map(of).collect()
}

fn rules(folder: &Path) -> Result<Rules> {
    let ignore = table(folder, "ignore")?.1;
    let ignore = ignore.iter().map(|row| Ok((seconds(&row[0])?, seconds(&row[1])?))).collect::<Result<_>>()?;
    Ok(Rules { grace: 120.0, merge: 120.0, span: None, ignore })
}

fn calls(folder: &Path) -> Result<Calls> {
    Ok(Calls::of(table(folder, "dependency")?.1.into_iter().map(|row| (row[0].clone(), row[1].clone()))))
}

/// Header and rows of a file without quoted cells, every row as long as the header.
fn table(folder: &Path, name: &str) -> Result<Table> {
    let text = fs::read_to_string(folder.join(name).with_extension("csv"))?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<String>>());
    let header = lines.next().ok_or_else(|| format!("{name}.csv is empty"))?;
    let rows: Vec<Vec<String>> = lines.collect();
    match rows.iter().position(|row| row.len() != header.len()) {
        Some(at) => Err(format!("{name}.csv: row {} is not as long as the header", at + 1).into()),
        None => Ok((header, rows)),
    }
}

fn seconds(text: &str) -> Result<f64> {
    Ok(text.parse::<jiff::Timestamp>()?.as_second() as f64)
}
