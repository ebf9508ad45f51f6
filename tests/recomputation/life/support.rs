//! A sponsor of a borrower on one path, from docs/credit.md: what it gives, and what becomes of debt.

use super::{Life, ROUNDING, but_for_rounding};
use crate::path::Path;
use haircut::credit::{Covenant, SupportForm};
use std::iter::zip;

impl Life<'_> {
    /// Whether the sponsor gives so much: its resolve is certain here.
    fn is_given(&mut self, path: &Path<'_>, step: usize, need: f64) -> bool {
        let Some(sponsor) = &self.borrower.sponsor else { return false };
        let state = path.read(&sponsor.state, step).clamp(0.0, 1.0);
        let is_able = need > 0.0 && need * (1.0 - ROUNDING) <= sponsor.capacity * state - self.given;
        let is_left =
            sponsor.commitment.is_none_or(|all| need * (1.0 - ROUNDING) <= all * state - self.given_to_all.get());
        self.crowded_out |= is_able && !is_left && sponsor.intercept > 0.0 && self.given_to_all.get() > self.given;
        is_able && is_left && sponsor.intercept > 0.0
    }

    /// Whether the sponsor pays what a test lacks, or restructures the debt that a breach would accelerate.
    pub(super) fn support_breach(&mut self, path: &Path<'_>, step: usize, covenant: &Covenant, lack: f64) -> bool {
        match self.borrower.sponsor.as_ref().map(|sponsor| &sponsor.form) {
            None => false,
            Some(SupportForm::Liquidity) => {
                let helps = self.is_given(path, step, lack) && self.mend(path, step, covenant, lack);
                if helps {
                    self.note_support(path, step, lack, lack);
                }
                helps
            }
            Some(_) => {
                let helps = self.restructure(path, step);
                if helps {
                    self.missed_since = None;
                }
                helps
            }
        }
    }

    /// Whether the sponsor pays so much for a margin call that the borrower cannot meet.
    pub(super) fn meets_call(&mut self, path: &Path<'_>, step: usize, need: f64) -> bool {
        let form = self.borrower.sponsor.as_ref().map(|sponsor| &sponsor.form);
        let meets = form == Some(&SupportForm::Liquidity) && self.is_given(path, step, need);
        if meets {
            self.note_support(path, step, need, need);
        }
        meets
    }

    /// Whether the sponsor prevents a default; then nothing is unpaid.
    pub(super) fn restructure(&mut self, path: &Path<'_>, step: usize) -> bool {
        let borrower = self.borrower;
        let Some(sponsor) = &borrower.sponsor else { return false };
        let claims: Vec<f64> = zip(&self.arrears, &self.owed).map(|(unpaid, owed)| unpaid + owed).collect();
        let converted = |f: usize| match &sponsor.form {
            SupportForm::DebtForEquity { facilities, share } if facilities.contains(&borrower.facilities[f].name) => {
                share * claims[f]
            }
            _ => 0.0,
        };
        let converted: Vec<f64> = (0..claims.len()).map(converted).collect();
        let arrears: f64 = zip(&self.arrears, &converted).map(|(unpaid, shares)| f64::max(0.0, unpaid - shares)).sum();
        let bills = f64::max(0.0, -self.cash);
        let prepaid = match sponsor.form {
            SupportForm::Takeover { valuation } => {
                let marked: f64 = self.holdings.iter().map(|held| held.units * path.mark(held.asset, step)).sum();
                if claims.iter().sum::<f64>() * (1.0 - ROUNDING) > valuation * marked {
                    return false;
                }
                self.owed.iter().sum()
            }
            _ => 0.0,
        };
        let paid = bills + arrears + prepaid;
        let shares: f64 = converted.iter().sum();
        if !self.is_given(path, step, paid + shares) {
            return false;
        }
        let discount = path.level("discount", step);
        for f in 0..claims.len() {
            let less = if prepaid > 0.0 { self.owed[f] } else { f64::max(0.0, converted[f] - self.arrears[f]) };
            self.owed[f] = but_for_rounding(self.owed[f] - less, borrower.facilities[f].commitment());
            self.arrears[f] = 0.0;
            self.loss[f] += discount * converted[f];
        }
        self.cash += bills;
        self.note("prepaid", path, step, prepaid);
        self.note("converted", path, step, shares);
        self.note_support(path, step, paid + shares, paid);
        true
    }

    /// Whether the sponsor has converted debt in this step, or bought the borrower.
    pub(super) fn is_restructured_in(&self, step: usize) -> bool {
        let form = self.borrower.sponsor.as_ref().map(|sponsor| &sponsor.form);
        form != Some(&SupportForm::Liquidity) && self.given_in.0 == step && self.given_in.1 > 0.0
    }

    /// Whether the sponsor is one that buys the borrower.
    pub(crate) fn is_taken_over(&self) -> bool {
        let form = self.borrower.sponsor.as_ref().map(|sponsor| &sponsor.form);
        self.given > 0.0 && matches!(form, Some(SupportForm::Takeover { .. }))
    }

    fn note_support(&mut self, path: &Path<'_>, step: usize, given: f64, paid: f64) {
        let today = if self.given_in.0 == step { self.given_in.1 } else { 0.0 };
        self.given_in = (step, today + given);
        self.given += given;
        self.given_to_all.set(self.given_to_all.get() + given);
        self.turnover += given;
        // What lower marks of one date ask for more is the same event.
        self.note("support", path, step, if self.looks_again && today > 0.0 { 0.0 } else { 1.0 });
        self.note("injected", path, step, paid);
    }
}
