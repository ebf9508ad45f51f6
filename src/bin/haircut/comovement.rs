//! How two series move together, as tables and CSV: of observed series and of simulated ones.

use crate::files;
use crate::money::count;
use crate::tables::{level, section, short, table};
use haircut::comovement::{
    Comovement, Level, SeriesPair, SimulatedComovement, StateComovement, States, StepChange, Threshold,
};
use haircut::measure::Estimate;
use haircut::study::convergence::MechanismComovement;
use std::fmt::Write;

/// `A,B` of the command line; `NAME:difference` for a rate.
pub(crate) fn pair(text: &str) -> Result<SeriesPair, String> {
    let Some((one, other)) = text.split_once(',') else {
        return Err("must be two series, A,B".into());
    };
    let change = |name: &str| match name.trim().split_once(':') {
        None => Ok(StepChange::from(name.trim())),
        Some((series, "difference")) => Ok(StepChange::difference(series)),
        Some((_, other)) => Err(format!("\"{other}\" is no kind of change; NAME:difference is")),
    };
    Ok(SeriesPair::of(change(one)?, change(other)?))
}

/// `SERIES=X,..` or `SERIES@end=X,..`.
pub(crate) fn states(text: &str) -> Result<States, String> {
    let Some((series, bounds)) = text.split_once('=') else {
        return Err("must be SERIES=X,.. or SERIES@end=X,..".into());
    };
    let bounds: Result<Vec<f64>, _> = bounds.split(',').map(|bound| bound.trim().parse::<f64>()).collect();
    let bounds = bounds.map_err(|error| error.to_string())?;
    Ok(match series.strip_suffix("@end") {
        Some(series) => States::at_end(series, bounds),
        None => States::at_start(series, bounds),
    })
}

/// To two places, or to three where the error is below a hundredth.
pub(crate) fn shown(estimate: &Estimate) -> String {
    let Estimate { value, standard_error, .. } = *estimate;
    let places = if standard_error > 0.0 && standard_error < 0.00995 { 3 } else { 2 };
    if value.is_finite() { format!("{value:.places$} ± {standard_error:.places$}") } else { "-".into() }
}

pub(crate) fn threshold(threshold: Threshold) -> String {
    match threshold {
        Threshold::Quantile(q) => format!("{:.1} %", 100.0 * q),
        Threshold::Deviations(deviations) => format!("{deviations} sd"),
    }
}

/// Correlations of several parts of a sample, each with its name and how many changes it has.
pub(crate) fn correlations<'a>(text: &mut String, parts: impl Iterator<Item = (&'a str, u64, &'a Comovement)>) {
    let mut rows = table(1, &["", "Pearson", "Spearman", "Kendall", "changes"]);
    let mut fits = table(1, &["", "correlation", "degrees of freedom", "tail dependence"]);
    for (name, changes, one) in parts {
        let Comovement { pearson, spearman, kendall, .. } = one;
        let name = short(name, 36);
        rows.add_row([name.clone(), shown(pearson), shown(spearman), shown(kendall), changes.to_string()]);
        let nu = &one.degrees_of_freedom;
        let nu = match () {
            () if !nu.value.is_finite() => "-".to_owned(),
            () if nu.value > 100.0 => "> 100".to_owned(),
            () => format!("{:.1} ({:.1} to {:.1})", nu.value, nu.lower, nu.upper),
        };
        fits.add_row([name, shown(&one.student_correlation), nu, shown(&one.tail_dependence)]);
    }
    section(text, "Correlation", &rows);
    section(text, "The bivariate t law that fits best", &fits);
}

