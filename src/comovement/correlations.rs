//! Pearson, Spearman and Kendall, of weighted pairs.

use super::pairs::{Margin, Pairs};

/// Pearson's correlation of weighted pairs; NaN where the weighted pairs do not vary.
///
/// ```text
/// r = sum w (x - m_x)(y - m_y) / sqrt(sum w (x - m_x)^2  sum w (y - m_y)^2)
/// ```
#[must_use]
pub fn pearson(pairs: &Pairs, weights: &[f64]) -> f64 {
    let triples = || pairs.x().iter().zip(pairs.y()).zip(weights).map(|((x, y), w)| (*x, *y, *w));
    weighted(triples)
}

/// Of (x, y, weight), which are gone through twice.
pub(super) fn weighted<I: Iterator<Item = (f64, f64, f64)>>(triples: impl Fn() -> I) -> f64 {
    let (mut total, mut x_sum, mut y_sum) = (0.0, 0.0, 0.0);
    for (x, y, w) in triples() {
        total += w;
        x_sum += w * x;
        y_sum += w * y;
    }
    let (x_mean, y_mean) = (x_sum / total, y_sum / total);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y, w) in triples() {
        let (x_rest, y_rest) = (x - x_mean, y - y_mean);
        xx += w * x_rest * x_rest;
        yy += w * y_rest * y_rest;
        xy += w * x_rest * y_rest;
    }
    // What rounding of a constant leaves over is no spread.
    let rounding = |mean: f64| total * (4.0 * f64::EPSILON * mean).powi(2);
    if !(xx > rounding(x_mean) && yy > rounding(y_mean)) {
        return f64::NAN;
    }
    (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0)
}

/// Spearman's rank correlation: Pearson's of the ranks, the middle of equal values for each of them.
///
/// A normal pair with correlation rho has 6 / pi asin(rho / 2).
#[must_use]
pub fn spearman(pairs: &Pairs, weights: &[f64]) -> f64 {
    let (x, y) = (middle_ranks(&pairs.x, weights), middle_ranks(&pairs.y, weights));
    weighted(|| x.iter().zip(&y).zip(weights).map(|((x, y), w)| (*x, *y, *w)))
}

/// The weight below each value, with half of that at it.
fn middle_ranks(margin: &Margin, weights: &[f64]) -> Vec<f64> {
    let mut ranks = vec![0.0; weights.len()];
    let mut below = 0.0;
    for group in margin.order.chunk_by(|a, b| margin.ranks[*a] == margin.ranks[*b]) {
        let here: f64 = group.iter().map(|position| weights[*position]).sum();
        for position in group {
            ranks[*position] = below + 0.5 * here;
        }
        below += here;
    }
    ranks
}

/// Kendall's rank correlation tau-b: pairs of dates that agree less those that disagree, over those without ties.
///
/// ```text
/// tau = sum_{i<j} w_i w_j sign((x_i - x_j)(y_i - y_j)) / sqrt(T_x T_y),   T the same sum of |sign| for one series alone
/// ```
///
/// in n log n operations by a tree of cumulative weights (W. R. Knight, JASA 61 (1966) 436-439, doi:10.1080/01621459.1966.10480879, sorts
/// instead). Any elliptical law with correlation rho has 2 / pi asin(rho): tau does not see fat tails.
#[must_use]
pub fn kendall(pairs: &Pairs, weights: &[f64]) -> f64 {
    let size = pairs.y.distinct();
    let mut tree = vec![0.0; size + 1];
    let (mut inserted, mut agreement) = (0.0, 0.0);
    for group in pairs.x.order.chunk_by(|a, b| pairs.x.ranks[*a] == pairs.x.ranks[*b]) {
        for position in group.iter().copied().filter(|position| weights[*position] != 0.0) {
            let rank = pairs.y.ranks[position];
            let below = cumulative(&tree, rank);
            let above = inserted - cumulative(&tree, rank + 1);
            agreement += weights[position] * (below - above);
        }
        for position in group.iter().copied().filter(|position| weights[*position] != 0.0) {
            let mut at = pairs.y.ranks[position] + 1;
            while at <= size {
                tree[at] += weights[position];
                at += at & at.wrapping_neg();
            }
            inserted += weights[position];
        }
    }
    let (x, y) = (untied(&pairs.x, weights), untied(&pairs.y, weights));
    if !(x > 0.0 && y > 0.0) {
        return f64::NAN;
    }
    (agreement / (x * y).sqrt()).clamp(-1.0, 1.0)
}

