// Where a conversation stands, and where each thing that happens takes it. What a phase does not name changes
// nothing, so a late click or a late event cannot do harm.

const TABLE = {
  idle: { seek: 'searching' },
  searching: { joined: 'chatting', escape: 'idle', cancel: 'idle' },
  chatting: { escape: 'sure', stop: 'sure', seek: 'searching', sought: 'searching', left: 'ended' },
  sure: { escape: 'ended', stop: 'ended', seek: 'searching', sought: 'searching', left: 'ended', stay: 'chatting' },
  ended: { escape: 'searching', seek: 'searching' },
};

export const step = (phase, event) => TABLE[phase][event] ?? phase;

/** Whether somebody is there. */
export const isTalking = (phase) => phase === 'chatting' || phase === 'sure';
