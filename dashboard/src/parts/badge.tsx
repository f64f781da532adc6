// A word that has a colour, too. The word says all of it: colour never stands alone.

export const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] as const;
export type Level = (typeof LEVELS)[number];

export const SEVERITIES = ["critical", "high", "medium", "low"] as const;
export type Severity = (typeof SEVERITIES)[number];

export function LevelBadge({ level }: { level: string }) {
  return <span class={`badge level-${level.toLowerCase()}`}>{level}</span>;
}

export function SeverityBadge({ severity }: { severity: string }) {
  return <span class={`badge severity-${severity.toLowerCase()}`}>{severity}</span>;
}

export type Tone = "good" | "warn" | "bad" | "accent" | "plain";

/** How something is: a dot and a word. */
export function Status({ tone, children }: { tone: Tone; children: string }) {
  return (
    <span class={`status status-${tone}`}>
      <span class="dot" aria-hidden="true" />
      {children}
    </span>
  );
}

export function healthTone(health: string): Tone {
  return health === "healthy" ? "good" : health === "degraded" ? "warn" : "bad";
}
