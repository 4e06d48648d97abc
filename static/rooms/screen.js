// Rooms.
import { make } from '../dom.js';
const element = make('section', { id: 'rooms', className: 'screen' }, make('h1', { textContent: 'Rooms' }));
export const screen = { element, title: 'Rooms' };
