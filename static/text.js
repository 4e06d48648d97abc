// Text of people, within sentences of the page.

/** What is written from right to left, or says how to write. */
const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/gu;

/** A name that turns round nothing beside it. */
export const isolate = (name) => (TURNS.test(name) ? `\u2068${name.replace(CONTROLS, '')}\u2069` : name);
