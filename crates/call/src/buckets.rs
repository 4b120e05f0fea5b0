//! Log-linear buckets: the histogram under [`RunningQuantile`](crate::RunningQuantile), for who keeps counts of its own.
//!
//! Values below 32 have a bucket each; above, every octave is cut into 32, so that a bucket is at most 1/32 of its value
//! wide. Values of 2^40 and more (12 days in microseconds) share the last bucket.

/// Values below this have a bucket each, and every octave above has as many.
const SUB: u64 = 32;
const SUB_BITS: u32 = SUB.trailing_zeros();
const MAX_BITS: u32 = 40;

/// How many buckets there are.
pub const COUNT: usize = (SUB * (MAX_BITS - SUB_BITS + 1) as u64) as usize;

/// The bucket of a value.
pub fn of(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    if value < SUB {
        return value as usize;
    }
    let octave = u64::from(value.ilog2() - SUB_BITS);
    let within = (value >> octave) - SUB;
    (SUB * (octave + 1) + within) as usize
}

/// The lowest value of a bucket, and how many values share it.
pub fn bounds(index: usize) -> (u64, u64) {
    let index = index as u64;
    if index < SUB {
        return (index, 1);
    }
    let octave = index / SUB - 1;
    ((SUB + index % SUB) << octave, 1 << octave)
}

/// The quantile (between 0 and 1) of values counted in buckets; `None` if there are none.
pub fn quantile(counts: impl Iterator<Item = u64> + Clone, quantile: f64) -> Option<u64> {
    let total: u64 = counts.clone().sum();
    if total == 0 {
        return None;
    }
    let rank = quantile * total as f64;
    let mut seen = 0.0;
    for (index, count) in counts.enumerate().filter(|(_, count)| *count > 0) {
        let here = count as f64;
        if seen + here >= rank {
            let (low, width) = bounds(index);
            return Some(low + ((rank - seen) / here * width as f64) as u64);
        }
        seen += here;
    }
    // Another thread added between the two passes; the largest value is near enough.
    Some(bounds(COUNT - 1).0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_nothing_there_is_no_quantile() {
        assert_eq!(quantile([0; COUNT].into_iter(), 0.5), None);
    }

    proptest! {
        #[test]
        fn a_value_lies_in_its_own_bucket(value in any::<u64>()) {
            let (low, width) = bounds(of(value));
            let value = value.min((1 << MAX_BITS) - 1);
            prop_assert!(low <= value && value < low + width);
            prop_assert!(width == 1 || width * SUB <= low);
        }
    }
}
