//! Contracts that let machines at a fixed rate: to whom, for how long, what is paid if less is used, and what happens if the tenant fails.

use super::delivery::Delivered;
use super::fleet::{HOURS, LARGEST};
use super::quantity::Quantity;
use crate::market::Curve;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A share of a fleet, let at a fixed rate whether it is used or not, or with a [minimum](TakeOrPay).
///
/// It is in force from `from` until `until`, or until the **tenant** defaults at a time `T` (the series `tenant.defaulted_at`, see
/// [`Counterparty`](crate::market::Counterparty)), to the hour on any grid. From then on, after a void of `reletting_delay` years, the
/// share is let at spot. In a step in which it is in force for `y` years of running machines
///
/// ```text
/// value = K y w - credit,     K = 8760 n s r l     USD a year; n units, s share, r rate, l collected, w = 1 without `take_or_pay`
/// ```
///
/// ```
/// use haircut::credit::Contract;
/// let contract = Contract { tenant: Some("openai".into()), reletting_delay: 0.25, ..Contract::new(0.8, 2.40, 3.0) };
/// assert_eq!(contract.collected, 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Share of the fleet's units, 0 to 1. Shares in force at the same time add up to at most 1.
    pub share: f64,
    /// Rate, in USD per unit-hour.
    pub rate_usd_per_unit_hour: f64,
    /// Part of what is invoiced that is paid, 0 to 1.
    #[serde(default = "whole")]
    pub collected: f64,
    /// How much of it is invoiced where it is used in part; without, all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_or_pay: Option<TakeOrPay>,
    /// When it begins, in years from today, or from delivery ([`ContractTerm`](super::ContractTerm)).
    #[serde(default)]
    pub from: f64,
    /// When it ends, counted as `from`; then its share is let at spot.
    pub until: f64,
    /// Who rents: a counterparty of the market. Without one the contract is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Years for which the share stands empty after the tenant's default.
    #[serde(default)]
    pub reletting_delay: f64,
    /// Who steps in for the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backstop: Option<Backstop>,
    /// What the tenant pays in advance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepayment: Option<Prepayment>,
}

/// A minimum commitment: the tenant pays for the hours that it uses, and for so many in any case.
///
/// ```text
/// invoice of a step = K y w,     w = max(minimum, min(1, usage))
/// ```
///
/// with the usage at the end of the step, as a part of the hours of the share. What is not used is reserved all the same: it is not let at spot. Each step is
/// settled by itself: what was paid and not taken is not made up for later. With a minimum of 1 it is the contract without the clause.
///
/// ```
/// use haircut::credit::{Contract, TakeOrPay};
/// // Eight tenths are paid for whether used or not.
/// let terms = TakeOrPay { minimum: 0.8, usage: "demand".into() };
/// let contract = Contract { take_or_pay: Some(terms), ..Contract::new(0.5, 2.40, 3.0) };
/// assert_eq!(contract.share, 0.5);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeOrPay {
    /// Part of the hours that is paid for in any case, 0 to 1.
    pub minimum: f64,
    /// Part of the hours that is used, 0 to 1: a number, or a series, which counts as 1 above it.
    pub usage: Quantity,
}

/// What a guarantor does when the tenant of a contract defaults before the contract ends: pay a fee once, or pay the rate on.
///
/// The **fee** of that date is paid at the end of the step, if the guarantor has not defaulted; the share is re-let after the void.
/// Without a fee the guarantor **takes over**: the contract ends when tenant and guarantor have both defaulted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backstop {
    /// A counterparty of the market; without one the guarantor never fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantor: Option<String>,
    /// USD by date of the tenant's default, in years from today: straight lines between points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_fee: Option<Curve>,
}

/// Cash from the tenant in advance, which is then credited against its invoices until it is used up.
///
/// ```text
/// credited by t = min(usd, credited I_t),     I_t what has been invoiced until t: the sum of K y w
/// ```
///
/// What is not credited when the tenant defaults is kept: its claim is unsecured, and it owes more than that.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepayment {
    /// The amount, in USD.
    pub usd: f64,
    /// Part of each invoice that is not paid but taken from it, above 0 to 1.
    pub credited: f64,
    /// When it is received, in years from today, if the tenant has not defaulted; without, it was before today and is in the
    /// borrower's cash or spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<f64>,
}

pub(super) fn whole() -> f64 {
    1.0
}

