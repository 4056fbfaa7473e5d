//! Dates and times as texts: noticed, and in ISO 8601 turned into seconds.

use crate::grammar::named;

named! {
    /// What becomes of a column of dates or times.
    #[derive(Default)]
    pub enum Dates as "treatment of dates" {
        /// An error that names the column.
        #[default]
        Error = "error",
        /// Seconds since 1970 in UTC, of dates as 2026-11-26 with or without 14:30:05.5Z; of a time
        /// alone the seconds since midnight.
        Seconds = "seconds",
    }
}

/// Whether a text is a time without a date.
pub(super) fn is_time_alone(text: &str) -> bool {
    clock_seconds(text.trim()).is_some()
}

/// Whether a text is a date, a time, or both; or would be, if it were possible: 25:00.
pub(super) fn is_date(text: &str) -> bool {
    if seconds(text).is_some() || is_clock(text) {
        return true;
    }
    // A day in some other order, with a time or without.
    let (day, time) = text.split_once([' ', 'T', ',']).unwrap_or((text, ""));
    let time = time.trim().trim_end_matches(['Z', 'z']);
    let is_time = |time: &str| {
        let clock = time.trim_end_matches(['A', 'P', 'M', 'a', 'p', 'm', '.']).trim();
        time.is_empty() || clock_seconds(clock).is_some()
    };
    let separators = ['-', '/', '.'];
    let parts = |text: &str| -> Vec<String> { text.split(separators).map(String::from).collect() };
    let numbers = |parts: &[String]| {
        parts.len() == 3
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
            && parts[..2].iter().all(|part| (1..=2).contains(&part.len()))
            && [2, 4].contains(&parts[2].len())
            && parts[..2].iter().any(|part| part.parse().is_ok_and(|n: u32| (1..=12).contains(&n)))
    };
    if (numbers(&parts(day)) && is_time(time)) || (text.contains(':') && is_time(text)) {
        return true;
    }
    // A month by its name between a day and a year.
    let words: Vec<&str> =
        text.split([' ', '-', '/', '.', ',']).filter(|word| !word.is_empty()).collect();
    let months = words.iter().filter(|word| is_month(word)).count();
    let others = words.iter().filter(|word| !is_month(word));
    months == 1
        && (2..=6).contains(&words.len())
        && others.clone().all(|word| word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':'))
}

/// Two or three numbers of two digits with colons between them.
fn is_clock(text: &str) -> bool {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let is_part = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    (2..=3).contains(&parts.len()) && parts.iter().all(is_part)
}

fn is_month(word: &str) -> bool {
    let months = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_lowercase();
    months.iter().any(|month| *month == word || (word.len() == 3 && month.starts_with(&word)))
}

/// Seconds since 1970 in UTC of a date in ISO 8601; of a time alone those since midnight.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let (day, time) = match text.split_once(['T', 't', ' ']) {
        Some((day, time)) => (day, time.trim()),
        None if text.contains(':') => return clock_seconds(text),
        None => (text, ""),
    };
    // The basic form, 20261126T143005.
    let is_basic = day.len() == 8 && !time.is_empty() && day.bytes().all(|b| b.is_ascii_digit());
    let (day, time) = match is_basic {
        true => (format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]), with_colons(time)),
        false => (day.to_string(), time.to_string()),
    };
    let (day, time) = (day.as_str(), time.as_str());
    let mut parts = day.split(['-', '/', '.']);
    let [year, month, date] = [parts.next()?, parts.next()?, parts.next()?];
    let whole = |text: &str, lens: &[usize]| {
        let is_number =
            lens.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (year, month, date) = (whole(year, &[4])?, whole(month, &[1, 2])?, whole(date, &[1, 2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lens = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let len = *lens.get(usize::try_from(month - 1).ok()?)?;
    if parts.next().is_some() || !(1..=len).contains(&date) {
        return None;
    }
    let of_day = if time.is_empty() { 0.0 } else { zoned_seconds(time)? };
    Some(days(year, month, date) as f64 * 86_400.0 + of_day)
}

/// A time in the basic form with colons in it; any other as it is.
fn with_colons(time: &str) -> String {
    let digits = time.bytes().take_while(u8::is_ascii_digit).count();
    let (clock, rest) = time.split_at(digits);
    match digits {
        4 => format!("{}:{}{rest}", &clock[..2], &clock[2..]),
        6 => format!("{}:{}:{}{rest}", &clock[..2], &clock[2..4], &clock[4..]),
        _ => time.to_string(),
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, by years that begin in March.
fn days(year: i64, month: i64, date: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + date - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

/// Seconds of a time with its zone, in UTC.
fn zoned_seconds(time: &str) -> Option<f64> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return clock_seconds(clock);
    }
    let Some(at) = time.rfind(['+', '-']) else { return clock_seconds(time) };
    let (clock, zone) = (time[..at].trim(), &time[at + 1..]);
    let zone = match zone.len() {
        2 => format!("{zone}:00"),
        4 if zone.is_ascii() => format!("{}:{}", &zone[..2], &zone[2..]),
        _ => zone.to_string(),
    };
    let offset = clock_seconds(&zone)?;
    Some(clock_seconds(clock)? - if time.as_bytes()[at] == b'-' { -offset } else { offset })
}

/// Seconds of hours, minutes and perhaps seconds.
fn clock_seconds(clock: &str) -> Option<f64> {
    let mut parts = clock.split(':');
    let mut next = |below: u32| {
        let part = parts.next()?;
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>().ok().filter(|&n| is_number && n < below)
    };
    let (hours, minutes) = (next(24)?, next(60)?);
    let seconds = match parts.next() {
        None => 0.0,
        Some(part) => {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            part.parse::<f64>().ok().filter(|&s| is_number && s < 61.0)?
        }
    };
    match parts.next() {
        None => Some(f64::from(hours * 3600 + minutes * 60) + seconds),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("2000-03-01", 951_868_800.0),
            ("2026-11-26T14:30:05.5Z", 1_795_703_405.5),
            ("2026-11-26 14:30", 1_795_703_400.0),
            ("2026-11-26 16:30:00+02:00", 1_795_703_400.0),
            ("2026/11/26 09:00:00 -0530", 1_795_703_400.0),
            ("1969-12-31", -86_400.0),
            ("12:30:15", 45_015.0),
            ("2026.11.26 14:30", 1_795_703_400.0),
            ("20261126T143005.5Z", 1_795_703_405.5),
            ("20261126T1430", 1_795_703_400.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["2026-13-01", "2023-02-29", "2026-11", "26-11-2026", "25:00", "12:3x", "2026-11-26-1"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn dates_are_noticed_in_many_orders() {
        for text in [
            "2026-11-26",
            "25:00",
            "12:61:00",
            "26.11.2026",
            "11/26/2026",
            "1/2/99",
            "26-Nov-2026",
            "Nov 26, 2026",
            "26 November 2026",
            "11/26/2026 2:30 PM",
            "14:30",
            "14:30:05",
            "2026-11-26T10:00:00",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in ["red", "1.5", "3", "A-1", "1.2.3.4", "10-20", "May", "99/99/9999", "a:b", ""] {
            assert!(!is_date(text), "{text}");
        }
    }
}
