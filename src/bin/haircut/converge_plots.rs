//! Pictures of a study of convergence.

use crate::comovement::names;
use crate::plots::{Area, COLOURS, FONT, GREY, mesh, nothing, share, svg};
use crate::tables::{level, short};
use crate::{Failure, heat};
use haircut::comovement::{Level, Threshold};
use haircut::measure::Estimate;
use haircut::study::convergence::{MechanismComovement, Row, Sweep};
use plotters::prelude::*;

pub(crate) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A curve by the correlation in stress.
type Curve<'a> = (&'a str, Vec<(f64, Estimate)>);

/// Every picture under the name of its file, at the first frequency and leverage where a picture shows one alone.
pub(crate) fn all(sweep: &Sweep, rows: &[Row]) -> Result<Vec<(&'static str, String)>, Failure> {
    let tail = level(sweep.level);
    let joint = match &sweep.pair {
        Some((a, b)) => format!("{a} and {b}"),
        None => "mean of pairs".to_owned(),
    };
    let here = place(sweep);
    let shortfall = svg(|area| {
        let curves = curves(sweep, rows, "ES", "book", |row| row.value);
        lines(
            area,
            &format!("Expected shortfall {tail} % of the book, {here}"),
            "ES, discounted to today",
            &curves,
            None,
        )
    })?;
    let ratio = svg(|area| {
        let curves = curves(sweep, rows, "ES", "book", |row| row.to_constant);
        let title = format!("ES {tail} % over that of matched Gaussian drivers, {here}");
        lines(area, &title, "ratio", &curves, Some(1.0))
    })?;
    let both = svg(|area| {
        let curves = curves(sweep, rows, "joint PD", &joint, |row| row.to_constant);
        let title = format!("Joint default over that of matched Gaussian drivers, {here}");
        lines(area, &title, &format!("ratio; {}", short(&joint, 48)), &curves, Some(1.0))
    })?;
    let mut all = vec![("es.svg", shortfall), ("es_ratio.svg", ratio), ("joint_default.svg", both)];
    all.extend(heat::all(sweep, rows)?);
    Ok(all)
}

pub(crate) fn place(sweep: &Sweep) -> String {
    let frequency = sweep.frequency.first().copied().unwrap_or(0.0);
    let leverage = sweep.leverage.first().copied().unwrap_or(1.0);
    let debt = if (leverage - 1.0).abs() > 0.0 { format!(", debt times {leverage}") } else { String::new() };
    format!("stress in {} % of steps{debt}", level(frequency))
}

pub(crate) fn same(a: f64, b: Option<&f64>) -> bool {
    b.is_some_and(|b| a.to_bits() == b.to_bits())
}

fn curves<'a>(
    sweep: &'a Sweep,
    rows: &[Row],
    quantity: &str,
    of: &str,
    read: impl Fn(&Row) -> Estimate,
) -> Vec<Curve<'a>> {
    let mut all = Vec::new();
    for named in &sweep.mechanisms {
        let mut curve: Vec<(f64, Estimate)> = rows
            .iter()
            .filter(|row| row.mechanism == named.label() && row.quantity == quantity && row.of == of)
            .filter(|row| same(row.frequency, sweep.frequency.first()) && same(row.leverage, sweep.leverage.first()))
            .map(|row| (row.stress_correlation, read(row)))
            .filter(|(_, estimate)| estimate.value.is_finite())
            .collect();
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        all.push((named.label(), curve));
    }
    all
}

