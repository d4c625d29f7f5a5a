import Testing

/// Every test that measures what a fleet's clients get, or breaks something under load, one after
/// the other.
@Suite(.serialized) enum SystemTests {}

/// Tests on fleets that nobody sends requests to, and on none at all: some at once. Their time
/// limits include the wait for the others' fleets.
@Suite enum UnmeasuredTests {}
