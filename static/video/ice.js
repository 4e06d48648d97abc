// Which servers help the two browsers to reach each other.

const WAITS_MS = 4_000;

/** Asks once for the pair's servers, whose credentials work for `ttl` seconds; without an answer there are none, and the two must find each other themselves. */
export async function iceFor(key) {
  const none = { iceServers: [] };
  if (!key) return none;
  try {
    const response = await fetch(`/api/ice?key=${encodeURIComponent(key)}`, { signal: AbortSignal.timeout(WAITS_MS) });
    if (!response.ok) return none;
    const { iceServers, iceTransportPolicy, ttl } = await response.json();
    return { iceServers: iceServers ?? [], iceTransportPolicy: iceTransportPolicy === 'relay' ? 'relay' : 'all', ttl };
  } catch {
    return none;
  }
}

/** Whether one of them relays. */
export const hasRelay = ({ iceServers }) => iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
