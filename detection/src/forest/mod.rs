//! Isolation forests: how unlike the others is a row of a table?
