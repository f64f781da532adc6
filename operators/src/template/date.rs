//! Dates that name their month: `Jun 3 15:42:50 2005`, `Fri, 08 Jul 2005`, `Thu Aug 11 11:15:58 PDT 2005`.

const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const ZONES: [&[u8]; 12] =
    [b"UTC", b"GMT", b"EST", b"EDT", b"CST", b"CDT", b"MST", b"MDT", b"PST", b"PDT", b"CET", b"CEST"];

/// Where the date ends that begins at `at` with the name of a weekday or month; it has a month and a number at least.
pub(super) fn end(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut has_month, mut has_number, mut end) = (false, false, None);
    let mut next = at;
    loop {
        let length = bytes[next..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b':').count();
        let word = &bytes[next..next + length];
        if !has_month && MONTHS.contains(&word) {
            has_month = true;
        } else if next > at && is_number(word) {
            has_number = true;
        } else {
            let goes_on = if next == at { WEEKDAYS.contains(&word) } else { has_number && ZONES.contains(&word) };
            if !goes_on {
                return end;
            }
        }
        next += length;
        if has_month && has_number {
            end = Some(next);
        }
        let gap = bytes[next..].iter().take_while(|byte| matches!(byte, b' ' | b',')).count();
        if !(1..=2).contains(&gap) {
            return end;
        }
        next += gap;
    }
}

/// A day, a year or a clock time.
fn is_number(word: &[u8]) -> bool {
    let digits = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    match word.len() {
        1 | 2 | 4 => digits(word),
        5 | 8 => word.split(|byte| *byte == b':').all(|part| part.len() == 2 && digits(part)),
        _ => false,
    }
}