/// Both tails by threshold, beside the nulls.
pub(crate) fn tails(text: &mut String, levels: &[Level]) {
    let mut rows = table(1, &["tail", "falls", "rises", "normal", "t", "falls less rises", "joint falls", "rises"]);
    for level in levels {
        rows.add_row([
            threshold(level.threshold),
            shown(&level.lower_correlation),
            shown(&level.upper_correlation),
            format!("{:.2}", level.normal_correlation),
            format!("{:.2}", level.student_correlation),
            shown(&level.asymmetry),
            level.lower_correlation.paths.to_string(),
            level.upper_correlation.paths.to_string(),
        ]);
    }
    section(text, "Exceedance correlation, beside that of a normal pair and of the fitted t pair", &rows);
    let mut rows = table(1, &["tail", "falls", "rises", "normal", "t"]);
    for level in levels {
        rows.add_row([
            threshold(level.threshold),
            shown(&level.lower_dependence),
            shown(&level.upper_dependence),
            format!("{:.2}", level.normal_dependence),
            format!("{:.2}", level.student_dependence),
        ]);
    }
    section(text, "Chance that one is beyond its threshold given that the other is", &rows);
}

/// The columns of [`tail_fields`].
pub(crate) fn tail_columns() -> String {
    let names = ["lower_correlation", "upper_correlation", "asymmetry", "lower_dependence", "upper_dependence"];
    format!(
        "threshold_kind,threshold,joint_falls,joint_rises,{},normal_correlation,student_correlation,normal_dependence,student_dependence",
        names.map(files::columns).join(",")
    )
}

/// One threshold as fields of a CSV.
pub(crate) fn tail_fields(level: &Level) -> String {
    let (kind, at) = match level.threshold {
        Threshold::Quantile(q) => ("quantile", q),
        Threshold::Deviations(deviations) => ("deviations", deviations),
    };
    let estimates = [
        &level.lower_correlation,
        &level.upper_correlation,
        &level.asymmetry,
        &level.lower_dependence,
        &level.upper_dependence,
    ];
    format!(
        "{kind},{at},{},{},{},{},{},{},{}",
        level.lower_correlation.paths,
        level.upper_correlation.paths,
        estimates.map(files::fields).join(","),
        level.normal_correlation,
        level.student_correlation,
        level.normal_dependence,
        level.student_dependence,
    )
}

/// The names of both series.
pub(crate) fn names(found: &SimulatedComovement) -> [&str; 2] {
    found.series.each_ref().map(StepChange::series)
}

fn parts(found: &SimulatedComovement) -> impl Iterator<Item = &StateComovement> {
    std::iter::once(&found.all).chain(&found.states)
}

/// The tables of a simulated pair.
pub(crate) fn simulated(text: &mut String, found: &SimulatedComovement) {
    let [one, other] = found.series.each_ref().map(|change| match change {
        StepChange::Log(series) => format!("log changes of {series}"),
        StepChange::Difference(series) => format!("differences of {series}"),
    });
    let _ = writeln!(text, "\n{one} and {other} over a step: {} simulated pairs", found.all.pairs);
    if found.undefined > 0 {
        let _ = writeln!(text, "{} pairs are left out: a change is no number, or the state is none", found.undefined);
    }
    correlations(text, parts(found).map(|part| (part.state.as_str(), part.pairs, &part.comovement)));
    tails(text, &found.all.comovement.levels);
}

/// Simulated pairs as a CSV, a line for each state and threshold.
pub(crate) fn csv(pairs: &[SimulatedComovement]) -> String {
    let mut text = columns() + "\n";
    pairs.iter().for_each(|found| lines(&mut text, found, ""));
    text
}

/// The same by mechanism.
pub(crate) fn csv_by_mechanism(all: &[MechanismComovement]) -> String {
    let mut text = format!("mechanism,{}\n", columns());
    all.iter().for_each(|one| lines(&mut text, &one.found, &(files::quoted(&one.mechanism) + ",")));
    text
}

fn columns() -> String {
    let moments = ["standard_deviation", "skewness", "excess_kurtosis"];
    let moments = ["one", "other"].map(|side| moments.map(|name| files::columns(&format!("{side}_{name}"))).join(","));
    let names = ["pearson", "spearman", "kendall"].map(files::columns).join(",");
    format!("one,other,state,pairs,{},{names},{}", moments.join(","), tail_columns())
}

