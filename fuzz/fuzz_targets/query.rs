//! Any text as a query string: it may be refused, naming a parameter, and it may not panic.
//! Run with `make fuzz TARGETS=query`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::http::query::{PageQuery, parse};

fuzz_target!(|text: &str| {
    if let Ok(page) = parse::<PageQuery>(text) {
        assert!((1..=200).contains(&page.limit.0));
    }
});
