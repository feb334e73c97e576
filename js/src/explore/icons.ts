/** The icons of a sheet. */

import { drawing } from "../view/dom.ts";

const SHAPES = {
  star: '<path d="m8 1.8 1.9 4 4.3.5-3.2 3 .9 4.3L8 11.5l-3.9 2.1.9-4.3-3.2-3 4.3-.5z"/>',
  clock: '<circle cx="8" cy="8" r="5.8"/><path d="M8 4.8V8l2.2 1.5"/>',
  stop: '<rect x="4" y="4" width="8" height="8" rx="1.5" fill="currentColor" stroke="none"/>',
  play: '<path d="M5 3.2v9.6L12.8 8z" fill="currentColor"/>',
  pause: '<path d="M5.5 3.5v9M10.5 3.5v9" stroke-width="2.4"/>',
  ban: '<circle cx="8" cy="8" r="5.8"/><path d="m4 4 8 8"/>',
  down: '<path d="m4 6 4 4 4-4"/>',
  plus: '<path d="M8 3v10M3 8h10"/>',
  minus: '<path d="M3 8h10"/>',
  sides: '<path d="M6 5 3 8l3 3m4-6 3 3-3 3"/>',
  save: '<path d="M8 2v8m-3-3 3 3 3-3M2.5 13.5h11"/>',
  folder: '<path d="M1.8 12.8V3.5h4.2l1.5 1.8h6.7v7.5z"/>',
  again: '<path d="M13.5 8a5.5 5.5 0 1 1-1.7-4M12.2 1.5v2.7H9.5"/>',
  swap: '<rect x="2" y="3" width="12" height="10" rx="1.5"/><path d="M8 3v10"/><path d="M2.5 3.5H8v9H2.5z" fill="currentColor" stroke="none"/>',
  right: '<path d="M2.5 8h11m-4-4 4 4-4 4"/>',
  below: '<path d="M8 2.5v11m-4-4 4 4 4-4"/>',
  live: '<circle cx="8" cy="8" r="2.5" fill="currentColor"/><path d="M3.8 3.8a6 6 0 0 0 0 8.4m8.4-8.4a6 6 0 0 1 0 8.4"/>',
  scales:
    '<path d="M8 2.5v11M5 13.5h6M3 4.5h10M3 4.5 1.2 9a2 2 0 0 0 3.6 0zM13 4.5 11.2 9a2 2 0 0 0 3.6 0z"/>',
  undo: '<path d="M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M6 3.5l-3 3 3 3"/>',
};

/** An icon of 16 by 16 pixels; it has no accessible name of its own. */
export function sheetIcon(name: keyof typeof SHAPES): SVGElement {
  return drawing(name, SHAPES[name]);
}
