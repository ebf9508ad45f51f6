//! Plots as SVG, in colours that the colour-blind tell apart (Okabe and Ito, 2008).

use crate::Failure;
use crate::money::amount;
use crate::report::{Report, round_up};
use crate::tables::{level, short};
use haircut::comovement::{Level, Threshold};
use haircut::measure::{Estimate, ObligorDefaults};
use plotters::chart::{ChartContext, MeshStyle};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 560);
pub(crate) const FONT: &str = "sans-serif";
pub(crate) const GREY: RGBColor = RGBColor(96, 96, 96);
pub(crate) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws into a text.
pub(crate) fn svg(draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>) -> Result<String, Failure> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let failed = |error: &dyn std::fmt::Display| Failure::Output(format!("a plot cannot be drawn: {error}"));
        area.fill(&WHITE).map_err(|error| failed(&error))?;
        draw(&area).map_err(|error| failed(&error))?;
        area.present().map_err(|error| failed(&error))?;
    }
    Ok(text)
}

/// The loss histogram, logarithmic in probability, with VaR and ES.
pub(crate) fn losses(report: &Report) -> Result<String, Failure> {
    svg(|area| {
        let Some(histogram) = &report.portfolio.histogram else {
            return nothing(area, "No path has a loss");
        };
        let largest = histogram.edges.last().copied().unwrap_or(1.0);
        let (unit, name) = if largest >= 1e9 { (1e9, "bn") } else { (1e6, "m") };
        let bars: Vec<(f64, f64, f64)> = histogram
            .edges
            .windows(2)
            .zip(&histogram.bars)
            .filter(|(_, bar)| bar.value > 0.0)
            .map(|(edges, bar)| (edges[0] / unit, edges[1] / unit, bar.value))
            .collect();
        let least = bars.iter().fold(1.0_f64, |least, bar| least.min(bar.2));
        let floor = 10_f64.powf((least * 0.9).log10().floor());
        let mut chart = ChartBuilder::on(area)
            .caption(format!("{}: loss of the book", short(&report.title, 70)), (FONT, 20))
            .margin(14)
            .margin_right(28)
            .x_label_area_size(46)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..largest / unit, (floor..1.0).log_scale())?;
        mesh(&mut chart)
            .x_desc(format!("loss, discounted to today, {name} USD"))
            .y_desc("probability of a bar")
            .y_label_formatter(&|p| share(*p))
            .draw()?;
        chart.draw_series(bars.iter().map(|(from, to, probability)| {
            Rectangle::new([(*from, floor), (*to, *probability)], COLOURS[6].mix(0.75).filled())
        }))?;
        let mut marks = vec![("expected loss".to_owned(), &report.portfolio.expected_loss, COLOURS[0], 0)];
        for (tail, colour) in report.portfolio.tail.iter().zip([COLOURS[3], COLOURS[1], COLOURS[2]]) {
            marks.push((format!("VaR {} %", level(tail.level)), &tail.value_at_risk, colour, 0));
            marks.push((format!("ES {} %", level(tail.level)), &tail.expected_shortfall, colour, 6));
        }
        for (name, mark, colour, gap) in marks {
            let at = mark.value / unit;
            let style = colour.stroke_width(2);
            let label = format!("{name}: {}", amount(mark.value));
            // ES is dashed, VaR is not.
            if gap == 0 {
                let line = LineSeries::new([(at, floor), (at, 1.0)], style);
                chart
                    .draw_series(line)?
                    .label(label)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
            } else {
                let line = DashedLineSeries::new([(at, floor), (at, 1.0)], 6, gap, style);
                chart.draw_series(line)?.label(label).legend(move |(x, y)| {
                    let dash = |from| PathElement::new([(from, 0), (from + 6, 0)], style);
                    EmptyElement::at((x, y)) + dash(0) + dash(9) + dash(18)
                });
            }
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

/// Cumulative default probabilities with their 95 % bands: the book's debt and the borrowers with the largest expected loss.
pub(crate) fn default_curves(report: &Report) -> Result<String, Failure> {
    svg(|area| {
        if report.defaults.obligors.is_empty() {
            return nothing(area, "The book is empty");
        }
        let mut curves: Vec<(String, Vec<(f64, Estimate)>)> = Vec::new();
        let mut sorted: Vec<&ObligorDefaults> = report.defaults.obligors.iter().collect();
        sorted.sort_by(|a, b| b.total.expected_loss.value.total_cmp(&a.total.expected_loss.value));
        if sorted.len() > 1 {
            let book = report.curve.iter().map(|point| (point.years, point.debt_share)).collect();
            curves.push(("the book's debt".into(), book));
        }
        for obligor in sorted.into_iter().take(COLOURS.len() - curves.len()) {
            let curve = report.defaults.dates.iter().copied().zip(obligor.cumulative.iter().copied()).collect();
            curves.push((obligor.name.clone(), curve));
        }
        let highest = curves.iter().flat_map(|(_, curve)| curve).fold(0.0_f64, |highest, (_, p)| highest.max(p.upper));
        let horizon = report.run.horizon_years;
        let line = round_up(highest.max(1e-6) / 8.0);
        let top = ((highest.max(1e-6) / line).ceil() * line).min(1.0);
        let mut chart = ChartBuilder::on(area)
            .caption(format!("{}: cumulative default probability", short(&report.title, 60)), (FONT, 20))
            .margin(14)
            .margin_right(28)
            .x_label_area_size(46)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..horizon, 0.0..top)?;
        mesh(&mut chart)
            .x_desc("years from today")
            .y_desc("in default by then; bands of 95 %")
            .y_label_formatter(&|p| share(*p))
            .draw()?;
        for (index, (name, curve)) in curves.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let style = colour.stroke_width(if index == 0 { 3 } else { 2 });
            let finite = |bound: f64| if bound.is_finite() { bound } else { 0.0 };
            let mut band: Vec<(f64, f64)> = curve.iter().map(|(years, p)| (*years, finite(p.upper).min(top))).collect();
            band.extend(curve.iter().rev().map(|(years, p)| (*years, finite(p.lower))));
            chart.draw_series([Polygon::new(band, colour.mix(0.2))])?;
            let line = std::iter::once((0.0, 0.0)).chain(curve.iter().map(|(years, p)| (*years, finite(p.value))));
            chart
                .draw_series(LineSeries::new(line, style))?
                .label(short(name, 28))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
        }
        legend(&mut chart, SeriesLabelPosition::UpperLeft)
    })
}

/// Exceedance correlations of falls (left) and rises (right) with their 95 % band, beside those of a normal and of the fitted t pair.
pub(crate) fn exceedance(names: [&str; 2], all: &[Level]) -> Result<String, Failure> {
    let mut levels: Vec<(f64, &Level)> = Vec::new();
    for level in all {
        if let Threshold::Quantile(q) = level.threshold {
            levels.push((q, level));
        }
    }
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lower: Vec<(f64, Estimate)> = levels.iter().map(|(q, level)| (*q, level.lower_correlation)).collect();
    let upper: Vec<(f64, Estimate)> =
        levels.iter().rev().map(|(q, level)| (1.0 - q, level.upper_correlation)).collect();
    svg(|area| {
        let known = |curve: &[(f64, Estimate)]| -> Vec<(f64, Estimate)> {
            curve.iter().filter(|(_, e)| e.value.is_finite() && e.standard_error.is_finite()).copied().collect()
        };
        let sides = [known(&lower), known(&upper)];
        let lowest = sides.iter().flatten().fold(-0.05_f64, |low, (_, e)| low.min(e.lower)).max(-1.0);
        let mut chart = ChartBuilder::on(area)
            .caption(format!("{} and {}: exceedance correlation", short(names[0], 30), short(names[1], 30)), (FONT, 20))
            .margin(14)
            .margin_right(28)
            .x_label_area_size(46)
            .y_label_area_size(72)
            .build_cartesian_2d(0.0..1.0, lowest..1.3)?; // Room for the legend above 1.
        mesh(&mut chart)
            .x_desc("quantile at which the tail begins: joint falls below it (left), joint rises above it (right)")
            .y_desc("correlation given both beyond; bands of 95 %")
            .x_label_formatter(&|q| share(*q))
            .y_label_formatter(&|rho| if *rho < 1.05 { format!("{rho:.1}") } else { String::new() })
            .draw()?;
        chart.draw_series([PathElement::new([(0.5, lowest), (0.5, 1.0)], GREY.mix(0.6))])?;
        for (side, (curve, name)) in sides.iter().zip(["joint falls", "joint rises"]).enumerate() {
            let colour = [COLOURS[2], COLOURS[1]][side];
            let style = colour.stroke_width(3);
            let mut band: Vec<(f64, f64)> = curve.iter().map(|(q, e)| (*q, e.upper.min(1.0))).collect();
            band.extend(curve.iter().rev().map(|(q, e)| (*q, e.lower.max(lowest))));
            chart.draw_series([Polygon::new(band, colour.mix(0.2))])?;
            let line = curve.iter().map(|(q, e)| (*q, e.value));
            chart
                .draw_series(LineSeries::new(line, style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
            chart.draw_series(curve.iter().map(|(q, e)| Circle::new((*q, e.value), 3, colour.filled())))?;
        }
        type Null = fn(&Level) -> f64;
        let nulls: [(&str, RGBColor, Null); 2] = [
            ("normal pair of equal correlation", COLOURS[0], |level| level.normal_correlation),
            ("fitted t pair", COLOURS[3], |level| level.student_correlation),
        ];
        for (index, (name, colour, of)) in nulls.into_iter().enumerate() {
            let (style, gap) = (colour.stroke_width(2), [3, 6][index]);
            let left: Vec<(f64, f64)> =
                levels.iter().map(|(q, level)| (*q, of(level))).filter(|(_, y)| y.is_finite()).collect();
            let right: Vec<(f64, f64)> = left.iter().rev().map(|(q, y)| (1.0 - q, *y)).collect();
            chart.draw_series(DashedLineSeries::new(right, 6, gap, style))?;
            chart.draw_series(DashedLineSeries::new(left, 6, gap, style))?.label(name).legend(move |(x, y)| {
                let dash = |from| PathElement::new([(from, 0), (from + 6, 0)], style);
                EmptyElement::at((x, y)) + dash(0) + dash(9) + dash(18)
            });
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    })
}

/// The grid and the size of labels that charts share.
pub(crate) fn mesh<'a, 'b, 's, X, Y, XT, YT>(
    chart: &'b mut ChartContext<'a, SVGBackend<'s>, Cartesian2d<X, Y>>,
) -> MeshStyle<'a, 'b, X, Y, SVGBackend<'s>>
where
    X: Ranged<ValueType = XT> + ValueFormatter<XT>,
    Y: Ranged<ValueType = YT> + ValueFormatter<YT>,
{
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE).bold_line_style(GREY.mix(0.18));
    mesh.label_style((FONT, 14)).axis_desc_style((FONT, 15));
    mesh
}

/// The legend within a chart.
fn legend<'a, 's: 'a, X: Ranged, Y: Ranged>(
    chart: &mut ChartContext<'a, SVGBackend<'s>, Cartesian2d<X, Y>>,
    position: SeriesLabelPosition,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut labels = chart.configure_series_labels();
    labels.position(position).legend_area_size(30).label_font((FONT, 14));
    Ok(labels.background_style(WHITE.mix(0.9)).border_style(GREY.mix(0.4)).draw()?)
}

pub(crate) fn nothing(area: &Area<'_>, why: &str) -> Result<(), Box<dyn std::error::Error>> {
    area.draw(&Text::new(why.to_owned(), (40, 60), (FONT, 20)))?;
    Ok(())
}

/// A probability on an axis.
pub(crate) fn share(p: f64) -> String {
    let percent = format!("{:.4}", 100.0 * p);
    format!("{} %", percent.trim_end_matches('0').trim_end_matches('.'))
}
