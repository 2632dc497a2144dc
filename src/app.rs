//! Composition root: reads as the boot sequence.
