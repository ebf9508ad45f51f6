//! Threefry-4x64-20: a bijection of 256 bits that looks random.

/// Key schedule parity constant of Threefish (Skein 1.3).
const PARITY: u64 = 0x1BD1_1BDA_A9FC_1A22;
const ROTATIONS: [[u32; 2]; 8] = [[14, 16], [52, 57], [23, 40], [5, 37], [25, 33], [46, 12], [58, 22], [32, 32]];

/// Threefry-4x64-20 (J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
/// 3", SC'11, doi:10.1145/2063384.2063405): for each key a bijection of the counter.
#[inline(always)]
pub(crate) fn threefry(key: [u64; 4], counter: [u64; 4]) -> [u64; 4] {
    let schedule = [key[0], key[1], key[2], key[3], PARITY ^ key[0] ^ key[1] ^ key[2] ^ key[3]];
    let [mut a, mut b, mut c, mut d] = counter;
    a = a.wrapping_add(schedule[0]);
    b = b.wrapping_add(schedule[1]);
    c = c.wrapping_add(schedule[2]);
    d = d.wrapping_add(schedule[3]);
    // Written out: with the words in an array that is indexed by the round, the loop over lanes stayed scalar.
    macro_rules! four_rounds {
        ($injection:literal) => {
            let rotations = &ROTATIONS[4 * (($injection - 1) % 2)..];
            a = a.wrapping_add(b);
            b = b.rotate_left(rotations[0][0]) ^ a;
            c = c.wrapping_add(d);
            d = d.rotate_left(rotations[0][1]) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(rotations[1][0]) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(rotations[1][1]) ^ c;
            a = a.wrapping_add(b);
            b = b.rotate_left(rotations[2][0]) ^ a;
            c = c.wrapping_add(d);
            d = d.rotate_left(rotations[2][1]) ^ c;
            a = a.wrapping_add(d);
            d = d.rotate_left(rotations[3][0]) ^ a;
            c = c.wrapping_add(b);
            b = b.rotate_left(rotations[3][1]) ^ c;
            a = a.wrapping_add(schedule[$injection % 5]);
            b = b.wrapping_add(schedule[($injection + 1) % 5]);
            c = c.wrapping_add(schedule[($injection + 2) % 5]);
            d = d.wrapping_add(schedule[($injection + 3) % 5]).wrapping_add($injection);
        };
    }
    four_rounds!(1);
    four_rounds!(2);
    four_rounds!(3);
    four_rounds!(4);
    four_rounds!(5);
    [a, b, c, d]
}
