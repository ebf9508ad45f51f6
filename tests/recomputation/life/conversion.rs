//! Notes that become shares on one path, from docs/credit.md.

use super::{Life, Rolled, but_for_rounding};
use crate::path::Path;
use crate::schedule::{SAME_DATE, step_of};
use haircut::credit::{Conversion, SoftCall};

impl Life<'_> {
    /// Holders take shares, stay or ask for their money, and the issuer calls: the note with the lowest price first.
    pub(super) fn convert(&mut self, path: &Path<'_>, step: usize, cash_flow: f64, due: &mut [f64]) {
        let facilities = self.borrower.facilities.iter().enumerate();
        let mut notes: Vec<(usize, &Conversion)> =
            facilities.filter_map(|(f, facility)| Some((f, facility.conversion.as_ref()?))).collect();
        notes.sort_by(|(_, one), (_, other)| one.price.total_cmp(&other.price));
        let assets: f64 = self.holdings.iter().map(|held| held.units * path.mark(held.asset, step)).sum();
        let money = self.cash + cash_flow + self.reserve.iter().sum::<f64>();
        let today = path.time(step);
        for (f, terms) in notes {
            let maturity = self.schedules[f].maturity;
            let is_before = maturity.is_none_or(|maturity| step < maturity);
            let principal = self.instalments[f] + self.owed[f];
            if self.rolled[f].is_some() || principal <= 0.0 || !(is_before || maturity == Some(step)) {
                continue;
            }
            let owed: f64 = due.iter().chain(&self.owed).sum();
            let share = (assets + money - owed) / self.shares;
            let is_called = |call: SoftCall| today >= call.from - SAME_DATE && share > call.above * terms.price;
            let is_put = terms.puts.iter().any(|put| step_of(&path.world.grid, *put) == Some(step));
            if is_before && terms.call.is_some_and(is_called) {
                self.notes[1] += 1;
                self.exchange(f, terms.price, path, step, due);
            } else if is_before && is_put && share > terms.hold_above * terms.price {
                self.notes[3] += 1;
            } else if is_before && is_put {
                self.notes[2] += 1;
                due[f] += self.owed[f];
                self.instalments[f] += self.owed[f];
                self.owed[f] = 0.0;
                // It matures today, and what may be owed on is no note.
                self.rolled[f] = Some(Rolled { per_year: 0.0, end: today, spread: 0.0, traps_cash: false });
            } else if !is_before {
                // Converted, a share is worth what all shares then share.
                let shares = self.shares + principal / terms.price;
                if (assets + money - (owed - principal)) / shares > terms.price {
                    self.notes[0] += 1;
                    self.exchange(f, terms.price, path, step, due);
                }
            }
        }
    }

    fn exchange(&mut self, f: usize, price: f64, path: &Path<'_>, step: usize, due: &mut [f64]) {
        let principal = self.instalments[f] + self.owed[f];
        self.shares += principal / price;
        due[f] = but_for_rounding(due[f] - self.instalments[f], principal);
        self.instalments[f] = 0.0;
        self.owed[f] = 0.0;
        self.note("exchanged", path, step, principal);
    }
}
