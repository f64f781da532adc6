// Text in which the words that were sought are marked.

import { useMemo } from "preact/hooks";

/** Text that is longer is shown as far as this. */
const LONGEST = 2000;

export function Marked({ text, words }: { text: string; words: readonly string[] }) {
  const pattern = useMemo(
    () => (words.length ? new RegExp(`(${words.map(escaped).join("|")})`, "gi") : null),
    [words],
  );
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  if (!pattern) return <>{shown}</>;
  // every second piece is one of the words
  const pieces = shown.split(pattern);
  return <>{pieces.map((piece, at) => (at % 2 ? <mark key={`${at}`}>{piece}</mark> : piece))}</>;
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The words and phrases of a query that messages must have: neither those of a field nor those that must not be there. */
export function wordsOf(query: string): string[] {
  const parts = query.match(/[-\w.@]+:(?:"[^"]*"?|\([^)]*\)?|\S+)|-?"[^"]*"?|[^\s()]+/g) ?? [];
  const words: string[] = [];
  let isNegated = false;
  for (const part of parts) {
    const isOperator = part === "AND" || part === "OR" || part === "NOT";
    const isWord = !isOperator && !part.startsWith("-") && !/^[-\w.@]+:/.test(part);
    const word = part.replace(/^"|"$|\*$/g, "").trim();
    if (isWord && !isNegated && word) words.push(word);
    isNegated = part === "NOT";
  }
  return words;
}
