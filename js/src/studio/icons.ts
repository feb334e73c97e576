/** The studio's drawn signs. */

import { drawing } from "../view/dom.ts";

const SHAPES = {
  camera: '<path d="M1.5 4.5h8v7h-8zM9.5 7l5-2.5v7L9.5 9"/>',
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

export function sign(name: keyof typeof SHAPES): SVGElement {
  return drawing(name, SHAPES[name]);
}
