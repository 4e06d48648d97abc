// What a room is called on this side.

import { nameOf } from './countries.js';

/** What the server calls a room to which nobody has given a name. */
const NAMELESS = 'Stranger';

export const pathOf = (id) => `/account/room/${id}`;

export const partnerCountry = ({ my_side, country_a, country_b }) => nameOf(my_side === 'a' ? country_b : country_a);

/** The name that was given to the room, or nothing. */
export function ownName({ my_side, user_a_room_name, user_b_room_name }) {
  const name = my_side === 'a' ? user_a_room_name : user_b_room_name;
  return name && name !== NAMELESS ? name : '';
}

export const labelOf = (room) => ownName(room) || `Stranger from ${partnerCountry(room)}`;