/// Curves with their 95 % bands; what has no stress correlation is a dashed level.
fn lines(area: &Area<'_>, title: &str, what: &str, curves: &[Curve<'_>], mark: Option<f64>) -> Drawn {
    let points = || curves.iter().flat_map(|(_, curve)| curve);
    if points().next().is_none() {
        return nothing(area, "Nothing to show: no cell has this number");
    }
    let finite = |bound: f64, value: f64| if bound.is_finite() { bound } else { value };
    let low = points().map(|(_, e)| finite(e.lower, e.value)).chain(mark).fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, e)| finite(e.upper, e.value)).chain(mark).fold(f64::NEG_INFINITY, f64::max);
    let (unit, suffix) = match high {
        _ if mark.is_some() => (1.0, ""),
        high if high >= 1e9 => (1e9, ", bn USD"),
        high if high >= 1e6 => (1e6, ", m USD"),
        _ => (1.0, ", USD"),
    };
    let margin = 0.08 * (high - low).max(1e-9 * high.abs()).max(1e-300);
    let left = points().map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
    let right = points().map(|(at, _)| *at).fold(f64::NEG_INFINITY, f64::max);
    let right = if right > left { right } else { left + 0.1 };
    let bounds = (low - margin) / unit..(high + margin) / unit;
    let (canvas, legend) = area.split_horizontally(760);
    let mut chart = ChartBuilder::on(&canvas)
        .caption(title, (FONT, 18))
        .margin(14)
        .x_label_area_size(46)
        .y_label_area_size(72)
        .build_cartesian_2d(left..right, bounds)?;
    mesh(&mut chart)
        .x_desc("correlation in stress of factors of different groups; bands and bars: 95 %")
        .y_desc(format!("{what}{suffix}"))
        .draw()?;
    if let Some(mark) = mark {
        chart.draw_series(LineSeries::new([(left, mark), (right, mark)], GREY.stroke_width(1)))?;
    }
    legend.draw(&Text::new("mechanism", (4, 60), (FONT, 15)))?;
    for (index, (name, curve)) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let style = colour.stroke_width(2);
        let value = |bound: f64, e: &Estimate| finite(bound, e.value) / unit;
        let flat = curve.windows(2).all(|pair| pair[0].1.value.to_bits() == pair[1].1.value.to_bits());
        let line: Vec<(f64, f64)> = curve.iter().map(|(at, e)| (*at, e.value / unit)).collect();
        if flat {
            // Bands of levels would lie over one another: a bar for each, side by side.
            if let Some((_, e)) = curve.first() {
                let at = left + (right - left) * (0.02 + 0.018 * index as f64);
                chart.draw_series(LineSeries::new([(at, value(e.lower, e)), (at, value(e.upper, e))], style))?;
            }
            chart.draw_series(DashedLineSeries::new(line, 7, 5, style))?;
        } else {
            let mut band: Vec<(f64, f64)> = curve.iter().map(|(at, e)| (*at, value(e.upper, e))).collect();
            band.extend(curve.iter().rev().map(|(at, e)| (*at, value(e.lower, e))));
            chart.draw_series([Polygon::new(band, colour.mix(0.15))])?;
            chart.draw_series(LineSeries::new(line.clone(), style))?;
            chart.draw_series(line.into_iter().map(|at| Circle::new(at, 3, colour.filled())))?;
            legend.draw(&Circle::new((18, 88 + 24 * i32::try_from(index).unwrap_or(0)), 3, colour.filled()))?;
        }
        sample(&legend, index, style, flat, name)?;
    }
    let y = 88 + 24 * i32::try_from(curves.len()).unwrap_or(0) + 8;
    for (line, text) in ["dashed: has no", "stress correlation"].into_iter().enumerate() {
        let y = y + 17 * i32::try_from(line).unwrap_or(0);
        legend.draw(&Text::new(text, (4, y), (FONT, 13).into_font().color(&GREY)))?;
    }
    Ok(())
}

