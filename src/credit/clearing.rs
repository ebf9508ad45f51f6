//! Who pays whom when debtors are each other's creditors: the clearing of a network at one date.

use super::schedule::ROUNDING;
use crate::{Error, check};
use nalgebra::{DMatrix, DVector};

/// A network of debtors who owe each other, to be cleared at one date: lenders who fund lenders, tenants who are sponsors.
///
/// With `L_ij` owed by `i` to `j`, `P_i = sum_j L_ij`, external assets `e_i` and payments `p_i`, the assets of `i` are
/// `a_i = e_i + sum_j p_j L_ji / P_j`: all creditors of `j` get the same share of their claims. `i` pays
///
/// ```text
/// p_i = P_i                                                 if a_i >= P_i
/// p_i = alpha e_i + beta sum_j p_j L_ji / P_j                otherwise
/// ```
///
/// Without costs of default, `alpha = beta = 1`, this is Eisenberg and Noe (2001), doi:10.1287/mnsc.47.2.236.20.9835; with
/// costs Rogers and Veraart (2013), doi:10.1287/mnsc.1120.1569. Then there may be several solutions, since a default can
/// bring about itself. [`clear`](ClearingNetwork::clear) returns the greatest, in which everyone pays
/// at least as much as in any other.
///
/// Creditors outside of the network are a member that owes nothing.
///
/// ```
/// use haircut::credit::ClearingNetwork;
/// // A owes B 60 and C 40, B owes C 80, C owes A 50; they have 30, 20 and 10.
/// let owed = [[0.0, 60.0, 40.0], [0.0, 0.0, 80.0], [50.0, 0.0, 0.0]];
/// let cleared = ClearingNetwork::new(&owed, &[30.0, 20.0, 10.0])?.clear();
/// assert_eq!(cleared.payments, [80.0, 68.0, 50.0]);
/// assert_eq!(cleared.equity, [0.0, 0.0, 60.0]);
/// assert_eq!(cleared.rounds, 2); // A drags B down
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClearingNetwork {
    /// What each owes in all.
    owed: DVector<f64>,
    external: DVector<f64>,
    /// `[i, j]`: the share of what `j` pays that `i` gets.
    shares: DMatrix<f64>,
    recovery_of_assets: f64,
    recovery_of_claims: f64,
}

/// A network, cleared.
#[derive(Debug, Clone, PartialEq)]
pub struct Clearing {
    /// What each pays in all.
    pub payments: Vec<f64>,
    /// What each has left for its owners.
    pub equity: Vec<f64>,
    /// Who cannot pay in full.
    pub defaulted: Vec<bool>,
    /// Rounds in which somebody was found in default; at most as many as there are members.
    pub rounds: usize,
}

