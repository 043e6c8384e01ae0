//! Which place of a pool a key belongs to: rendezvous hashing. When a place comes or goes, only the keys move that belong to
//! it: one in `n`.

/// Mixes all bits of a word into all others (the last step of `SplitMix64`).
fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The place of a key among those that there are; `None` among none.
#[must_use]
pub fn place_of(key: u64, places: &[u32]) -> Option<u32> {
    places
        .iter()
        .copied()
        .max_by_key(|place| mixed(key ^ mixed(u64::from(*place) + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_evenly() {
        let places: Vec<u32> = (0..8).collect();
        let mut counts = [0_u32; 8];
        for key in 0..80_000 {
            counts[place_of(mixed(key), &places).unwrap() as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_000..11_000).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn only_the_keys_of_a_place_that_goes_move_and_only_to_one_that_comes() {
        let (all, fewer) = ([0, 1, 2, 3], [0, 1, 3]);
        for key in (0..10_000).map(mixed) {
            let (before, after) = (place_of(key, &all), place_of(key, &fewer));
            if before != Some(2) {
                assert_eq!(before, after);
            }
        }
        let moved = (0..10_000)
            .map(mixed)
            .filter(|key| place_of(*key, &fewer) != place_of(*key, &all))
            .count();
        assert!((2_300..2_700).contains(&moved), "{moved}");
    }

    #[test]
    fn without_places_there_is_none() {
        assert_eq!(place_of(1, &[]), None);
    }
}
