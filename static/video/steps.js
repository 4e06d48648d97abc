// Where a call stands, and where each thing that happens takes it. What a step does not name changes nothing.

/** What may end any step of a conversation. */
const OVER = { part: 'ended', search: 'searching', close: 'idle' };

const TABLE = {
  idle: { search: 'searching', meet: 'consent' },
  searching: { meet: 'consent', close: 'idle' },
  // Neither makes a connection before both want it.
  consent: { ...OVER, agree: 'connecting', text: 'text' },
  connecting: { ...OVER, arrive: 'connected', giveUp: 'failed', text: 'text' },
  connected: { ...OVER, lose: 'away', text: 'text' },
  away: { ...OVER, arrive: 'connected', giveUp: 'failed', text: 'text' },
  failed: { ...OVER, retry: 'connecting', text: 'text' },
  text: { ...OVER, part: 'idle' },
  ended: { search: 'searching', meet: 'consent', close: 'idle' },
};

const CALLS = new Set(['consent', 'connecting', 'connected', 'away', 'failed']);

export const after = (step, event) => TABLE[step][event] ?? step;

/** Whether two people are about to see each other, or do. */
export const isCall = (step) => CALLS.has(step);

/** Whether pictures and sound go to and fro. */
export const isSeen = (step) => step === 'connected' || step === 'away';

/** Whether it is waited for, and not for ever. */
export const isWait = (step) => step === 'connecting' || step === 'away';