/// Exceedance correlations by quantile and mechanism, falls to the left and rises to the right, with their 95 % bands; that of a normal pair of the first
/// mechanism's correlation beside them.
pub(crate) fn exceedance(all: &[MechanismComovement]) -> Result<String, Failure> {
    type Side = (fn(&Level) -> Estimate, fn(f64) -> f64);
    let sides: [Side; 2] = [(|level| level.lower_correlation, |q| q), (|level| level.upper_correlation, |q| 1.0 - q)];
    let curve = |one: &MechanismComovement, (read, at): Side| -> Vec<(f64, Estimate)> {
        let quantile = |level: &Level| match level.threshold {
            Threshold::Quantile(q) => Some((at(q), read(level))),
            Threshold::Deviations(_) => None,
        };
        let known = |e: &Estimate| e.value.is_finite() && e.standard_error.is_finite();
        one.found.all.comovement.levels.iter().filter_map(quantile).filter(|(_, e)| known(e)).collect()
    };
    svg(|area| {
        let Some(first) = all.first() else { return nothing(area, "No two factors are named") };
        let points = || all.iter().flat_map(|one| sides.map(|side| curve(one, side))).flatten();
        let low = points().map(|(_, e)| e.lower).fold(0.0, f64::min).max(-1.0);
        let high = points().map(|(_, e)| e.upper).fold(0.0, f64::max).min(1.0);
        let margin = 0.04 * (high - low).max(1e-9);
        let (canvas, legend) = area.split_horizontally(760);
        let [one, other] = names(&first.found);
        let title =
            format!("{} and {}: exceedance correlation of log changes over a step", short(one, 20), short(other, 20));
        let mut chart = ChartBuilder::on(&canvas)
            .caption(title, (FONT, 18))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..1.0, (low - margin)..(high + margin))?;
        mesh(&mut chart)
            .x_desc("quantile at which the tail begins: joint falls below it (left), joint rises above it (right)")
            .y_desc("correlation given both beyond; bands of 95 %")
            .x_label_formatter(&|q| share(*q))
            .y_label_formatter(&|rho| format!("{rho:.1}"))
            .draw()?;
        chart.draw_series([PathElement::new([(0.5, low - margin), (0.5, high + margin)], GREY.mix(0.6))])?;
        legend.draw(&Text::new("mechanism", (4, 60), (FONT, 15)))?;
        for (index, mechanism) in all.iter().enumerate() {
            // Black is that of the null; when colours have run out, lines are dashed.
            let colour = COLOURS[1 + index % (COLOURS.len() - 1)];
            let (style, dashed) = (colour.stroke_width(2), index >= COLOURS.len() - 1);
            for side in sides {
                let curve = curve(mechanism, side);
                let mut band: Vec<(f64, f64)> = curve.iter().map(|(q, e)| (*q, e.upper.min(high + margin))).collect();
                band.extend(curve.iter().rev().map(|(q, e)| (*q, e.lower.max(low - margin))));
                chart.draw_series([Polygon::new(band, colour.mix(0.15))])?;
                let line: Vec<(f64, f64)> = curve.iter().map(|(q, e)| (*q, e.value)).collect();
                match dashed {
                    true => chart.draw_series(DashedLineSeries::new(line, 6, 4, style)).map(|_| ())?,
                    false => chart.draw_series(LineSeries::new(line, style)).map(|_| ())?,
                }
            }
            sample(&legend, index, style, dashed, &mechanism.mechanism)?;
        }
        let null = |q: f64| {
            let of = |level: &&Level| matches!(level.threshold, Threshold::Quantile(at) if same(at, Some(&q)));
            first.found.all.comovement.levels.iter().find(of).map(|level| level.normal_correlation)
        };
        for (_, at) in sides {
            let levels = first.found.all.comovement.levels.iter();
            let quantiles = levels.filter_map(|level| match level.threshold {
                Threshold::Quantile(q) => Some(q),
                Threshold::Deviations(_) => None,
            });
            let line: Vec<(f64, f64)> = quantiles.filter_map(|q| Some((at(q), null(q)?))).collect();
            chart.draw_series(DashedLineSeries::new(line, 2, 4, COLOURS[0].stroke_width(2)))?;
        }
        let y = 88 + 24 * i32::try_from(all.len()).unwrap_or(0);
        for dot in (4..34).step_by(6) {
            legend.draw(&PathElement::new([(dot, y), (dot + 2, y)], COLOURS[0].stroke_width(2)))?;
        }
        legend.draw(&Text::new("normal pair", (42, y - 7), (FONT, 15)))?;
        Ok(())
    })
}

/// A line of the legend.
fn sample(legend: &Area<'_>, index: usize, style: ShapeStyle, dashed: bool, name: &str) -> Drawn {
    let y = 88 + 24 * i32::try_from(index).unwrap_or(0);
    match dashed {
        false => legend.draw(&PathElement::new([(4, y), (33, y)], style))?,
        true => {
            for from in [0, 11, 22] {
                legend.draw(&PathElement::new([(4 + from, y), (11 + from, y)], style))?;
            }
        }
    }
    legend.draw(&Text::new(short(name, 20), (42, y - 7), (FONT, 15)))?;
    Ok(())
}
