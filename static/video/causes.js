// Why two people do not see each other, as far as one of their browsers can know.

const CAUSES = {
  offline: 'You are offline.',
  silent: 'The stranger’s browser does not answer.',
  relay: 'The relay that this server uses cannot be reached from your network.',
  hidden: 'The stranger’s browser has found no way out of its network.',
  blocked: 'There is no way between your networks: one of them blocks it.',
  unagreed: 'Your browsers reached each other but could not agree on a safe connection.',
  lost: 'The connection to the stranger’s camera was lost.',
};

/** Names the cause. `facts` are those of a `Peer`; null if it did not even come to one. */
export function causeOf(facts, { wasConnected, relays }) {
  const name = nameOf(facts, wasConnected);
  const more = name === 'blocked' && !relays ? ' This server has no relay that leads around it.' : '';
  return { name, words: CAUSES[name] + more };
}

function nameOf(facts, wasConnected) {
  if (navigator.onLine === false) return 'offline';
  if (wasConnected) return 'lost';
  if (!facts?.hasHeard) return 'silent';
  if (facts.isRelayOnly && !facts.candidatesFound) return 'relay';
  if (!facts.candidatesHeard) return 'hidden';
  return facts.hasRoute ? 'unagreed' : 'blocked';
}
