//! Rice coding of sequences of numbers: a number takes about two bits more than the mean has.
//!
//! A sequence starts with 5 bits: `k`, the number of low bits that each number has in binary. The rest of a number, shifted
//! right by `k`, is unary: as many ones, then a zero. With `k` from the mean, the ones are less than two per number.
//! Source: R. F. Rice, "Some Practical Universal Noiseless Coding Techniques", JPL 79-22, 1979.

const K_BITS: u32 = 5;

/// Writes sequences of numbers, one after the other.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet, the first one lowest.
    buffer: u64,
    bits: u32,
}

impl Writer {
    pub fn write(&mut self, numbers: &[u32]) {
        let sum: u64 = numbers.iter().map(|n| u64::from(*n)).sum();
        let Some(mean) = sum.checked_div(numbers.len() as u64) else { return };
        let k = mean.checked_ilog2().unwrap_or(0);
        self.push(k.into(), K_BITS);
        for number in numbers {
            let mut ones = number >> k;
            while ones >= 31 {
                self.push((1 << 31) - 1, 31);
                ones -= 31;
            }
            self.push((1 << ones) - 1, ones + 1);
            self.push(u64::from(*number) & ((1 << k) - 1), k);
        }
    }

    /// Appends the `bits` low bits of `value`, at most 32. Its other bits are 0.
    fn push(&mut self, value: u64, bits: u32) {
        self.buffer |= value << self.bits;
        self.bits += bits;
        while self.bits >= 8 {
            self.bytes.push(self.buffer as u8);
            self.buffer >>= 8;
            self.bits -= 8;
        }
    }

    pub fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            self.bytes.push(self.buffer as u8);
        }
        self.bytes
    }
}

/// Reads the sequences that a [`Writer`] wrote.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: std::slice::Iter<'a, u8>,
    buffer: u64,
    bits: u32,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), buffer: 0, bits: 0 }
    }

    /// The next sequence, of `n` numbers; `None` if the bytes end before, or a number is too large.
    pub fn read(&mut self, n: usize) -> Option<Vec<u32>> {
        if n == 0 {
            return Some(Vec::new());
        }
        let k = u32::try_from(self.take(K_BITS)?).ok()?;
        let mut numbers = Vec::new();
        for _ in 0..n {
            let high = self.ones()?.checked_shl(k).filter(|high| *high <= u64::from(u32::MAX))?;
            numbers.push(u32::try_from(high | self.take(k)?).ok()?);
        }
        Some(numbers)
    }

    /// Whether all bytes were read.
    pub fn is_at_end(&self) -> bool {
        self.bytes.len() == 0 && self.bits < 8
    }

    fn take(&mut self, bits: u32) -> Option<u64> {
        self.fill();
        if self.bits < bits {
            return None;
        }
        let value = self.buffer & ((1 << bits) - 1);
        self.drop(bits);
        Some(value)
    }

    /// The number of ones before the next zero. The zero is read too.
    fn ones(&mut self) -> Option<u64> {
        let mut ones = 0;
        loop {
            self.fill();
            let run = self.buffer.trailing_ones().min(self.bits);
            ones += u64::from(run);
            self.drop(run);
            if self.bits > 0 {
                self.drop(1);
                return Some(ones);
            }
            if self.bytes.len() == 0 {
                return None;
            }
        }
    }

    fn fill(&mut self) {
        while self.bits <= 56
            && let Some(byte) = self.bytes.next()
        {
            self.buffer |= u64::from(*byte) << self.bits;
            self.bits += 8;
        }
    }

    fn drop(&mut self, bits: u32) {
        self.buffer = self.buffer.checked_shr(bits).unwrap_or(0);
        self.bits -= bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sequences_round_trip(
            first in prop::collection::vec(any::<u32>(), 0..40),
            second in prop::collection::vec(0u32..300_000, 0..40),
            third in prop::collection::vec(prop_oneof![Just(0u32), Just(u32::MAX), 0u32..9], 0..40),
        ) {
            let all = [first, second, third];
            let mut writer = Writer::default();
            all.iter().for_each(|numbers| writer.write(numbers));
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            for numbers in all {
                prop_assert_eq!(reader.read(numbers.len()), Some(numbers));
            }
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn damaged_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), n in 0usize..100) {
            let mut reader = Reader::new(&bytes);
            while n > 0 && reader.read(n).is_some() {}
        }
    }

    #[test]
    fn a_number_takes_about_the_bits_of_the_mean() {
        let numbers: Vec<u32> = (0..1000).map(|n| 200_000 + n * 100).collect();
        let mut writer = Writer::default();
        writer.write(&numbers);
        // 17 bits in binary, and the rest is 1 or 2: two or three bits.
        let bits = 8 * writer.finish().len();
        assert!((19_000..20_100).contains(&bits), "{bits} bits");
        assert_eq!(Reader::new(&[]).read(1), None);
    }
}
