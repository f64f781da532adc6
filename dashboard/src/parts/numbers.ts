// Numbers as people read them, in the browser's language.

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const decimal = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** All digits: 1,234,567. */
export function count(value: number): string {
  return whole.format(value);
}

/** Three digits: 1.23M. */
export function compact(value: number): string {
  return Math.abs(value) < 1000 ? decimal.format(value) : short.format(value);
}

/** A part of one as percent: 0.123 is 12.3 %. */
export function percent(part: number): string {
  return points(part * 100);
}

/** What is in percent already. */
export function points(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} %`;
}

/** A length of time: 350 µs, 12.3 ms, 4.5 s, 2 min 5 s, 3 h 20 min, 4 d 2 h. */
export function duration(milliseconds: number): string {
  const [ms, sign] = [Math.abs(milliseconds), milliseconds < 0 ? "−" : ""];
  if (ms === 0) return "0 s";
  if (ms < 1) return `${sign}${decimal.format(ms * 1000)} µs`;
  if (ms < 1000) return `${sign}${decimal.format(ms)} ms`;
  if (ms < 60_000) return `${sign}${decimal.format(ms / 1000)} s`;
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1000, "s"],
  ];
  const first = units.findIndex(([size]) => ms >= size);
  const shown = units.slice(first, first + 2);
  let rest = ms;
  const told = shown.map(([size, name]) => {
    const many = Math.floor(rest / size);
    rest -= many * size;
    return many ? `${many} ${name}` : "";
  });
  return sign + told.filter(Boolean).join(" ");
}

/** Bytes: 1.5 MiB. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [rest, unit] = [value, 0];
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${decimal.format(rest)} ${units[unit]}`;
}
