//! Prints what is generated from the core's lists: `cargo run -p plump-core --bin lists -- NAME`, with NAME one of
//! `codes-ts` (src/generated/codes.ts), `limits-ts` (src/generated/limits.ts), `errors-md` (docs/errors.md).

use std::fmt::Write as _;
use std::process::ExitCode;

use plump_core::errors::ErrorKind;
use plump_core::{call_states, limits};

/// The limits that TypeScript looks at too, before a value crosses over.
const SHARED_LIMITS: &[(&str, usize)] = &[
    ("maxCommandNameBytes", limits::MAX_COMMAND_NAME_BYTES),
    ("maxCommands", limits::MAX_COMMANDS),
    ("maxCauseBytes", limits::MAX_CAUSE_BYTES),
    ("maxQueueNameBytes", limits::MAX_QUEUE_NAME_BYTES),
    ("maxMailboxEvents", limits::MAILBOX_EVENTS),
    ("maxWorkers", limits::MAX_WORKERS),
    ("placesAhead", limits::PLACES_AHEAD),
    ("maxCallPlaces", call_states::MAX_PLACES),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let text = match name.as_str() {
        "codes-ts" => codes_ts(),
        "limits-ts" => limits_ts(),
        "errors-md" => errors_md(),
        _ => {
            eprintln!("usage: lists codes-ts | limits-ts | errors-md");
            return ExitCode::FAILURE;
        }
    };
    print!("{text}");
    ExitCode::SUCCESS
}

fn codes_ts() -> String {
    let mut text = String::from(
        "// Generated from crates/plump-core/src/errors.rs by `npm run generate`; edit the list there.\n\n\
         /** The stable codes of all errors of plump-ipc. docs/errors.md says what to do about each. */\n\
         export type PlumpErrorCode =\n",
    );
    for kind in ErrorKind::ALL {
        let _ = writeln!(text, "  | '{}'", kind.code());
    }
    text.push_str(
        "\n/** Names of the classes in which errors reach the user. */\n\
         export type ErrorClassName =\n  \
           | 'PlumpError'\n  \
           | 'PlumpConnectionError'\n  \
           | 'PlumpWorkerError'\n  \
           | 'PlumpSerializationError'\n  \
           | 'PlumpTimeoutError'\n  \
           | 'PlumpAbortError'\n\n\
         export interface CodeEntry {\n  \
           /** Travels between Rust and TypeScript in place of the code. */\n  \
           readonly number: number\n  \
           readonly class: ErrorClassName\n  \
           /** What happened, in one sentence. */\n  \
           readonly summary: string\n  \
           /** What to do about it, in one sentence. */\n  \
           readonly remedy: string\n}\n\n\
         export const codes: Readonly<Record<PlumpErrorCode, CodeEntry>> = {\n",
    );
    for kind in ErrorKind::ALL {
        let _ = writeln!(
            text,
            "  {}: {{\n    number: {},\n    class: '{}',\n    summary: {},\n    remedy: {},\n  }},",
            kind.code(),
            *kind as u16,
            kind.class().name(),
            quoted(kind.summary()),
            quoted(kind.remedy()),
        );
    }
    text.push_str(
        "}\n\n/** Codes by their number; the place of number 0 is empty. */\n\
         export const codeOfNumber: readonly (PlumpErrorCode | undefined)[] = [\n  undefined,\n",
    );
    for kind in ErrorKind::ALL {
        let _ = writeln!(text, "  '{}',", kind.code());
    }
    text.push_str("]\n");
    text
}

fn limits_ts() -> String {
    let mut text = String::from(
        "// Generated from crates/plump-core/src/limits.rs by `npm run generate`; edit the list there.\n\n\
         /** The limits that TypeScript looks at too, before a value crosses over. */\nexport const limits = {\n",
    );
    for (name, value) in SHARED_LIMITS {
        let _ = writeln!(text, "  {name}: {},", separated(*value));
    }
    text.push_str("} as const\n");
    text
}

fn errors_md() -> String {
    let mut text = String::from(
        "<!-- Generated from crates/plump-core/src/errors.rs by `npm run generate`; edit the list there. -->\n\n\
         # Errors\n\n\
         Every error of plump-ipc is a `PlumpError` or one of its subclasses and has a `code` that never changes:\n\
         match on that, not on the message. `remedy` is the sentence that stands under \"What to do\" here.\n\
         What a handler throws is not listed: it reaches the caller as it was thrown.\n",
    );
    for kind in ErrorKind::ALL {
        let _ = write!(
            text,
            "\n## {}\n\nClass: `{}`\n\n**What happened.** {}\n\n**What to do.** {}\n",
            kind.code(),
            kind.class().name(),
            kind.summary(),
            kind.remedy(),
        );
    }
    text
}

/// A TypeScript string literal, in the quotes that prettier would choose.
fn quoted(sentence: &str) -> String {
    let quote = if sentence.matches('\'').count() > sentence.matches('"').count() {
        '"'
    } else {
        '\''
    };
    let mut text = String::from(quote);
    for character in sentence.chars() {
        if character == quote || character == '\\' {
            text.push('\\');
        }
        text.push(character);
    }
    text.push(quote);
    text
}

/// A number with `_` between its thousands, as prettier leaves and people read it.
fn separated(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
