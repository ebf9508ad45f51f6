//! ES over that of matched Gaussian drivers, as maps over the correlation in stress.

use crate::Failure;
use crate::converge_plots::{Drawn, place, same};
use crate::plots::{Area, COLOURS, FONT, GREY, svg};
use crate::tables::{level, short};
use haircut::measure::Estimate;
use haircut::study::convergence::{Row, Sweep};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What the lines of a map are.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Mechanism,
    Frequency,
    Leverage,
}

/// Every map under the name of its file: by frequency for the first mechanism with a stress, or by mechanism where there is one frequency; and by leverage where there is more than one.
pub(crate) fn all(sweep: &Sweep, rows: &[Row]) -> Result<Vec<(&'static str, String)>, Failure> {
    let shown = sweep.mechanisms.iter().map(|named| named.label()).find(|name| moves(sweep, rows, name));
    let first = match (shown, sweep.frequency.len() > 1) {
        (Some(name), true) => (Axis::Frequency, name),
        _ => (Axis::Mechanism, ""),
    };
    let mut maps = vec![("heat.svg", svg(|area| map(area, sweep, rows, first.0, first.1))?)];
    if let Some(name) = shown.filter(|_| sweep.leverage.len() > 1) {
        maps.push(("heat_leverage.svg", svg(|area| map(area, sweep, rows, Axis::Leverage, name))?));
    }
    Ok(maps)
}

/// Whether ES under a mechanism depends on the correlation in stress.
fn moves(sweep: &Sweep, rows: &[Row], name: &str) -> bool {
    let of = |row: &&Row| row.mechanism == name && row.quantity == "ES" && same(row.leverage, sweep.leverage.first());
    let mut values = rows.iter().filter(of).map(|row| row.value.value);
    let first = values.next();
    values.any(|value| !same(value, first.as_ref()))
}

/// Lines by the axis, columns by the correlation in stress; each cell has the ratio and its standard error.
fn map(area: &Area<'_>, sweep: &Sweep, rows: &[Row], axis: Axis, name: &str) -> Drawn {
    let labels: Vec<String> = match axis {
        Axis::Mechanism => sweep.mechanisms.iter().map(|named| short(named.label(), 16)).collect(),
        Axis::Frequency => sweep.frequency.iter().map(|frequency| format!("{} %", level(*frequency))).collect(),
        Axis::Leverage => sweep.leverage.iter().map(|leverage| format!("x {leverage}")).collect(),
    };
    let cell = |line: usize, stress: f64| -> Option<Estimate> {
        let at = |of: Axis| if axis == of { line } else { 0 };
        let mechanism = if axis == Axis::Mechanism { sweep.mechanisms.get(line)?.label() } else { name };
        let found = rows.iter().find(|row| {
            row.quantity == "ES"
                && row.mechanism == mechanism
                && same(row.stress_correlation, Some(&stress))
                && same(row.frequency, sweep.frequency.get(at(Axis::Frequency)))
                && same(row.leverage, sweep.leverage.get(at(Axis::Leverage)))
        });
        found.map(|row| row.to_constant).filter(|ratio| ratio.value.is_finite())
    };
    let mut columns = sweep.stress_correlation.clone();
    columns.sort_by(f64::total_cmp);
    let lines = || (0..labels.len()).map(|line| columns.iter().map(move |stress| (line, *stress)));
    let values: Vec<Vec<Option<Estimate>>> =
        lines().map(|line| line.map(|(line, stress)| cell(line, stress)).collect()).collect();
    let reach = values.iter().flatten().flatten().map(|ratio| (ratio.value - 1.0).abs()).fold(1e-9, f64::max);
    let count = |length: usize| i32::try_from(length.max(1)).unwrap_or(1);
    let (width, height) = (780 / count(columns.len()), 380 / count(labels.len()));
    let (left, top) = (150, 64);
    let whole = |axis: Axis| match axis {
        Axis::Mechanism => place(sweep),
        Axis::Frequency => format!("{name}, debt times {}", sweep.leverage.first().copied().unwrap_or(1.0)),
        Axis::Leverage => {
            format!("{name}, stress in {} % of steps", level(sweep.frequency.first().copied().unwrap_or(0.0)))
        }
    };
    let title = format!("ES {} % over that of matched Gaussian drivers: {}", level(sweep.level), whole(axis));
    let style = |size: f64, colour: &RGBColor, horizontal: HPos| {
        FONT.into_font().resize(size).color(colour).pos(Pos::new(horizontal, VPos::Center))
    };
    area.draw(&Text::new(title, (left, 20), (FONT, 19)))?;
    for (line, label) in labels.iter().enumerate() {
        let y = top + height * (count(line + 1) - 1);
        area.draw(&Text::new(label.clone(), (left - 10, y + height / 2), style(15.0, &BLACK, HPos::Right)))?;
        for (column, ratio) in values[line].iter().enumerate() {
            let x = left + width * (count(column + 1) - 1);
            let Some(ratio) = ratio else { continue };
            let shade = blend((ratio.value - 1.0) / reach);
            area.draw(&Rectangle::new([(x, y), (x + width - 2, y + height - 2)], shade.filled()))?;
            let ink = if (ratio.value - 1.0).abs() / reach > 0.85 { &WHITE } else { &BLACK };
            let middle = (x + width / 2, y + height / 2);
            if height >= 40 && ratio.standard_error.is_finite() {
                area.draw(&Text::new(
                    format!("{:.3}", ratio.value),
                    (middle.0, middle.1 - 8),
                    style(14.0, ink, HPos::Center),
                ))?;
                let error = format!("± {:.3}", ratio.standard_error);
                area.draw(&Text::new(error, (middle.0, middle.1 + 9), style(12.0, ink, HPos::Center)))?;
            } else {
                area.draw(&Text::new(format!("{:.3}", ratio.value), middle, style(14.0, ink, HPos::Center)))?;
            }
        }
    }
    let bottom = top + height * count(labels.len());
    for (column, stress) in columns.iter().enumerate() {
        let x = left + width * (count(column + 1) - 1) + width / 2;
        area.draw(&Text::new(format!("{stress}"), (x, bottom + 14), style(15.0, &BLACK, HPos::Center)))?;
    }
    let centre = left + width * count(columns.len()) / 2;
    let below = "correlation in stress of factors of different groups";
    area.draw(&Text::new(below, (centre, bottom + 42), style(15.0, &BLACK, HPos::Center)))?;
    let what = match axis {
        Axis::Mechanism => "mechanism",
        Axis::Frequency => "share of steps in stress",
        Axis::Leverage => "debt, times that of the scenario",
    };
    let turned = style(15.0, &BLACK, HPos::Center).transform(FontTransform::Rotate270);
    area.draw(&Text::new(what, (18, top + (bottom - top) / 2), turned))?;
    let note = "blue: below, orange: above matched Gaussian drivers; ± one standard error";
    area.draw(&Text::new(note, (left, bottom + 62), (FONT, 13).into_font().color(&GREY)))?;
    Ok(())
}

/// From blue at -1 by white to vermilion at 1.
fn blend(at: f64) -> RGBColor {
    let end = if at < 0.0 { COLOURS[1] } else { COLOURS[2] };
    let share = at.abs().min(1.0);
    let mix = |part: u8| (255.0 + share * (f64::from(part) - 255.0)).round() as u8;
    RGBColor(mix(end.0), mix(end.1), mix(end.2))
}
