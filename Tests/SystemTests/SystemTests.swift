import Testing

/// Every test that uses a real fleet, one after the other.
@Suite(.serialized) enum SystemTests {}
