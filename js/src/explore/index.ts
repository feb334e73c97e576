/**
 * The chunk `explore`: the view of a sheet, in a notebook and in an exported file.
 *
 * In a notebook it stands in for the chunk `main`, of which a sheet needs nothing.
 */

import { type EntryPoints, type HostModel, lifetime, onAbort } from "../host.ts";
import { embeddedPort } from "./embedded.ts";
import { SheetLink } from "./link.ts";
import { mountSheet } from "./view.ts";

/** The entry points of one model. */
export default function decartSheet(): EntryPoints {
  let link: SheetLink | undefined;
  let scope = new AbortController();
  let holders = 0;

  /** The model's link; it ends with the last signal that it was held with. */
  function hold(model: HostModel, signal: AbortSignal): SheetLink {
    if (!link || scope.signal.aborted) {
      scope = new AbortController();
      link = new SheetLink(model, scope.signal);
    }
    const heldScope = scope;
    holders++;
    onAbort(signal, () => --holders || heldScope.abort());
    return link;
  }

  return {
    initialize({ model, signal }) {
      const own = lifetime(signal);
      hold(model, own.signal);
      return () => own.abort();
    },

    render({ model, el, signal }) {
      const own = lifetime(signal);
      mountSheet(hold(model, own.signal), el, own.signal);
      return () => own.abort();
    },
  };
}

/** Shows the sheet that an exported file contains; explore/export.py calls it. */
export function openFile(el: HTMLElement, data: string): void {
  mountSheet(embeddedPort(data), el, new AbortController().signal);
}
