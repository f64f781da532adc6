// Which colour is what.

export interface LegendEntry {
  name: string;
  swatch: string;
}

export function Legend({ entries }: { entries: readonly LegendEntry[] }) {
  return (
    <ul class="legend">
      {entries.map(({ name, swatch }) => (
        <li key={name}>
          <i class={`swatch swatch-${swatch}`} aria-hidden="true" />
          {name}
        </li>
      ))}
    </ul>
  );
}
