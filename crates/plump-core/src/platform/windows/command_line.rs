//! Command lines and environments in the form that Windows passes them: one string each.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStrExt;

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const SPACE: u16 = b' ' as u16;
const EQUALS: u16 = b'=' as u16;

/// A string as UTF-16 with a zero at its end.
pub(super) fn wide(string: &OsStr) -> io::Result<Vec<u16>> {
    let mut wide = units(string)?;
    wide.push(0);
    Ok(wide)
}

/// The program and its arguments, quoted as the C runtime takes them apart again.
pub(super) fn command_line(program: &OsStr, arguments: &[OsString]) -> io::Result<Vec<u16>> {
    let mut line = Vec::new();
    // The program's name is taken up to the next quote: nothing can be escaped in it, and no path contains one.
    line.push(QUOTE);
    line.extend(units(program)?);
    line.push(QUOTE);
    for argument in arguments {
        line.push(SPACE);
        append_quoted(&mut line, &units(argument)?);
    }
    line.push(0);
    Ok(line)
}

/// Backslashes are ordinary except before a quote, where they count double.
fn append_quoted(line: &mut Vec<u16>, argument: &[u16]) {
    line.push(QUOTE);
    let mut backslashes = 0;
    for &unit in argument {
        if unit == QUOTE {
            line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
        }
        backslashes = if unit == BACKSLASH {
            backslashes + 1
        } else {
            0
        };
        line.push(unit);
    }
    line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
    line.push(QUOTE);
}

/// `NAME=value` entries, each with a zero at its end, sorted by name, and one more zero.
pub(super) fn environment(variables: &[(OsString, OsString)]) -> io::Result<Vec<u16>> {
    let mut sorted: Vec<_> = variables.iter().collect();
    sorted.sort_by_key(|(name, _)| name.to_ascii_uppercase());
    let mut block = Vec::new();
    for (name, value) in sorted {
        block.extend(units(name)?);
        block.push(EQUALS);
        block.extend(units(value)?);
        block.push(0);
    }
    if block.is_empty() {
        block.push(0);
    }
    block.push(0);
    Ok(block)
}

fn units(string: &OsStr) -> io::Result<Vec<u16>> {
    let units: Vec<u16> = string.encode_wide().collect();
    if units.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} contains a zero", string.display()),
        ));
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let line = command_line(OsStr::new(r"C:\a b\node.exe"), &arguments).expect("a line");
        String::from_utf16(&line).expect("text")
    }

    #[test]
    fn every_argument_is_quoted() {
        assert_eq!(
            line(&["x", "", "two words"]),
            "\"C:\\a b\\node.exe\" \"x\" \"\" \"two words\"\0"
        );
    }

    #[test]
    fn quotes_and_the_backslashes_before_them_are_escaped() {
        assert_eq!(
            line(&[r#"say "hi""#, r"C:\dir\", r#"a\\"b"#]),
            "\"C:\\a b\\node.exe\" \"say \\\"hi\\\"\" \"C:\\dir\\\\\" \"a\\\\\\\\\\\"b\"\0"
        );
    }

    #[test]
    fn an_environment_is_sorted_and_ends_with_two_zeros() {
        let variables = [("b", "2"), ("A", "1")].map(|(name, value)| (name.into(), value.into()));
        let block = environment(&variables).expect("a block");
        assert_eq!(String::from_utf16(&block).expect("text"), "A=1\0b=2\0\0");
        assert_eq!(environment(&[]).expect("a block"), [0, 0]);
    }

    #[test]
    fn a_zero_is_refused() {
        assert!(command_line(OsStr::new("a\0b"), &[]).is_err());
        assert!(environment(&[("a".into(), "\0".into())]).is_err());
    }
}
