//! The plot: each series with its expected band and its anomalies, one below the other, as SVG.

use std::path::Path;

use anyhow::anyhow;
use highwater_engine::Timestamp;
use plotters::prelude::*;

use super::curve::{Curve, Stretch};

const WIDTH: u32 = 1_200;
const HEIGHT_EACH: u32 = 300;

const BAND: RGBColor = RGBColor(205, 222, 240);
const LINE: RGBColor = RGBColor(40, 70, 110);
const ANOMALY: RGBColor = RGBColor(205, 50, 40);

/// Draws the curves into a file.
///
/// # Errors
/// Where there is nothing to draw, or the file cannot be written.
pub(super) fn draw(file: &Path, names: &[String], curves: &[Curve], with_times: bool) -> anyhow::Result<()> {
    let root = SVGBackend::new(file, (WIDTH, HEIGHT_EACH * names.len() as u32)).into_drawing_area();
    let problem = |error: &dyn std::fmt::Display| anyhow!("{error}");
    root.fill(&WHITE).map_err(|error| problem(&error))?;
    for ((area, name), curve) in root.split_evenly((names.len(), 1)).iter().zip(names).zip(curves) {
        panel(area, name, curve, with_times).map_err(|error| problem(&error))?;
    }
    root.present().map_err(|error| problem(&error))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Failure = plotters::drawing::DrawingAreaErrorKind<std::io::Error>;

fn panel(area: &Area<'_>, name: &str, curve: &Curve, with_times: bool) -> Result<(), Failure> {
    let stretches = curve.stretches();
    let (Some(first), Some(last)) = (stretches.first(), stretches.last()) else { return Ok(()) };
    let [low, high] = heights(stretches);
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(28)
        .y_label_area_size(70)
        .build_cartesian_2d(first.x..last.x.max(first.x + 1.0), low..high)?;
    let at = |x: &f64| if with_times { Timestamp::from_micros(*x as i64).to_string() } else { format!("{x:.0}") };
    chart.configure_mesh().disable_x_mesh().light_line_style(TRANSPARENT).x_labels(6).x_label_formatter(&at).draw()?;
    // where the next begins, the one before ends
    let ends = stretches.iter().skip(1).map(|next| next.x).chain([last.x]);
    let bands = stretches.iter().zip(ends).filter_map(|(own, end)| Some((own.x, end, own.band?)));
    chart.draw_series(
        bands.map(|(x, end, [from, to])| Rectangle::new([(x, from.max(low)), (end, to.min(high))], BAND.filled())),
    )?;
    for whole in stretches.split(|stretch| stretch.values.is_none()) {
        let ups_and_downs = whole
            .iter()
            .filter_map(|own| Some((own.x, own.values?)))
            .flat_map(|(x, [least, greatest])| [(x, least), (x, greatest)]);
        chart.draw_series(LineSeries::new(ups_and_downs, &LINE))?;
    }
    let odd = stretches.iter().filter_map(|own| own.flagged);
    chart.draw_series(odd.map(|at| Circle::new(at, 4, ANOMALY.stroke_width(2))))?;
    Ok(())
}

/// What the values span, a little more, and the band within twice of that.
fn heights(stretches: &[Stretch]) -> [f64; 2] {
    let span = |bounds: &mut dyn Iterator<Item = [f64; 2]>| {
        bounds.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], own| [low.min(own[0]), high.max(own[1])])
    };
    let [low, high] = span(&mut stretches.iter().filter_map(|own| own.values));
    if low > high {
        return [0.0, 1.0];
    }
    let size = (high / 2.0 - low / 2.0).max(low.abs().max(1.0) * 1e-9);
    let [band_low, band_high] = span(&mut stretches.iter().filter_map(|own| own.band));
    let margin = 0.1 * size;
    [low.min(band_low.max(low - size)) - margin, high.max(band_high.min(high + size)) + margin]
        .map(|bound| bound.clamp(-1e300, 1e300))
}