/// The weight of the first so many ranks.
fn cumulative(tree: &[f64], ranks: usize) -> f64 {
    let (mut sum, mut at) = (0.0, ranks);
    while at > 0 {
        sum += tree[at];
        at &= at - 1;
    }
    sum
}

/// The weight of pairs of observations whose values differ.
fn untied(margin: &Margin, weights: &[f64]) -> f64 {
    let (mut total, mut tied) = (0.0, 0.0);
    for group in margin.order.chunk_by(|a, b| margin.ranks[*a] == margin.ranks[*b]) {
        let here: f64 = group.iter().map(|position| weights[*position]).sum();
        total += here;
        tied += here * here;
    }
    let untied = 0.5 * (total * total - tied);
    if untied > 4.0 * f64::EPSILON * total * total { untied } else { 0.0 }
}

#[cfg(test)]
mod tests {
    //! Guards: ranks and counts by hand, with ties and weights; perfect dependence is 1 to the bit; a weight is a repetition.
    #![allow(clippy::float_cmp, clippy::unwrap_used, reason = "counts are whole numbers; a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn all(pairs: &Pairs) -> [f64; 3] {
        let weights = vec![1.0; pairs.len()];
        [pearson(pairs, &weights), spearman(pairs, &weights), kendall(pairs, &weights)]
    }

    #[test]
    fn by_hand() {
        // Ranks of y: 1.5, 1.5, 3, 4. Spearman: sums of squares 5 and 4.5, of products 4.5. Kendall: five of six pairs agree, one is tied in y.
        let pairs = Pairs::new([1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 7.0, 9.0]).unwrap();
        let [r, s, tau] = all(&pairs);
        assert!((r - 7.0 / 55.0_f64.sqrt()).abs() < 1e-15, "{r}");
        assert!((s - 4.5 / 22.5_f64.sqrt()).abs() < 1e-15, "{s}");
        assert!((tau - 5.0 / 30.0_f64.sqrt()).abs() < 1e-15, "{tau}");
    }

    #[test]
    fn perfect_dependence_is_one_to_the_bit() {
        let x: Vec<f64> = (0..101).map(|i| (f64::from(i) * 2.7).sin()).collect();
        let same = Pairs::new(x.clone(), x.clone()).unwrap();
        assert_eq!(all(&same), [1.0; 3]);
        let opposite = Pairs::new(x.clone(), x.iter().map(|x| -x).collect::<Vec<_>>()).unwrap();
        assert_eq!(all(&opposite), [-1.0; 3]);
        let monotone = Pairs::new(x.clone(), x.iter().map(|x| x.exp()).collect::<Vec<_>>()).unwrap();
        assert_eq!(all(&monotone)[1..], [1.0; 2]);
    }

    proptest! {
        #[test]
        fn a_weight_is_a_repetition(values in prop::collection::vec((-4..5_i32, -4..5_i32, 0..4_usize), 4..40)) {
            let repeated: Vec<(i32, i32)> =
                values.iter().flat_map(|(x, y, times)| std::iter::repeat_n((*x, *y), *times)).collect();
            let lists = |pairs: &[(i32, i32)]| -> (Vec<f64>, Vec<f64>) {
                pairs.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).unzip()
            };
            let once: Vec<(i32, i32)> = values.iter().map(|(x, y, _)| (*x, *y)).collect();
            let ((x, y), (x_all, y_all)) = (lists(&once), lists(&repeated));
            let (Ok(pairs), Ok(longhand)) = (Pairs::new(x, y), Pairs::new(x_all.clone(), y_all.clone())) else {
                return Ok(());
            };
            let weights: Vec<f64> = values.iter().map(|(_, _, times)| *times as f64).collect();
            let ones = vec![1.0; longhand.len()];
            for statistic in [pearson, spearman, kendall] {
                let (a, b) = (statistic(&pairs, &weights), statistic(&longhand, &ones));
                prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
            // Kendall's tau by its definition.
            let (mut agreement, mut x_untied, mut y_untied) = (0.0, 0.0, 0.0);
            for i in 0..x_all.len() {
                for j in 0..i {
                    let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
                    let (sx, sy) = (sign(x_all[i], x_all[j]), sign(y_all[i], y_all[j]));
                    agreement += sx * sy;
                    x_untied += sx * sx;
                    y_untied += sy * sy;
                }
            }
            let tau = agreement / f64::sqrt(x_untied * y_untied);
            prop_assert!((tau - kendall(&longhand, &ones)).abs() < 1e-12);
        }
    }
}
