// A line as small as a word, in a table or under a number.

export interface SparklineProps {
  /** What it shows, in words. */
  label: string;
  /** null where there was nothing. */
  values: readonly (number | null)[];
  tone?: "accent" | "bad" | "dim";
}

const WIDTH = 100;
const HEIGHT = 24;

export function Sparkline({ label, values, tone = "accent" }: SparklineProps) {
  const most = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  const line = path(values, most || 1);
  const isWhole = values.length > 1 && !values.includes(null);
  return (
    <svg
      class={`sparkline sparkline-${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {isWhole && <path class="sparkline-area" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />}
      <path class="sparkline-line" d={line} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

function path(values: readonly (number | null)[], most: number): string {
  const step = WIDTH / Math.max(values.length - 1, 1);
  let isDown = false;
  const parts = values.map((value, index) => {
    if (value === null) {
      isDown = false;
      return "";
    }
    const point = `${(index * step).toFixed(1)} ${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`;
    const part = `${isDown ? "L" : "M"}${point}`;
    isDown = true;
    return part;
  });
  return parts.join("");
}
