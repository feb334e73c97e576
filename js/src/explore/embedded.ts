/** A sheet in an exported file: document and pictures are in the page, and no kernel is there. */

import type { SheetDocument } from "./document.ts";
import type { Port } from "./port.ts";

/** What the file contains: the document, and pictures in base64 by their names. */
interface Embedded {
  document: SheetDocument;
  pictures: Record<string, string>;
}

/** The sheet that an exported file's data element contains. */
export function embeddedPort(data: string): Port {
  const { document, pictures } = JSON.parse(data) as Embedded;
  const urls = new Map<string, string>();
  return {
    document: {
      ...document,
      progress: { ...document.progress, took_s: null },
      can: { use_live: false, rank: false, save: false },
    },
    isLive: false,
    onChange: () => undefined,
    ask: () => undefined,
    async picture(name) {
      const known = urls.get(name);
      if (known) return known;
      const encoded = pictures[name];
      if (!encoded) throw Error(`The file has no picture ${name}.`);
      const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
      const url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
      urls.set(name, url);
      return url;
    },
  };
}
