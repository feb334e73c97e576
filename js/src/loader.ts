/**
 * What every widget carries as its `_esm`: it loads the chunk `main`, the front end itself, and passes
 * the host's calls on to it. The widget of a sheet has the chunk `explore` in its place.
 *
 * The entry points return at once, because a host drops a model's messages while it waits for them. A
 * view that is shown before `main` has come is a placeholder of the same size until then.
 */

import { type ChunkHashes, chunk, requestChunks } from "./chunks.ts";
import { type EntryPoints, type HostModel, type Load, lifetime } from "./host.ts";
import { placeholder } from "./view/placeholder.ts";

/** What the chunk `main` exports. */
interface Main {
  default(load: Load): EntryPoints;
}

/** The entry points of one model. */
export default function decartWidget(): EntryPoints {
  let entryPoints: Promise<EntryPoints> | undefined;
  let onMismatch: () => void = () => undefined;
  const mismatch = new Promise<never>((_, reject) => {
    onMismatch = () => reject(Error("Another version runs. Reload this page."));
  });

  /** The entry points of `main`; chunks are received by this model until the signal. */
  function open(model: HostModel, signal: AbortSignal): Promise<EntryPoints> {
    const hashes = (model.get("_chunks") ?? {}) as ChunkHashes;
    const load: Load = async (name) => {
      const hash = hashes[name];
      if (!hash) throw Error("Run the cell again: the kernel has another version.");
      return chunk(hash).module;
    };
    requestChunks(model, hashes, onMismatch, signal);
    entryPoints ??= Promise.race([load(hashes.explore ? "explore" : "main"), mismatch]).then(
      (main) => (main as Main).default(load),
    );
    return entryPoints;
  }

  return {
    initialize({ model, signal }) {
      const own = lifetime(signal);
      open(model, own.signal).then(
        (inner) => own.signal.aborted || inner.initialize({ model, signal: own.signal }),
        () => undefined, // each view shows the error
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
          waiting.setText(error.message);
        },
      );
      return () => own.abort();
    },
  };
}
