"""The shared op library and what both modes need to know: specs, records, dispatch, gradients. Knows numpy only."""