impl Contract {
    /// A share let from today until a date at a rate in USD per unit-hour, to a tenant that pays.
    #[must_use]
    pub fn new(share: f64, rate_usd_per_unit_hour: f64, until: f64) -> Self {
        Contract {
            share,
            rate_usd_per_unit_hour,
            collected: 1.0,
            take_or_pay: None,
            from: 0.0,
            until,
            tenant: None,
            reletting_delay: 0.0,
            backstop: None,
            prepayment: None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("share", self.share, 0.0, 1.0)?;
        check::within("rate_usd_per_unit_hour", self.rate_usd_per_unit_hour, 0.0, 1e6)?;
        check::within("collected", self.collected, 0.0, 1.0)?;
        if let Some(take_or_pay) = &self.take_or_pay {
            check::within("take_or_pay.minimum", take_or_pay.minimum, 0.0, 1.0)?;
        }
        check::not_negative("from", self.from)?;
        if !(self.until.is_finite() && self.until > self.from) {
            return Err(Error::invalid("until", self.until, format!("must be after `from`, {}", self.from)));
        }
        check::within("reletting_delay", self.reletting_delay, 0.0, 100.0)?;
        if let Some(backstop) = &self.backstop {
            if self.tenant.is_none() {
                return Err(Error::invalid("tenant", "none", "must be given for a contract with a `backstop`"));
            }
            if let Some(fee) = &backstop.termination_fee {
                fee.check("backstop.termination_fee", 0.0)?;
            }
        }
        if let Some(prepayment) = &self.prepayment {
            check::within("prepayment.usd", prepayment.usd, 0.0, LARGEST)?;
            check::within("prepayment.credited", prepayment.credited, 1e-6, 1.0)?;
            if let Some(received) = prepayment.received.filter(|received| !(*received > 0.0 && *received <= 1e3)) {
                let expected = "must be after today and at most 1000 years away; what was received before is cash";
                return Err(Error::invalid("prepayment.received", received, expected));
            }
        }
        Ok(())
    }

    /// The part of its hours that is invoiced, where that is the same on every path.
    pub(super) fn invoiced(&self) -> Option<f64> {
        match &self.take_or_pay {
            None => Some(1.0),
            Some(TakeOrPay { minimum, usage: Quantity::Number(usage) }) => Some(invoiced(*minimum, *usage)),
            // What is paid for in any case is all.
            Some(TakeOrPay { minimum, .. }) => (*minimum >= 1.0).then_some(1.0),
        }
    }

    /// The part of its hours that is used, where that is the same on every path.
    pub(super) fn used(&self) -> Option<f64> {
        match &self.take_or_pay {
            None => Some(1.0),
            Some(TakeOrPay { usage: Quantity::Number(usage), .. }) => Some(*usage),
            Some(TakeOrPay { usage: Quantity::Series(_), .. }) => None,
        }
    }

    /// The contract as it is computed with, for a fleet of so many units; at its full rate where it is not known what is invoiced.
    pub(super) fn terms(&self, units: f64) -> Terms {
        let full = HOURS * units * self.share * self.rate_usd_per_unit_hour * self.collected;
        Terms {
            from: self.from,
            until: self.until,
            usd_per_year: full * self.invoiced().unwrap_or(1.0),
            minimum: self.take_or_pay.as_ref().map_or(1.0, |take_or_pay| take_or_pay.minimum),
            share: self.share,
            void: self.reletting_delay,
            prepaid: self.prepayment.map_or(0.0, |prepayment| prepayment.usd),
            credited: self.prepayment.map_or(0.0, |prepayment| prepayment.credited),
        }
    }
}

/// The numbers of a contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) from: f64,
    pub(super) until: f64,
    /// K.
    pub(super) usd_per_year: f64,
    /// Of what is used in part.
    minimum: f64,
    pub(super) share: f64,
    void: f64,
    prepaid: f64,
    credited: f64,
}

/// The part of the hours that is invoiced.
#[inline(always)]
fn invoiced(minimum: f64, usage: f64) -> f64 {
    greater(minimum, lesser(1.0, usage))
}

#[inline(always)]
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

impl Terms {
    /// What is credited between two dates of a contract that begins at `from` and ends at `last`, in USD.
    #[inline(always)]
    pub(super) fn credit(&self, from: f64, last: f64, [start, end]: [f64; 2], machines: Delivered) -> f64 {
        let begun = machines.running(from);
        let by = |date: f64| {
            let years = greater(machines.running(lesser(date, last)) - begun, 0.0);
            lesser(self.prepaid, self.credited * self.usd_per_year * years)
        };
        by(end) - by(start)
    }

    /// Of a step: what the contract brings, in USD, and the years of running machines of the fleet that are not to be let at spot because
    /// of it. It is ended by its tenant at the time `ends`; `later` is by how much all of it is moved.
    #[inline(always)]
    pub(super) fn let_in(&self, dates: [f64; 2], later: f64, machines: Delivered, ends: f64) -> [f64; 2] {
        let (from, until) = (self.from + later, self.until + later);
        let [let_years, void] = self.years_in(dates, later, machines, ends);
        let credit = self.credit(from, lesser(until, ends), dates, machines);
        [self.usd_per_year * let_years - credit, self.share * (let_years + void)]
    }

    /// Of a step: the years of running machines for which a unit of the contract is let, and for which it stands empty after a default.
    #[inline(always)]
    pub(super) fn years_in(&self, [start, end]: [f64; 2], later: f64, machines: Delivered, ends: f64) -> [f64; 2] {
        let (from, until) = (self.from + later, self.until + later);
        let years = |from: f64, to: f64| greater(machines.running(to) - machines.running(from), 0.0);
        let let_years = years(greater(start, from), lesser(end, lesser(until, ends)));
        let void = years(greater(greater(start, from), ends), lesser(lesser(end, until), ends + self.void));
        [let_years, void]
    }

    /// The part of its hours that is invoiced; of what is used beyond the minimum a part counts.
    #[inline(always)]
    pub(super) fn invoiced(&self, usage: f64, counts: f64) -> f64 {
        let all = invoiced(self.minimum, usage);
        all - (1.0 - counts) * (all - self.minimum)
    }

    /// What has been credited once so much has been invoiced, in USD.
    #[inline(always)]
    pub(super) fn credited(&self, invoiced: f64) -> f64 {
        lesser(self.prepaid, self.credited * invoiced)
    }

    pub(super) fn is_prepaid(&self) -> bool {
        self.prepaid > 0.0
    }
}
