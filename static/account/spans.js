// How long something is still there, or is ago, as people say it.

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** "23 h 5 min", "59 min", "4 min 9 s", "9 s": the nearer the end, the finer. */
export function left(ms) {
  const rest = Math.max(0, ms);
  // Rounded up, so that nothing is at zero while it is there.
  const seconds = Math.ceil(rest / 1000);
  const minutes = Math.ceil(rest / MINUTE_MS);
  if (minutes > 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  if (minutes > 5) return `${minutes} min`;
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`;
}

export function ago(ms) {
  if (ms < MINUTE_MS) return 'just now';
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min ago`;
  return `${Math.floor(ms / HOUR_MS)} h ago`;
}
