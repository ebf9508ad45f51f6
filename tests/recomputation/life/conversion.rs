//! Notes that become shares on one path, from docs/credit.md.

use super::{Life, but_for_rounding};
use crate::path::Path;

impl Life<'_> {
    /// Holders who choose today take shares where they are worth more than their conversion price, the lowest price first.
    pub(super) fn convert(&mut self, path: &Path<'_>, step: usize, cash_flow: f64, due: &mut [f64]) {
        let borrower = self.borrower;
        let price = |f: &usize| borrower.facilities[*f].conversion.map_or(0.0, |conversion| conversion.price);
        let chooses = |f: &usize| price(f) > 0.0 && self.schedules[*f].maturity == Some(step);
        let mut notes: Vec<usize> = (0..due.len()).filter(chooses).collect();
        notes.sort_by(|one, other| price(one).total_cmp(&price(other)));
        let assets: f64 = self.holdings.iter().map(|held| held.units * path.mark(held.asset, step)).sum();
        let money = self.cash + cash_flow + self.reserve.iter().sum::<f64>();
        for f in notes {
            let owed: f64 = due.iter().chain(&self.owed).sum();
            let principal = self.instalments[f];
            // Converted, a share is worth what all shares then share.
            let shares = self.shares + principal / price(&f);
            if principal > 0.0 && (assets + money - (owed - principal)) / shares > price(&f) {
                self.shares = shares;
                due[f] = but_for_rounding(due[f] - principal, principal);
                self.instalments[f] = 0.0;
                self.note("exchanged", path, step, principal);
                self.exchanged = true;
            }
        }
    }
}
