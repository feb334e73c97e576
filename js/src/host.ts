/** What a host (anywidget, in any notebook) passes to the front end, and lifetimes as abort signals. */

/** A model in the page: traits, and messages to and from its kernel. */
export interface HostModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: (ArrayBuffer | ArrayBufferView)[]): void;
  on(name: string, callback: Listener): void;
  off(name: string, callback: Listener): void;
}

/** Called with an event's payload; `buffers` come with custom messages only. */
export type Listener = (payload: unknown, buffers?: readonly BufferSource[]) => void;

/** What a host passes to an entry point. */
interface HostArguments {
  model: HostModel;
  /** Hosts with an older protocol pass none, and call what the entry point returned. */
  signal?: AbortSignal;
}

/** What a host calls: once for a model, and once for each view. Each returns a function that ends it. */
export interface EntryPoints {
  initialize(host: HostArguments): () => void;
  render(host: HostArguments & { el: HTMLElement }): () => void;
}

/** Imports another chunk of the front end by its name; rejects where the model names none. */
export type Load = (name: string) => Promise<unknown>;

/** Runs `callback` at each `event` of the model until the signal ends it. */
export function listen(
  model: HostModel,
  event: string,
  callback: Listener,
  signal: AbortSignal,
): void {
  if (signal.aborted) return;
  model.on(event, callback);
  onAbort(signal, () => model.off(event, callback));
}

/** Runs `callback` once, when the signal ends. */
export function onAbort(signal: AbortSignal, callback: () => void): void {
  signal.addEventListener("abort", callback, { once: true });
}

/** A controller whose signal ends with the host's, or before. */
export function lifetime(signal?: AbortSignal): AbortController {
  const own = new AbortController();
  if (signal?.aborted) own.abort();
  else if (signal) onAbort(signal, () => own.abort());
  return own;
}

/** A random id of 24 hex digits; `crypto.randomUUID` exists on secure origins only. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
