//! Draws labelled windows in which nothing was flagged:
//! `cargo run --release -p highwater-detection --example missed -- FOLDER IMAGES [NAME...]` writes
//! `IMAGES/missed-NAME.svg` for each file that has one, or for those of these names: the series about the window by row,
//! the label shaded, the expected band, and a ring at each flagged row.
#![allow(clippy::print_stdout)]

mod labelled;

use std::{error::Error, ops::Range, path::Path};

use highwater_detection::series::{Config, Detector, Verdict};
use plotters::prelude::*;

const SIZE: (u32, u32) = (760, 220);
/// Stretches of rows drawn, at most, each with its least and greatest value.
const POINTS: usize = 300;
const LABEL: RGBColor = RGBColor(250, 215, 170);
const BAND: RGBColor = RGBColor(205, 222, 240);
const LINE: RGBColor = RGBColor(40, 70, 110);
const FLAGGED: RGBColor = RGBColor(205, 50, 40);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let images = arguments.next().ok_or("where to?")?;
    let names: Vec<String> = arguments.collect();
    for series in labelled::read(Path::new(&folder))? {
        let name = Path::new(&series.key).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        let mut detector = Detector::new(&Config::default());
        let verdicts: Vec<Verdict> = series.rows.iter().map(|(at, value)| detector.push(Some(*at), *value)).collect();
        if let Some(window) = missed(&series.rows, &series.windows, &verdicts) {
            let file = Path::new(&images).join(format!("missed-{name}.svg"));
            draw(&file, &name, &series.rows, &verdicts, window).map_err(|error| error.to_string())?;
            println!("{}", file.display());
        }
    }
    Ok(())
}

/// The rows of the first window without a flag.
fn missed(rows: &[(i64, f64)], windows: &[(i64, i64)], verdicts: &[Verdict]) -> Option<Range<usize>> {
    let of =
        |(from, to): &(i64, i64)| rows.partition_point(|(at, _)| at < from)..rows.partition_point(|(at, _)| at <= to);
    windows.iter().map(of).find(|window| !verdicts[window.clone()].iter().any(|verdict| verdict.flagged))
}

type Failure = DrawingAreaErrorKind<std::io::Error>;

fn draw(
    file: &Path,
    name: &str,
    rows: &[(i64, f64)],
    verdicts: &[Verdict],
    window: Range<usize>,
) -> Result<(), Failure> {
    let around = 2 * window.len();
    let shown = window.start.saturating_sub(around)..(window.end + around).min(rows.len());
    let values = || rows[shown.clone()].iter().map(|(_, value)| *value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let margin = 0.05 * (high - low);
    let (low, high) = (low - margin, high + margin);
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(name, ("sans-serif", 14))
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(60)
        .build_cartesian_2d(shown.clone(), low..high)?;
    chart.configure_mesh().disable_mesh().x_labels(6).y_labels(4).draw()?;
    let stretches: Vec<Range<usize>> = stretches(shown.clone());
    let bands = stretches.iter().filter_map(|stretch| {
        let [from, to] = verdicts[stretch.start].band;
        let (from, to) = (from.max(low), to.min(high));
        (from < to).then(|| Rectangle::new([(stretch.start, from), (stretch.end, to)], BAND.mix(0.7).filled()))
    });
    chart.draw_series(bands)?;
    chart.draw_series([Rectangle::new([(window.start, low), (window.end, high)], LABEL.mix(0.7).filled())])?;
    let extremes = stretches.iter().flat_map(|stretch| {
        let least = stretch.clone().min_by(|a, b| rows[*a].1.total_cmp(&rows[*b].1));
        let greatest = stretch.clone().max_by(|a, b| rows[*a].1.total_cmp(&rows[*b].1));
        let (least, greatest) = (least.unwrap_or(stretch.start), greatest.unwrap_or(stretch.start));
        [least.min(greatest), least.max(greatest)].map(|row| (row, rows[row].1))
    });
    chart.draw_series(LineSeries::new(extremes, &LINE))?;
    let flagged = shown.filter(|row| verdicts[*row].flagged);
    chart.draw_series(flagged.map(|row| Circle::new((row, rows[row].1), 4, FLAGGED.stroke_width(2))))?;
    root.present()
}

/// The rows in at most so many parts.
fn stretches(rows: Range<usize>) -> Vec<Range<usize>> {
    let each = rows.len().div_ceil(POINTS).max(1);
    rows.clone().step_by(each).map(|start| start..(start + each).min(rows.end)).collect()
}
