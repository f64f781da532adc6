// A template: its words, and where they vary.

/** What a variable looks like: `<num>`, `<duration>`, `<*>`. */
const VARIABLE = /(<[^<>\s]{1,24}>)/;

export function Template({ text }: { text: string }) {
  const pieces = text.split(VARIABLE);
  return (
    <code class="template">{pieces.map((piece, at) => (at % 2 ? <i key={at}>{piece}</i> : piece))}</code>
  );
}
