//! Threefry-4x64-20: a bijection of 256 bits that looks random.

/// Key schedule parity constant of Threefish (Skein 1.3).
const PARITY: u64 = 0x1BD1_1BDA_A9FC_1A22;
const ROTATIONS: [[u32; 2]; 8] = [[14, 16], [52, 57], [23, 40], [5, 37], [25, 33], [46, 12], [58, 22], [32, 32]];

/// Threefry-4x64-20 (J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
/// 3", SC'11, doi:10.1145/2063384.2063405): for each key a bijection of the counter.
#[inline(always)]
pub(crate) fn threefry(key: [u64; 4], counter: [u64; 4]) -> [u64; 4] {
    let schedule = [key[0], key[1], key[2], key[3], PARITY ^ key[0] ^ key[1] ^ key[2] ^ key[3]];
    let mut x = counter;
    for word in 0..4 {
        x[word] = x[word].wrapping_add(schedule[word]);
    }
    for injection in 1..=5 {
        for round in 0..4 {
            let [r0, r1] = ROTATIONS[(4 * (injection - 1) + round) % 8];
            let (a, b) = if round % 2 == 0 { (1, 3) } else { (3, 1) };
            x[0] = x[0].wrapping_add(x[a]);
            x[a] = x[a].rotate_left(r0) ^ x[0];
            x[2] = x[2].wrapping_add(x[b]);
            x[b] = x[b].rotate_left(r1) ^ x[2];
        }
        for word in 0..4 {
            x[word] = x[word].wrapping_add(schedule[(injection + word) % 5]);
        }
        x[3] = x[3].wrapping_add(injection as u64);
    }
    x
}
