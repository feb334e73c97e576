/**
 * What every widget carries as its `_esm`: it gets the front end proper and hands the host on to it.
 *
 * The host's entryPoints settle at once (a host drops a model's messages while it waits for them); a view
 * that is shown before the front end has come is a placeholder of the same size until then.
 */

import { attend, chunk, type Names } from "./chunks.ts";
import { type EntryPoints, type HostModel, type Load, lifetime } from "./host.ts";
import { placeholder } from "./view/placeholder.ts";

interface Main {
  default(load: Load): EntryPoints;
}

export default function decartWidget(): EntryPoints {
  let entryPoints: Promise<EntryPoints> | undefined;
  let mismatch: () => void = () => undefined;
  const differ = new Promise<never>((_, reject) => {
    mismatch = () => reject(Error("Another version runs. Reload this page."));
  });

  /** The entryPoints of the front end, and what they need, looked after until the signal. */
  function open(model: HostModel, signal: AbortSignal): Promise<EntryPoints> {
    const names = (model.get("_chunks") ?? {}) as Names;
    const load: Load = async (name) => {
      const hash = names[name];
      if (!hash) throw Error("Run the cell again: the kernel has another version.");
      return chunk(hash).module;
    };
    attend(model, names, mismatch, signal);
    entryPoints ??= Promise.race([load("main"), differ]).then((main) =>
      (main as Main).default(load),
    );
    return entryPoints;
  }

  return {
    initialize({ model, signal }) {
      const own = lifetime(signal);
      open(model, own.signal).then(
        (inner) => own.signal.aborted || inner.initialize({ model, signal: own.signal }),
        () => undefined, // each view says so
      );
      return () => own.abort();
    },

    render({ model, el, signal }) {
      const own = lifetime(signal);
      const waiting = placeholder(model, el, own.signal);
      open(model, own.signal).then(
        (inner) => {
          waiting.remove();
          if (!own.signal.aborted) inner.render({ model, el, signal: own.signal });
        },
        (error: Error) => {
          console.error("decart_widget did not load:", error);
          waiting.say(error.message);
        },
      );
      return () => own.abort();
    },
  };
}
