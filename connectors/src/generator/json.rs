//! Writing JSON by hand: a generated log is a dozen appends to a byte buffer.

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut n = 0;
    while n < 256 {
        pairs[n] = [digits[n / 16], digits[n % 16]];
        n += 1;
    }
    pairs
};

/// Appends `n` in decimal.
pub(super) fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while n >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
    // an even number of digits leaves nothing but the zero of "0" itself
    if n > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + n as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends hundredths as a decimal number: `1234` is `12.34`.
pub(super) fn hundredths(out: &mut Vec<u8>, n: u64) {
    number(out, n / 100);
    let [tens, ones] = PAIRS[(n % 100) as usize];
    out.extend_from_slice(&[b'.', tens, ones]);
}

/// Appends the three digits of a number below a thousand.
pub(super) fn three_digits(out: &mut Vec<u8>, n: u64) {
    let [tens, ones] = PAIRS[(n % 100) as usize];
    out.extend_from_slice(&[b'0' + (n / 100 % 10) as u8, tens, ones]);
}

/// Appends the sixteen hexadecimal digits of `n`.
pub(super) fn hex64(out: &mut Vec<u8>, n: u64) {
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(n.to_be_bytes()) {
        pair.copy_from_slice(&HEX[byte as usize]);
    }
    out.extend_from_slice(&digits);
}

/// `text` as it stands between the quotes of a JSON string.
pub(super) fn escaped(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_does() {
        for n in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 65_536, 1_000_000, u64::MAX - 1, u64::MAX] {
            assert_eq!(written(|out| number(out, n)), n.to_string());
            assert_eq!(written(|out| hex64(out, n)), format!("{n:016x}"));
        }
        assert_eq!(written(|out| hundredths(out, 1234)), "12.34");
        assert_eq!(written(|out| hundredths(out, 5)), "0.05");
        assert_eq!(written(|out| three_digits(out, 7)), "007");
    }

    #[test]
    fn escaped_text_reads_back() {
        let text = "a \"quote\", a \\, a\nline, a\ttab, a \u{1}, an ü";
        assert_eq!(serde_json::from_str::<String>(&format!("\"{}\"", escaped(text))).unwrap(), text);
    }
}
