//! What a seed means: the digest of every result of small runs, minted once. Any change of a stream, a kernel, a model or
//! an aggregation shows here. If it is meant, it is a *value change*: mint anew and say why in the CHANGELOG.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/workloads/model.rs"]
mod model;

use haircut::sample::Digest;
use std::fmt::Write as _;

/// FNV-1a of the bits of the results, in order.
fn digest(work: &str) -> u128 {
    let mut digest = Digest::new();
    for value in model::run(work, 3000, 20_260_630, 2).unwrap() {
        write!(digest, "{:016x}", value.to_bits()).unwrap();
    }
    digest.value()
}

#[test]
fn seeds_mean_what_they_meant() {
    let golden = [
        ("W1", 0xf36d_4eb6_2ca4_0f04_c6ca_5fbf_d967_a8ea),
        ("W2", 0x67bb_e2a9_b34d_c770_1843_82d1_b5b3_09ea),
        ("W3", 0xcfb5_0943_86f6_b797_b0f6_073f_2213_92a3),
        ("W3m", 0xe658_4d23_68e1_44f2_3459_80d2_72f0_3d0b),
        ("S1", 0xa435_8a7e_032d_92e1_b319_9c26_3ecb_a59f),
        ("S1t", 0x04e9_ff23_2f54_5648_0824_b1fb_c911_65f7),
    ];
    let now = golden.map(|(work, _)| (work, digest(work)));
    assert!(now == golden, "{}", now.map(|(work, digest)| format!("\n(\"{work}\", {digest:#034x}),")).concat());
}
