//! Any text as a filter of a list: it may be refused, naming a place in it; what is read means the same when it is written out.
//! Run with `make fuzz TARGETS=filter`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::filter::{MAX_CHARS, parse};

fuzz_target!(|text: &str| match parse(text) {
    Ok(filter) => {
        let written = filter.to_string();
        // Written out it may be longer: what needs no quotes gets some.
        if written.chars().count() <= MAX_CHARS {
            assert_eq!(parse(&written).expect("what is written out can be read"), filter);
        }
    }
    Err(error) => assert!(error.place.position <= text.chars().count()),
});
