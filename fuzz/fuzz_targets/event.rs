//! Any text as a stored event: what can be read is written back to an event that reads the same, with its type in front.
//! Run with `make fuzz TARGETS=event`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::domain::event::{Event, type_of};

fuzz_target!(|text: &str| {
    // Reads the front of a body without parsing it: any text must do.
    let _ = type_of(text);
    if let Ok(event) = serde_json::from_str::<Event>(text) {
        let body = event.to_body();
        assert_eq!(type_of(&body), event.kind());
        assert_eq!(serde_json::from_str::<Event>(&body).expect("a written event can be read"), event);
    }
});
