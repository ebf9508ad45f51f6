//! Pictures of a study of convergence.

use crate::Failure;
use crate::plots::{Area, COLOURS, FONT, GREY, nothing, svg};
use crate::tables::{level, short};
use haircut::measure::Estimate;
use haircut::study::convergence::{Row, Sweep};
use plotters::prelude::*;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A curve by the correlation in stress.
type Curve<'a> = (&'a str, Vec<(f64, Estimate)>);

/// The number in a line, at a correlation in stress.
type Cells<'a> = Box<dyn Fn(usize, f64) -> Option<f64> + 'a>;

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
    let map = svg(|area| heat(area, sweep, rows))?;
    Ok(vec![("es.svg", shortfall), ("es_ratio.svg", ratio), ("joint_default.svg", both), ("heat.svg", map)])
}

fn place(sweep: &Sweep) -> String {
    let frequency = sweep.frequency.first().copied().unwrap_or(0.0);
    let leverage = sweep.leverage.first().copied().unwrap_or(1.0);
    let debt = if (leverage - 1.0).abs() > 0.0 { format!(", debt times {leverage}") } else { String::new() };
    format!("stress in {} % of steps{debt}", level(frequency))
}

fn same(a: f64, b: Option<&f64>) -> bool {
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
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GREY.mix(0.18))
        .x_desc("correlation in stress of factors of different groups; bands and bars: 95 %")
        .y_desc(format!("{what}{suffix}"))
        .label_style((FONT, 14))
        .axis_desc_style((FONT, 15))
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
        let y = 88 + 24 * i32::try_from(index).unwrap_or(0);
        if flat {
            // Bands of levels would lie over one another: a bar for each, side by side.
            if let Some((_, e)) = curve.first() {
                let at = left + (right - left) * (0.02 + 0.018 * index as f64);
                chart.draw_series(LineSeries::new([(at, value(e.lower, e)), (at, value(e.upper, e))], style))?;
            }
            chart.draw_series(DashedLineSeries::new(line, 7, 5, style))?;
            for from in [0, 11, 22] {
                legend.draw(&PathElement::new([(4 + from, y), (11 + from, y)], style))?;
            }
        } else {
            let mut band: Vec<(f64, f64)> = curve.iter().map(|(at, e)| (*at, value(e.upper, e))).collect();
            band.extend(curve.iter().rev().map(|(at, e)| (*at, value(e.lower, e))));
            chart.draw_series([Polygon::new(band, colour.mix(0.15))])?;
            chart.draw_series(LineSeries::new(line.clone(), style))?;
            chart.draw_series(line.into_iter().map(|at| Circle::new(at, 3, colour.filled())))?;
            legend.draw(&PathElement::new([(4, y), (33, y)], style))?;
            legend.draw(&Circle::new((18, y), 3, colour.filled()))?;
        }
        legend.draw(&Text::new(short(name, 20), (42, y - 7), (FONT, 15)))?;
    }
    let y = 88 + 24 * i32::try_from(curves.len()).unwrap_or(0) + 8;
    for (line, text) in ["dashed: has no", "stress correlation"].into_iter().enumerate() {
        let y = y + 17 * i32::try_from(line).unwrap_or(0);
        legend.draw(&Text::new(text, (4, y), (FONT, 13).into_font().color(&GREY)))?;
    }
    Ok(())
}