impl ClearingNetwork {
    /// A network without costs of default: `liabilities[i][j]` is what `i` owes to `j`, `external[i]` what it has besides claims
    /// on others.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the liabilities are not square, someone owes to itself, or an amount is negative or not finite.
    pub fn new<R: AsRef<[f64]>>(liabilities: &[R], external: &[f64]) -> Result<Self, Error> {
        let members = liabilities.len();
        if external.len() != members {
            let expected = format!("must have {members} amounts, one for each row of liabilities");
            return Err(Error::invalid("external", format!("{} amounts", external.len()), expected));
        }
        for (index, amount) in external.iter().enumerate() {
            check::within(&format!("external[{index}]"), *amount, 0.0, LARGEST)?;
        }
        let mut owed = DVector::zeros(members);
        let mut shares = DMatrix::zeros(members, members);
        for (debtor, row) in liabilities.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != members {
                let expected = format!("must have {members} amounts, as there are rows");
                return Err(Error::invalid(
                    format!("liabilities[{debtor}]"),
                    format!("{} amounts", row.len()),
                    expected,
                ));
            }
            for (creditor, amount) in row.iter().enumerate() {
                let field = format!("liabilities[{debtor}][{creditor}]");
                check::within(&field, *amount, 0.0, LARGEST)?;
                if debtor == creditor && *amount > 0.0 {
                    return Err(Error::invalid(field, amount, "must be 0: nobody owes to itself"));
                }
            }
            let total: f64 = row.iter().sum();
            owed[debtor] = total;
            for (creditor, amount) in row.iter().enumerate() {
                shares[(creditor, debtor)] = if total > 0.0 { amount / total } else { 0.0 };
            }
        }
        let external = DVector::from_column_slice(external);
        Ok(ClearingNetwork { owed, external, shares, recovery_of_assets: 1.0, recovery_of_claims: 1.0 })
    }

    /// Sets the costs of default: the shares of external assets (`alpha`) and of what others pay (`beta`) that a member
    /// in default can pass on, from 0 to 1.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a share is out of range.
    pub fn recovering(mut self, of_assets: f64, of_claims: f64) -> Result<Self, Error> {
        check::within("of_assets", of_assets, 0.0, 1.0)?;
        check::within("of_claims", of_claims, 0.0, 1.0)?;
        (self.recovery_of_assets, self.recovery_of_claims) = (of_assets, of_claims);
        Ok(self)
    }

    /// What each member owes in all.
    #[must_use]
    pub fn owed(&self) -> &[f64] {
        self.owed.as_slice()
    }

    /// What each would pay if it received these payments: payments that it returns unchanged clear the network.
    ///
    /// A missing payment counts as none, and one too many is not looked at.
    #[must_use]
    pub fn response(&self, payments: &[f64]) -> Vec<f64> {
        let payments = DVector::from_fn(self.owed.len(), |member, _| payments.get(member).copied().unwrap_or(0.0));
        let received = &self.shares * payments;
        let pays = |member: usize| {
            let (external, received) = (self.external[member], received[member]);
            if self.is_solvent(member, external + received) {
                self.owed[member]
            } else {
                self.recovery_of_assets * external + self.recovery_of_claims * received
            }
        };
        (0..self.owed.len()).map(pays).collect()
    }

    /// Clears from above: first everyone is taken to pay in full; those who cannot are in default and pay what they then
    /// can, among themselves too (a linear system); that may bring others down, until nobody else is.
    #[must_use]
    pub fn clear(&self) -> Clearing {
        let members = self.owed.len();
        let mut payments = self.owed.clone();
        let mut defaulted = vec![false; members];
        let mut rounds = 0;
        loop {
            let assets = &self.external + &self.shares * &payments;
            let mut is_new = false;
            for member in 0..members {
                if !defaulted[member] && !self.is_solvent(member, assets[member]) {
                    defaulted[member] = true;
                    is_new = true;
                }
            }
            if !is_new {
                let left = |member: usize| if defaulted[member] { 0.0 } else { assets[member] - payments[member] };
                // Of one who is solvent to rounding nothing is left, not less.
                let equity = (0..members).map(|member| left(member).max(0.0)).collect();
                return Clearing { payments: payments.as_slice().to_vec(), equity, defaulted, rounds };
            }
            rounds += 1;
            self.pay(&defaulted, &mut payments);
        }
    }

    fn is_solvent(&self, member: usize, assets: f64) -> bool {
        assets >= self.owed[member] * (1.0 - ROUNDING)
    }

    /// What those in default pay when all others pay in full.
    fn pay(&self, defaulted: &[bool], payments: &mut DVector<f64>) {
        let failed: Vec<usize> = (0..defaulted.len()).filter(|member| defaulted[*member]).collect();
        let of_claims = self.recovery_of_claims;
        let entry = |row: usize, column: usize| {
            let identity = if row == column { 1.0 } else { 0.0 };
            identity - of_claims * self.shares[(failed[row], failed[column])]
        };
        let known = |row: usize, _: usize| {
            let others = (0..defaulted.len()).filter(|member| !defaulted[*member]);
            let received: f64 = others.map(|other| self.shares[(failed[row], other)] * self.owed[other]).sum();
            self.recovery_of_assets * self.external[failed[row]] + of_claims * received
        };
        let system = DMatrix::from_fn(failed.len(), failed.len(), entry);
        // Regular: a group in default that owes to itself alone would have to lose more than it has.
        if let Some(paid) = system.lu().solve(&DVector::from_fn(failed.len(), known)) {
            for (member, paid) in failed.iter().zip(paid.iter()) {
                // From above: a payment never rises.
                payments[*member] = paid.clamp(0.0, payments[*member]);
            }
        }
    }
}

/// The largest amount, so that sums stay finite.
const LARGEST: f64 = 1e15;
