/**
 * The chunks of the front end's code, which the kernel sends as messages and a page keeps once.
 *
 * As a trait, a chunk would be copied into every widget, every reload and every saved notebook.
 * Instead it is kept under its hash in a map of the page, which all models share, whatever their
 * kernel and version. The kernel sends a chunk when it is first used; a page that lacks it nevertheless
 * (it was reloaded, or came later) requests it. A chunk whose hash doesn't fit is not run.
 */

import { type HostModel, listen, onAbort } from "./host.ts";

/** The map's name; its number rises with every change of `Chunk`, which other versions read. */
const PAGE_CHUNKS = Symbol.for("decart-widget.chunks.3");
/** Waits before each request; the last one repeats. */
const REQUEST_WAITS_MS = [150, 500, 1000, 2000];
/** Requests of one model, which then stops: traffic keeps an idle kernel from being culled. */
const REQUESTS_MAX = 40;
/** Rounds in which a model relies on another one's request; the other one's kernel may be gone. */
const RELIED_MAX = 3;
/** The `page_id` of requests: they are sent before a page has a session with an id. */
const REQUESTER_ID = String(Math.random());

interface Chunk {
  /** Its exports; never settles where nobody sends it. */
  module: Promise<unknown>;
  /** Takes the bytes; the first ones that fit its hash count. Resolves to whether these fit. */
  receive(data: BufferSource, encoding: unknown): Promise<boolean>;
  hasCome: boolean;
  /** When any model last requested it or received bytes, on the clock of `performance.now()`. */
  requestedAtMs: number;
  /** The model that requested it last. */
  requester?: HostModel;
}

/** The chunks that a model names in its trait `_chunks`: name to hash. */
export type ChunkHashes = Readonly<Record<string, string>>;

/**
 * The page's chunk of this hash, whether or not it has come.
 *
 * Its `module` rejects with a message for a person where it can't be imported.
 */
export function chunk(hash: string): Chunk {
  const holder = globalThis as { [PAGE_CHUNKS]?: Map<string, Chunk> };
  holder[PAGE_CHUNKS] ??= new Map();
  const chunks = holder[PAGE_CHUNKS];
  const known = chunks.get(hash);
  if (known) return known;
  let resolve: (module: Promise<unknown>) => void = () => undefined;
  const made: Chunk = {
    module: new Promise((resolveModule) => {
      resolve = resolveModule;
    }),
    async receive(data, encoding) {
      if (made.hasCome) return true;
      made.requestedAtMs = performance.now(); // no request while these bytes are examined
      const unpacked = unpack(data, encoding);
      const fits = await unpacked.then(
        (code) => hasHash(code, hash),
        () => true, // the module rejects with this error
      );
      if (fits && !made.hasCome) resolve(unpacked.then(run));
      made.hasCome ||= fits;
      return fits;
    },
    hasCome: false,
    requestedAtMs: Number.NEGATIVE_INFINITY,
  };
  // Users of the module get the error; without a user it is not to be reported as unhandled.
  made.module.catch(() => undefined);
  chunks.set(hash, made);
  return made;
}

/**
 * Receives the chunks that the kernel sends to this model, and requests those that the page lacks,
 * until the signal.
 *
 * @param onMismatch called when the kernel sends another version of a chunk than the model names
 */
export function requestChunks(
  model: HostModel,
  hashes: ChunkHashes,
  onMismatch: () => void,
  signal: AbortSignal,
): void {
  listen(
    model,
    "msg:custom",
    (content, buffers) => {
      const { type, name, hash, encoding } = (content ?? {}) as Record<string, string>;
      if (type !== "chunk" || !name || !hash) return;
      if ((hashes[name] ?? hash) !== hash) onMismatch();
      else if (buffers?.[0]) {
        chunk(hash)
          .receive(buffers[0], encoding)
          .then((fits) => fits || onMismatch());
      }
    },
    signal,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  let relied = 0;
  /** @param waitedMs the wait before this round; before the first one the kernel may send by itself */
  const request = (round: number, waitedMs: number) => {
    let isLacking = false;
    for (const [name, hash] of Object.entries(hashes)) {
      const wanted = chunk(hash);
      if (wanted.hasCome) continue;
      isLacking = true;
      if (!round) continue;
      // Several models of a page wait for the same chunk; one of them requests it.
      const isRecent = performance.now() - wanted.requestedAtMs < waitedMs / 2;
      if (isRecent && (wanted.requester === model || relied++ < RELIED_MAX)) continue;
      relied = 0;
      try {
        model.send({ type: "need", page_id: REQUESTER_ID, name, hash });
        wanted.requestedAtMs = performance.now();
        wanted.requester = model;
      } catch {
        // This model's kernel is gone; another model may have one.
      }
    }
    if (!isLacking || round > REQUESTS_MAX) return;
    const waitMs = REQUEST_WAITS_MS[Math.min(round, REQUEST_WAITS_MS.length - 1)] ?? 0;
    timer = setTimeout(request, waitMs, round + 1, waitMs);
  };
  const begin = () => {
    clearTimeout(timer);
    request(0, 0);
  };
  begin();
  // The host's connection to the kernel was lost and is back: a request may have been lost with it.
  listen(model, "comm_live_update", begin, signal);
  onAbort(signal, () => clearTimeout(timer));
}

async function unpack(data: BufferSource, encoding: unknown): Promise<ArrayBuffer> {
  let { body } = new Response(data);
  if (encoding === "gzip") {
    if (!globalThis.DecompressionStream) {
      throw Error("This browser is too old. Use a current Chrome, Edge, Firefox or Safari.");
    }
    body = body?.pipeThrough(new DecompressionStream("gzip")) ?? null;
  }
  return new Response(body).arrayBuffer();
}

/**
 * Whether code has a chunk's hash: the first 16 bytes of its SHA-256, in hexadecimal.
 *
 * A page without TLS has no `crypto.subtle`, and its code is taken unexamined: there, the network can
 * change the loader as well.
 */
async function hasHash(code: ArrayBuffer, hash: string): Promise<boolean> {
  const digest = await crypto.subtle?.digest("SHA-256", code);
  if (!digest) return true;
  const bytes = [...new Uint8Array(digest, 0, 16)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("") === hash;
}

async function run(code: ArrayBuffer): Promise<unknown> {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    return await import(url);
  } catch (cause) {
    throw Error("This page does not let the widget load. Open it in JupyterLab.", { cause });
  } finally {
    URL.revokeObjectURL(url);
  }
}
