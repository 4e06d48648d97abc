// Why two people do not see each other, as far as one of their browsers can know.

const CAUSES = {
  offline: 'You are offline.',
  servers: 'The server did not say through which relay calls go here, so nothing was sent.',
  stuck: 'Your browser could not begin the call.',
  silent: 'The stranger’s browser does not answer.',
  foreign: 'Your browser does not understand what the stranger’s browser says.',
  relay: 'The relay that this server uses cannot be reached from your network.',
  hidden: 'The stranger’s browser has found no way out of its network.',
  blocked: 'There is no way between your networks: one of them blocks it.',
  unagreed: 'Your browsers reached each other but could not agree on a safe connection.',
  lost: 'The connection to the stranger’s camera was lost.',
};

/** Names the cause. `facts` are those of a `Peer`, null if it did not even come to one; `ice` is an `Ice`. */
export function causeOf(facts, { wasConnected, relayOnly, ice }) {
  const name = nameOf(facts, { wasConnected, relayOnly, ice });
  return { name, words: CAUSES[name] + (name === 'blocked' ? wayAround(ice) : '') };
}

function nameOf(facts, { wasConnected, relayOnly, ice }) {
  if (navigator.onLine === false) return 'offline';
  if (relayOnly && !ice.isKnown) return 'servers';
  if (wasConnected) return 'lost';
  if (facts?.isStuck) return 'stuck';
  if (facts?.isForeign) return 'foreign';
  if (!facts?.hasHeard) return 'silent';
  if (facts.isRelayOnly && !facts.candidatesFound) return 'relay';
  if (!facts.candidatesHeard) return 'hidden';
  return facts.hasRoute ? 'unagreed' : 'blocked';
}

function wayAround(ice) {
  if (!ice.isKnown) return ' The server did not answer when asked for a way around it.';
  return ice.hasRelay ? '' : ' This server has no relay that leads around it.';
}