fn lines(text: &mut String, found: &SimulatedComovement, before: &str) {
    let [one, other] = names(found).map(files::quoted);
    for part in parts(found) {
        let Comovement { pearson, spearman, kendall, levels, .. } = &part.comovement;
        let correlations = [pearson, spearman, kendall].map(files::fields).join(",");
        let moments = part.moments.each_ref().map(|series| {
            [series.standard_deviation, series.skewness, series.excess_kurtosis]
                .map(|one| files::fields(&one))
                .join(",")
        });
        let (state, moments) = (files::quoted(&part.state), moments.join(","));
        for level in levels {
            let tail = tail_fields(level);
            let _ = writeln!(text, "{before}{one},{other},{state},{},{moments},{correlations},{tail}", part.pairs);
        }
    }
}

/// What mechanisms share, and what they do not.
pub(crate) fn by_mechanism(text: &mut String, all: &[MechanismComovement]) {
    let Some(first) = all.first() else { return };
    let [one, other] = names(&first.found);
    let (stress, frequency) = (first.stress_correlation, level(first.frequency));
    let _ = writeln!(
        text,
        "\nLog changes of {one} and {other} over a step: {} pairs, stress in {frequency} % of steps\nwith a correlation of {stress}",
        count(first.found.all.pairs)
    );
    let names = [one, other].map(|name| short(name, 10));
    let [a, b] = &names;
    let heads = [format!("{a}: sd %"), format!("{b}: sd %"), format!("{a}: kurt."), format!("{b}: kurt.")];
    let mut header = vec!["mechanism"];
    header.extend(heads.iter().map(String::as_str));
    header.push("correlation");
    let mut shared = table(1, &header);
    let shapes = |one: &MechanismComovement| -> Vec<Level> {
        let shown = [0.05, 0.1, 0.2].map(Threshold::Quantile);
        one.found.all.comovement.levels.iter().filter(|level| shown.contains(&level.threshold)).cloned().collect()
    };
    let mut header = vec!["mechanism".to_owned()];
    header.extend(shapes(first).iter().map(|level| format!("falls {}", threshold(level.threshold))));
    header.extend(["rises 10.0 %".into(), "t pair 10.0 %".into()]);
    let mut differ = table(1, &header.iter().map(String::as_str).collect::<Vec<_>>());
    let tenth = |one: &MechanismComovement| -> Option<Level> {
        shapes(one).into_iter().find(|level| level.threshold == Threshold::Quantile(0.1))
    };
    let mut null = vec!["normal pair".to_owned()];
    null.extend(shapes(first).iter().map(|level| format!("{:.3}", level.normal_correlation)));
    null.push(tenth(first).map_or("-".into(), |level| format!("{:.3}", level.normal_correlation)));
    null.push("-".into());
    differ.add_row(null);
    for mechanism in all {
        let name = short(&mechanism.mechanism, 18);
        let part = &mechanism.found.all;
        let [x, y] = &part.moments;
        shared.add_row([
            name.clone(),
            shown(&x.standard_deviation.scaled(100.0)),
            shown(&y.standard_deviation.scaled(100.0)),
            shown(&x.excess_kurtosis),
            shown(&y.excess_kurtosis),
            shown(&part.comovement.pearson),
        ]);
        let mut row = vec![name];
        row.extend(shapes(mechanism).iter().map(|level| shown(&level.lower_correlation)));
        let tenth = tenth(mechanism);
        row.push(tenth.as_ref().map_or("-".into(), |level| shown(&level.upper_correlation)));
        row.push(tenth.map_or("-".into(), |level| format!("{:.3}", level.student_correlation)));
        differ.add_row(row);
    }
    section(text, "What is matched", &shared);
    section(text, "What differs: exceedance correlations, beside a normal pair and the t pair fitted to each", &differ);
}
