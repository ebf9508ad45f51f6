//! Published vectors (`tests/kat_vectors`), put to the very code that streams run.

use super::counter::threefry;
use super::stream::{Generators, LANES, fill_words, start};
use super::{Digest, Stream, StreamKey};
use std::fmt::Write as _;

/// The fields behind the name, for each line about `subject`.
fn vectors(subject: &str) -> Vec<Vec<&'static str>> {
    let vectors: Vec<Vec<&str>> = include_str!("../../tests/kat_vectors")
        .lines()
        .filter(|line| line.split(' ').next() == Some(subject))
        .map(|line| line.split(' ').skip(1).collect())
        .collect();
    assert!(!vectors.is_empty(), "no vectors for {subject}");
    vectors
}

fn four(words: &[&str]) -> [u64; 4] {
    let words: Vec<u64> = words.iter().map(|word| u64::from_str_radix(word, 16).unwrap()).collect();
    words.try_into().unwrap()
}

#[test]
fn threefry_of_random123() {
    for vector in vectors("threefry4x64") {
        assert_eq!(vector[0], "20");
        let (counter, key) = (four(&vector[1..5]), four(&vector[5..9]));
        assert_eq!(threefry(key, counter), four(&vector[9..13]));
    }
}

/// Every lane, so that a fault in one part of a vector shows.
#[test]
fn xoshiro_of_the_reference_implementation() {
    for vector in vectors("xoshiro256++") {
        let words: Vec<u64> = vector.iter().map(|word| word.parse().unwrap()).collect();
        let mut generators = Generators::of(|word, _| words[word]);
        for expected in &words[4..] {
            let mut drawn = [0; LANES];
            fill_words(&mut generators, &mut drawn);
            assert_eq!(drawn, [*expected; LANES]);
        }
    }
}

#[test]
fn fnv_of_the_reference_implementation() {
    for vector in vectors("fnv1a128") {
        let mut digest = Digest::new();
        digest.write_str(vector[0].trim_matches('"')).unwrap();
        assert_eq!(digest.value(), u128::from_str_radix(vector[1], 16).unwrap());
    }
}

/// Lane l of block b starts from Threefry of (seed, name, 64 b + l), the first lane of the first counter being a
/// published vector.
#[test]
fn lanes_start_as_documented() {
    let mut generators = Generators::of(|_, _| 0);
    start([0; 4], &mut generators);
    let zero = vectors("threefry4x64").into_iter().find(|v| four(&v[1..5]) == [0; 4]).unwrap();
    let expected = four(&zero[9..13]);
    assert_eq!(
        generators,
        Generators::of(|word, lane| {
            if lane == 0 { expected[word] } else { threefry([0; 4], [0, 0, 0, lane as u64])[word] }
        })
    );

    let hash = 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964_u128;
    let (seed, block) = (42, 1_000_003);
    let mut expected = Generators::of(|word, lane| {
        threefry([0; 4], [seed, (hash >> 64) as u64, hash as u64, block * 64 + lane as u64])[word]
    });
    let (mut ours, mut theirs) = ([0; LANES], [0; LANES]);
    Stream::new(&StreamKey::new(seed, "a"), block).words(&mut ours);
    fill_words(&mut expected, &mut theirs);
    assert_eq!(ours, theirs);
}

/// Key (name, seed, 1), counter (path, index, 0, 0).
#[test]
fn events_are_keyed_as_documented() {
    let hash = 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964_u128;
    let key = [(hash >> 64) as u64, hash as u64, 42, 1];
    assert_eq!(StreamKey::new(42, "a").event(7, 9), threefry(key, [7, 9, 0, 0]));
}
