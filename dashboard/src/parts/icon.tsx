// Small drawings, 16 by 16, in the colour of the text around them. They never stand alone: text says the same.

const DRAWINGS = {
  overview: "M2 13.5h12M4 11V7.500M8 11V3M12 11V5.500",
  logs: "M2.500 4h11M2.500 8h11M2.500 12h7",
  anomalies: "M1.500 9.500h3l2-6 3 9 2-5 1 2h2",
  alerts:
    "M8 2a4 4 0 0 0-4 4c0 3.500-1.500 4.500-1.500 5.500h11C13.500 10.500 12 9.500 12 6a4 4 0 0 0-4-4M6.500 13.800h3",
  traces: "M2 3.500h7M5 8h6M8 12.500h6",
  patterns: "M2.500 2.500h4v4h-4zM9.500 2.500h4v4h-4zM2.500 9.500h4v4h-4zM9.500 11.500h4M11.500 9.500v4",
  pipeline: "M1.500 8h3M11.500 8h3M4.500 5.500h7v5h-7zM8 5.500V2.500M8 13.500v-3",
  login:
    "M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8M2.800 14c.5-3 2.600-4.200 5.200-4.200s4.700 1.200 5.200 4.200",
  sun: "M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M8 1.200v1.400M8 13.400v1.400M1.200 8h1.400M13.400 8h1.400M3.200 3.200l1 1M11.800 11.800l1 1M12.800 3.200l-1 1M4.200 11.800l-1 1",
  moon: "M13.500 9.600A5.800 5.800 0 0 1 6.400 2.500a5.800 5.800 0 1 0 7.100 7.100z",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9M10.500 10.500l3.500 3.500",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  play: "M5 3.200v9.600l7.500-4.800z",
  link: "M9.500 2.500h4v4M13.500 2.500l-6 6M11.500 9.500v4h-9v-9h4",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  chevron: "M4.500 6.500L8 10l3.500-3.500",
  right: "M6 3.500L10.500 8 6 12.500",
  plus: "M8 3v10M3 8h10",
  download: "M8 2.500v7.500M5 7.500l3 3 3-3M2.500 13.500h11",
  check: "M3 8.500l3.500 3.500L13 4.500",
  warning: "M8 2.200l6.300 11.300H1.700zM8 6.500v3.200M8 11.700h.01",
} as const;

export type IconName = keyof typeof DRAWINGS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={DRAWINGS[name]} />
    </svg>
  );
}
