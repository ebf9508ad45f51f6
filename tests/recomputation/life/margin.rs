//! Margin calls of a borrower on one path, from docs/credit.md: what is called, put up, sold, given back.

use super::{Life, ROUNDING, SAME_DATE, but_for_rounding, rank};
use crate::path::Path;
use haircut::credit::{Cause, Margin};

/// What is remembered of margin calls, by facility.
pub(super) struct Calls {
    /// Since when a call has been open.
    open: Vec<Option<f64>>,
    /// When the last one began.
    last: Vec<f64>,
    /// The part of the coins that the lender sells in this step.
    pub(super) seized: Vec<f64>,
}

impl Calls {
    pub(super) fn new(facilities: usize) -> Self {
        Calls { open: vec![None; facilities], last: vec![0.0; facilities], seized: vec![0.0; facilities] }
    }
}

impl Life<'_> {
    /// The coins behind a loan with a margin clause, each with the free coins of its class.
    fn margin_coins(&self, f: usize) -> Vec<(usize, Option<usize>)> {
        let is_its_own = |h: &usize| self.holdings[*h].are_coins && self.holdings[*h].named_by.contains(&f);
        let free = |h: usize| {
            let (asset, all) = (self.holdings[h].asset, &self.holdings);
            (0..all.len())
                .find(|other| all[*other].are_coins && all[*other].asset == asset && all[*other].named_by.is_empty())
        };
        (0..self.holdings.len()).filter(is_its_own).map(|h| (h, free(h))).collect()
    }

    fn give(&mut self, from: usize, to: usize, units: f64) {
        self.holdings[from].units -= units;
        self.holdings[from].initial -= units;
        self.holdings[to].units += units;
        self.holdings[to].initial += units;
    }

    /// What the coins are worth at marks.
    fn at_marks(&self, path: &Path<'_>, step: usize, coins: &[(usize, Option<usize>)]) -> f64 {
        let value = |h: usize| self.holdings[h].units * path.mark(self.holdings[h].asset, step).max(0.0);
        coins.iter().map(|(h, _)| value(*h)).sum()
    }

    /// Calls for margin after the payments of a step.
    pub(super) fn call_margins(&mut self, path: &Path<'_>, step: usize) {
        let mut senior_first: Vec<usize> = (0..self.owed.len()).collect();
        senior_first.sort_by_key(|f| rank(self.borrower, *f));
        for f in senior_first {
            if let Some(margin) = self.borrower.facilities[f].margin
                && self.default.is_none()
            {
                self.call_margin(path, step, f, margin);
            }
        }
    }

    fn call_margin(&mut self, path: &Path<'_>, step: usize, f: usize, margin: Margin) {
        let coins = self.margin_coins(f);
        let owed = self.owed[f] + self.arrears[f];
        let worth = self.at_marks(path, step, &coins);
        let looks_again = self.looks_again;
        if looks_again && !coins.iter().any(|(h, _)| path.fallen[self.holdings[*h].asset]) {
            return;
        }
        if self.calls.open[f].is_none() && worth >= margin.call * owed * (1.0 - ROUNDING) {
            if !looks_again && margin.release.is_some_and(|release| worth > release * owed * (1.0 + ROUNDING)) {
                let part = (worth - margin.initial * owed) / worth;
                for (h, free) in coins {
                    self.give(h, free.unwrap(), part * self.holdings[h].units);
                }
                self.margins[3] += 1;
            }
            return;
        }
        let since = self.calls.open[f].unwrap_or_else(|| {
            let is_new = self.calls.last[f] < path.time(step);
            self.calls.last[f] = path.time(step);
            self.note("margin_call", path, step, if is_new { 1.0 } else { 0.0 });
            path.time(step)
        });
        self.calls.open[f] = Some(since);
        for (h, free) in &coins {
            let mark = path.mark(self.holdings[*h].asset, step);
            let lack = margin.initial * owed - self.at_marks(path, step, &coins);
            if let Some(free) = free.filter(|_| mark > 0.0 && lack > ROUNDING * margin.initial * owed) {
                let units = f64::min(lack / mark, self.holdings[free].units);
                self.give(free, *h, units);
                self.note("margin_top_up", path, step, units * mark);
                self.margins[0] += usize::from(units > 0.0);
            }
        }
        let worth = self.at_marks(path, step, &coins);
        let paid = f64::min(owed - worth / margin.initial, self.cash);
        if paid > ROUNDING * owed {
            self.cash -= paid;
            self.repay_called(path, step, f, paid);
            self.note("margin_top_up", path, step, paid);
            self.margins[1] += 1;
        }
        let owed = self.owed[f] + self.arrears[f];
        if worth >= margin.initial * owed * (1.0 - 1e-11) {
            self.calls.open[f] = None;
        } else if worth < margin.liquidation * owed || path.time(step) - since >= margin.cure - SAME_DATE {
            let need = owed - worth / margin.initial;
            let queued = self.calls.seized[f];
            if queued <= 0.0 && self.meets_call(path, step, need) {
                self.repay_called(path, step, f, need);
                self.note("margin_top_up", path, step, need);
                self.calls.open[f] = None;
                self.margins[4] += 1;
            } else if worth > owed {
                // x of coins sold leaves (V - x) / (D - x) = initial.
                let sold = (margin.initial * owed - worth) / (margin.initial - 1.0);
                // A lender who would sell a millionth of a thousandth more does not.
                let part = f64::min(1.0, sold / worth);
                if part > queued + 1e-9 || (part >= 1.0 && queued < 1.0) {
                    self.calls.seized[f] = part;
                    self.again[0] += usize::from(looks_again);
                    self.margins[2] += 1;
                }
            } else {
                self.calls.seized[f] = 1.0;
                self.again[3] += usize::from(looks_again);
                self.accelerate(path, step, Cause::Margin);
            }
        }
    }

    /// Repays a loan: what is due and unpaid first.
    fn repay_called(&mut self, path: &Path<'_>, step: usize, f: usize, paid: f64) {
        let overdue = paid.min(self.arrears[f]);
        let principal = self.borrower.facilities[f].commitment();
        self.arrears[f] = but_for_rounding(self.arrears[f] - overdue, principal);
        self.owed[f] = but_for_rounding(self.owed[f] - (paid - overdue), principal);
        if overdue > 0.0 && self.arrears.iter().all(|arrears| *arrears <= 0.0) {
            self.missed_since = None;
        }
        self.note("prepaid", path, step, paid);
    }

    /// The part of a holding that a lender seizes in this step.
    pub(super) fn seized(&self, h: usize) -> f64 {
        let lenders = self.holdings[h].named_by.iter().filter(|_| self.holdings[h].are_coins);
        lenders.map(|f| self.calls.seized[*f]).fold(0.0, f64::max)
    }

    /// Proceeds of a lender's sale while the loan goes on.
    pub(super) fn settle_calls(&mut self, path: &Path<'_>, step: usize, proceeds: &[f64]) {
        for f in 0..self.owed.len() {
            if self.calls.seized[f] > 0.0 {
                let own = |h: &usize| self.holdings[*h].are_coins && self.holdings[*h].named_by.contains(&f);
                let received: f64 = (0..self.holdings.len()).filter(own).map(|h| proceeds[h]).sum();
                let owed = self.owed[f] + self.arrears[f];
                self.repay_called(path, step, f, received.min(owed));
                self.cash += f64::max(0.0, received - owed);
                self.note("margin_sale", path, step, received);
                self.turnover += received;
                self.calls.open[f] = None;
            }
        }
    }
}
