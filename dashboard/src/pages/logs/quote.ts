// Conditions, as the query syntax has them.

/** That a field has just this value. */
export function is(field: string, value: string): string {
  const isPlain = /^[A-Za-z0-9_-]+$/.test(value) && !/^(AND|OR|NOT)$|^-/.test(value);
  return `${field}:${isPlain ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`}`;
}

/** A query, and one more condition. */
export function and(query: string, condition: string): string {
  const before = query.trim();
  if (!before || before === "*") return condition;
  // OR binds less than what is added would
  return /\bOR\b/.test(before) ? `(${before}) ${condition}` : `${before} ${condition}`;
}
