/** The icons of the tools. */

import { drawing } from "../view/dom.ts";

const SHAPES = {
  camera: '<path d="M1.5 4.5h8v7h-8zM9.5 7l5-2.5v7L9.5 9"/>',
  film: '<rect x="2" y="3" width="12" height="10" rx="1.5"/><path d="M5 3v10M11 3v10M2 6.3h3M2 9.7h3M11 6.3h3M11 9.7h3"/>',
  microphone:
    '<rect x="6" y="1.5" width="4" height="8" rx="2"/><path d="M3.5 7.5a4.5 4.5 0 0 0 9 0M8 12v2.5"/>',
  silent:
    '<rect x="6" y="1.5" width="4" height="8" rx="2"/><path d="M3.5 7.5a4.5 4.5 0 0 0 9 0M8 12v2.5M2 2l12 12"/>',
  sound: '<path d="M2 6h2.5L8 3v10L4.5 10H2zM10.5 6a3 3 0 0 1 0 4M12.5 4a6 6 0 0 1 0 8"/>',
  quiet: '<path d="M2 6h2.5L8 3v10L4.5 10H2zM10.5 6.5l3.5 3.5m0-3.5-3.5 3.5"/>',
  mirror: '<path d="M8 2v12M5.5 4.5 2 8l3.5 3.5zM10.5 4.5 14 8l-3.5 3.5z"/>',
  shape: '<path d="M2 5.5h8v6H2zM6 5.5v-3h8v8h-4"/>',
  save: '<path d="M8 2v8m-3-3 3 3 3-3M2.5 13.5h11"/>',
  record: '<circle cx="8" cy="8" r="4.5" fill="currentColor" stroke="none"/>',
  halt: '<rect x="4" y="4" width="8" height="8" rx="1.5" fill="currentColor" stroke="none"/>',
  compare:
    '<rect x="2" y="3" width="12" height="10" rx="1.5"/><path d="M8 3v10"/><path d="M2.5 3.5H8v9H2.5z" fill="currentColor" stroke="none"/>',
  full: '<path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"/>',
  sides: '<path d="M6 5 3 8l3 3m4-6 3 3-3 3"/>',
  add: '<path d="M8 3v10M3 8h10"/>',
  cross: '<path d="m4 4 8 8m0-8-8 8"/>',
};

/** An icon of 16 by 16 pixels; it has no accessible name of its own. */
export function toolIcon(name: keyof typeof SHAPES): SVGElement {
  return drawing(name, SHAPES[name]);
}
