//! Any bytes as a stream of events: never a panic, and the same parts over any cut.
//! Run with `make fuzz TARGETS=sse`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::client::sse::Parser;

fuzz_target!(|given: (&[u8], u8)| {
    let (bytes, size) = given;
    let whole = Parser::default().push(bytes);
    let mut parser = Parser::default();
    let mut parts = Vec::new();
    for piece in bytes.chunks(usize::from(size).max(1)) {
        match parser.push(piece) {
            Ok(more) => parts.extend(more),
            Err(error) => {
                assert_eq!(whole, Err(error));
                return;
            }
        }
    }
    assert_eq!(whole, Ok(parts));
});
