/**
 * Elements that show a sprite at the moment that the whole sheet is at: one CSS variable moves all of them.
 */

import { h } from "../view/dom.ts";
import type { Port } from "./port.ts";

export interface Film {
  readonly element: HTMLElement;
  /** Shows a picture by its name, first what is there already; null shows none. */
  show(name: string | null, large?: string): void;
}

/** An element that shows sprites; `classes` are added to its own. */
export function film(port: Port, classes = ""): Film {
  const element = h("span", { class: `ds-pic ds-film ${classes}`.trim() });
  let shown: string | null = null;
  const put = (name: string, url: string, expected: string) => {
    if (shown !== expected) return; // another one is wanted by now
    element.style.backgroundImage = `url("${url}")`;
    element.dataset.picture = name;
  };
  return {
    element,
    show(name, large) {
      const wanted = name && `${name} ${large ?? ""}`;
      if (wanted === shown) return;
      shown = wanted;
      if (!name || !wanted) {
        element.style.backgroundImage = "";
        delete element.dataset.picture;
        return;
      }
      const first = port.picture(name).then((url) => put(name, url, wanted));
      first.catch(() => undefined);
      if (!large) return;
      // Decoded before it is put there, because the element would be empty meanwhile.
      Promise.all([port.picture(large), first])
        .then(async ([url]) => {
          const picture = h("img");
          picture.src = url;
          await picture.decode();
          put(large, url, wanted);
        })
        .catch(() => undefined); // the small one stays
    },
  };
}
