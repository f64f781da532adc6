//! One value at a time: how surprising is the next value of a stream of numbers?