/// ES over that of matched Gaussian drivers: by frequency and correlation for the first mechanism with a stress, or by mechanism where
/// there is one frequency.
fn heat(area: &Area<'_>, sweep: &Sweep, rows: &[Row]) -> Drawn {
    let shortfall = |row: &&Row| row.quantity == "ES" && same(row.leverage, sweep.leverage.first());
    let moves = |name: &str| {
        let mut values = rows.iter().filter(shortfall).filter(|row| row.mechanism == name).map(|row| row.value.value);
        let first = values.next();
        values.any(|value| !same(value, first.as_ref()))
    };
    let by_frequency = sweep.frequency.len() > 1;
    let shown = sweep.mechanisms.iter().map(|named| named.label()).find(|name| moves(name));
    let (labels, find): (Vec<String>, Cells<'_>) = match shown {
        Some(name) if by_frequency => {
            let labels = sweep.frequency.iter().map(|frequency| format!("{} %", level(*frequency))).collect();
            let find = move |line: usize, stress: f64| {
                let found = rows.iter().filter(shortfall).find(|row| {
                    row.mechanism == name
                        && same(row.frequency, sweep.frequency.get(line))
                        && same(stress, Some(&row.stress_correlation))
                });
                found.map(|row| row.to_constant.value)
            };
            (labels, Box::new(find))
        }
        _ => {
            let labels = sweep.mechanisms.iter().map(|named| short(named.label(), 16)).collect();
            let find = move |line: usize, stress: f64| {
                let found = rows.iter().filter(shortfall).find(|row| {
                    row.mechanism == sweep.mechanisms[line].label()
                        && same(row.frequency, sweep.frequency.first())
                        && same(stress, Some(&row.stress_correlation))
                });
                found.map(|row| row.to_constant.value)
            };
            (labels, Box::new(find))
        }
    };
    let mut columns = sweep.stress_correlation.clone();
    columns.sort_by(f64::total_cmp);
    let values: Vec<Vec<Option<f64>>> =
        (0..labels.len()).map(|line| columns.iter().map(|stress| find(line, *stress)).collect()).collect();
    let known = || values.iter().flatten().flatten().copied().filter(|value| value.is_finite());
    let reach = known().map(|value| (value - 1.0).abs()).fold(1e-9, f64::max);
    let (width, height) = (column_width(columns.len()), 380 / i32::try_from(labels.len().max(1)).unwrap_or(1));
    let (left, top) = (150, 64);
    let title = match shown {
        Some(name) if by_frequency => {
            format!("{name}: ES {} % over that of matched Gaussian drivers", level(sweep.level))
        }
        _ => format!("ES {} % over that of matched Gaussian drivers, {}", level(sweep.level), place(sweep)),
    };
    area.draw(&Text::new(title, (left, 20), (FONT, 19)))?;
    for (line, label) in labels.iter().enumerate() {
        let y = top + height * i32::try_from(line).unwrap_or(0);
        let right = FONT.into_font().resize(15.0).color(&BLACK).pos(right_middle());
        area.draw(&Text::new(label.clone(), (left - 10, y + height / 2), right))?;
        for (column, _) in columns.iter().enumerate() {
            let x = left + width * i32::try_from(column).unwrap_or(0);
            let Some(value) = values[line][column].filter(|value| value.is_finite()) else { continue };
            let shade = blend((value - 1.0) / reach);
            area.draw(&Rectangle::new([(x, y), (x + width - 2, y + height - 2)], shade.filled()))?;
            let dark = (value - 1.0).abs() / reach > 0.85;
            let ink = if dark { &WHITE } else { &BLACK };
            let style = FONT.into_font().resize(14.0).color(ink).pos(middle());
            area.draw(&Text::new(format!("{value:.3}"), (x + width / 2, y + height / 2), style))?;
        }
    }
    let bottom = top + height * i32::try_from(labels.len()).unwrap_or(0);
    for (column, stress) in columns.iter().enumerate() {
        let x = left + width * i32::try_from(column).unwrap_or(0) + width / 2;
        let style = FONT.into_font().resize(15.0).color(&BLACK).pos(middle());
        area.draw(&Text::new(format!("{stress}"), (x, bottom + 14), style))?;
    }
    let style = FONT.into_font().resize(15.0).color(&BLACK).pos(middle());
    let centre = left + width * i32::try_from(columns.len()).unwrap_or(0) / 2;
    area.draw(&Text::new(
        "correlation in stress of factors of different groups",
        (centre, bottom + 42),
        style.clone(),
    ))?;
    let what = if by_frequency { "share of steps in stress" } else { "mechanism" };
    let turned = style.transform(FontTransform::Rotate270);
    area.draw(&Text::new(what, (18, top + (bottom - top) / 2), turned))?;
    let note = "blue: below, orange: above matched Gaussian drivers";
    area.draw(&Text::new(note, (left, bottom + 62), (FONT, 13).into_font().color(&GREY)))?;
    Ok(())
}

fn column_width(columns: usize) -> i32 {
    780 / i32::try_from(columns.max(1)).unwrap_or(1)
}

fn middle() -> plotters::style::text_anchor::Pos {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    Pos::new(HPos::Center, VPos::Center)
}

fn right_middle() -> plotters::style::text_anchor::Pos {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    Pos::new(HPos::Right, VPos::Center)
}

/// From blue at -1 by white to vermilion at 1.
fn blend(at: f64) -> RGBColor {
    let end = if at < 0.0 { COLOURS[1] } else { COLOURS[2] };
    let share = at.abs().min(1.0);
    let mix = |part: u8| (255.0 + share * (f64::from(part) - 255.0)).round() as u8;
    RGBColor(mix(end.0), mix(end.1), mix(end.2))
}
