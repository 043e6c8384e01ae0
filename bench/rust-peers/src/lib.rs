//! Nothing: `benches/` holds all there is.
