/**
 * The pieces of the front end that the kernel sends as messages, each kept once a page.
 *
 * A trait would be copied into every widget, every reload and every saved notebook. A piece is kept
 * under its hash in a map that belongs to the page: all models share it, of whatever kernel, and
 * several versions of this package get along side by side. The kernel sends a piece by itself when
 * it is first used; a page that lacks one all the same (it was reloaded, or came later) asks.
 */

import { type HostModel, listen, onAbort } from "./host.ts";

/** Names the map, and what is in it: other versions of this file use it too. */
const PAGE = Symbol.for("decart-widget.chunks.1");
/** Waits before each request, in ms; the last one repeats. */
const WAITS = [150, 500, 1000, 2000];
/** Requests of one model, then it rests: traffic keeps an idle kernel from being culled. */
const REQUESTS_MAX = 40;
/** Names this page among those that ask. */
const ASKER = String(Math.random());
/** Stands for the time of the last request where there need be no other one, and the opposite. */
const HERE = 1e12;

interface Chunk {
  /** The piece, once it has come; asked for by everybody, settled once. */
  module: Promise<unknown>;
  /** Takes the bytes. */
  take(data: BufferSource, encoding: unknown): void;
  /** When somebody last asked for it, on the clock of `performance.now()`, or `HERE`. */
  asked: number;
}

/** The pieces that a model names in its trait `_chunks`: name to hash. */
export type Names = Readonly<Record<string, string>>;

/**
 * The page's piece of this hash, here or yet to come.
 *
 * Where it can't be used, its `module` rejects with words for a person to read.
 */
export function chunk(hash: string): Chunk {
  const holder = globalThis as { [PAGE]?: Map<string, Chunk> };
  holder[PAGE] ??= new Map();
  const page = holder[PAGE];
  let found = page.get(hash);
  if (!found) {
    let take: Chunk["take"] = () => undefined;
    const module = new Promise((resolve) => {
      take = (data, encoding) => {
        if (made.asked < HERE) resolve(unpack(data, encoding));
        made.asked = HERE;
      };
    });
    // Whoever needs it hears of a failure; a piece that nobody waits for is no error.
    module.catch(() => undefined);
    const made: Chunk = { module, take, asked: -HERE };
    page.set(hash, made);
    found = made;
  }
  return found;
}

/**
 * Takes what the kernel sends to this model, and asks for what the page lacks, until the signal.
 *
 * @param mismatch called when the kernel has another version of a piece than the model names
 */
export function attend(
  model: HostModel,
  names: Names,
  mismatch: () => void,
  signal: AbortSignal,
): void {
  listen(
    model,
    "msg:custom",
    (content, buffers) => {
      const { type, name, hash, encoding } = (content ?? {}) as Record<string, string>;
      if (type !== "chunk" || !name || !hash) return;
      if ((names[name] ?? hash) !== hash) mismatch();
      else if (buffers?.[0]) chunk(hash).take(buffers[0], encoding);
    },
    signal,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = (round: number, waited: number) => {
    let lacking = false;
    for (const [name, hash] of Object.entries(names)) {
      const piece = chunk(hash);
      const silence = performance.now() - piece.asked;
      lacking ||= piece.asked < HERE;
      // Several models of a page wait for the same piece; one of them asks.
      if (!round || silence < waited / 2) continue;
      try {
        model.send({ type: "need", page_id: ASKER, name, hash });
        piece.asked = performance.now();
      } catch {
        // This model's kernel is gone; another model may have one.
      }
    }
    if (!lacking || round > REQUESTS_MAX) return;
    const wait = WAITS[Math.min(round, WAITS.length - 1)] ?? 0;
    timer = setTimeout(ask, wait, round + 1, wait);
  };
  const begin = () => {
    clearTimeout(timer);
    ask(0, 0);
  };
  begin();
  // A kernel that was lost and came back may not have heard.
  listen(model, "comm_live_update", begin, signal);
  onAbort(signal, () => clearTimeout(timer));
}

async function unpack(data: BufferSource, encoding: unknown): Promise<unknown> {
  const script = (parts: BlobPart[]) => new Blob(parts, { type: "text/javascript" });
  let blob = script([data]);
  if (encoding === "gzip") {
    if (!globalThis.DecompressionStream) {
      throw Error("This browser is too old. Use a current Chrome, Edge, Firefox or Safari.");
    }
    const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
    blob = script([await new Response(stream).arrayBuffer()]);
  }
  const url = URL.createObjectURL(blob);
  try {
    return await import(url);
  } catch (cause) {
    throw Error("This page does not let the widget load. Open it in JupyterLab.", { cause });
  } finally {
    URL.revokeObjectURL(url);
  }
}
