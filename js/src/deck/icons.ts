/** The icons of the deck. */

import { drawing } from "../view/dom.ts";

const SHAPES = {
  star: '<path d="m8 2 1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5z"/>',
  pin: '<path d="M5.5 2h5l-.7 4.5 2.2 2.3H4l2.2-2.3zM8 8.8V14"/>',
  ban: '<circle cx="8" cy="8" r="5.5"/><path d="m4.2 4.2 7.6 7.6"/>',
  find: '<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>',
  swap: '<rect x="2" y="3" width="12" height="10" rx="1.5"/><path d="M2.5 3.5H8v9H2.5z" fill="currentColor" stroke="none"/>',
  live: '<circle cx="8" cy="8" r="2" fill="currentColor" stroke="none"/><path d="M4.6 4.6a4.8 4.8 0 0 0 0 6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8"/>',
  shuffle:
    '<path d="M2 4.5h2.5c4 0 3.5 7 7.5 7h2M2 11.5h2.5c1.2 0 2-.7 2.6-1.6M8.9 6.1c.6-.9 1.4-1.6 3.1-1.6h2M12 2.5l2 2-2 2M12 9.5l2 2-2 2"/>',
  grid: '<rect x="2.5" y="2.5" width="4.5" height="4.5" rx="1"/><rect x="9" y="2.5" width="4.5" height="4.5" rx="1"/><rect x="2.5" y="9" width="4.5" height="4.5" rx="1"/><rect x="9" y="9" width="4.5" height="4.5" rx="1"/>',
  down: '<path d="m4.5 6.5 3.5 3.5 3.5-3.5"/>',
};

/** An icon of 16 by 16 pixels; it has no accessible name of its own. */
export function deckIcon(name: keyof typeof SHAPES): SVGElement {
  return drawing(name, SHAPES[name]);
}
