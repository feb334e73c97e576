/**
 * The pieces of the front end that the kernel sends as messages, each kept once a page.
 *
 * A trait would be copied into every widget, every reload and every saved notebook. A piece is kept
 * under its hash in a map that belongs to the page: all models share it, of whatever kernel, and
 * several versions of this package get along side by side. The kernel sends a piece by itself when
 * it is first used; a page that lacks one all the same (it was reloaded, or came later) asks.
 */

import { type HostModel, listen, randomId } from "./host.ts";

/** Names the map, and what is in it: other versions of this file use it too. */
const PAGE = Symbol.for("decart-widget.chunks.1");
/** Waits before each request, in ms; the last one repeats. */
const WAITS = [150, 500, 1000, 2000];
/** Requests of one model, then it rests: traffic keeps an idle kernel from being culled. */
const REQUESTS_MAX = 40;
/** Names this page among those that ask. */
const ASKER = randomId();

interface Chunk {
  /** The piece, once it has come; asked for by everybody, settled once. */
  module: Promise<unknown>;
  /** Takes the bytes; only the first ones count. */
  take(data: BufferSource, encoding: unknown): void;
  /** When somebody last asked for it, on the clock of `performance.now()`. */
  askedAt: number;
  taken: boolean;
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
    let settle: (module: Promise<unknown>) => void;
    const made: Chunk = {
      module: new Promise((resolve) => {
        settle = resolve;
      }),
      take(data, encoding) {
        if (made.taken) return;
        made.taken = true;
        settle(unpack(data, encoding));
      },
      askedAt: Number.NEGATIVE_INFINITY,
      taken: false,
    };
    // Whoever needs it hears of a failure; a piece that nobody waits for is no error.
    made.module.catch(() => undefined);
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
      const message = (content ?? {}) as Record<string, unknown>;
      const { type, name, hash } = message;
      if (type !== "chunk" || typeof name !== "string" || typeof hash !== "string") return;
      if (names[name] !== undefined && names[name] !== hash) mismatch();
      else if (buffers?.[0]) chunk(hash).take(buffers[0], message.encoding);
    },
    signal,
  );
  for (const [name, hash] of Object.entries(names)) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = (round: number, waited = 0) => {
      const piece = chunk(hash);
      if (piece.taken || signal.aborted || round > REQUESTS_MAX) return;
      // Several models of a page wait for the same piece; one of them asks.
      if (round > 0 && performance.now() - piece.askedAt > waited / 2) {
        try {
          model.send({ type: "need", front_end: ASKER, name, hash });
          piece.askedAt = performance.now();
        } catch {
          // This model's kernel is gone; another model may have one.
        }
      }
      const wait = WAITS[Math.min(round, WAITS.length - 1)];
      timer = setTimeout(() => ask(round + 1, wait), wait);
    };
    ask(0);
    // A kernel that was lost and came back may not have heard.
    listen(
      model,
      "comm_live_update",
      () => {
        clearTimeout(timer);
        ask(0);
      },
      signal,
    );
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }
}

async function unpack(data: BufferSource, encoding: unknown): Promise<unknown> {
  const type = "text/javascript";
  // A copy: the buffer may be a view into a whole message.
  let blob = new Blob([data], { type });
  if (encoding === "gzip") {
    if (typeof DecompressionStream === "undefined") {
      throw Error("This browser is too old. Use a current Chrome, Edge, Firefox or Safari.");
    }
    const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
    blob = new Blob([await new Response(stream).arrayBuffer()], { type });
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
