// When a log was: to the millisecond, for logs of one second are told apart.

const time = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "2-digit" });

export function LogTime({ at }: { at: string }) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  return (
    <time dateTime={at} title={at}>
      {!isToday && <span class="dim">{day.format(date)} </span>}
      {time.format(date)}
    </time>
  );
}
