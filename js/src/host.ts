/** What a host (anywidget, in whatever notebook) hands to the front end, and its lifetimes. */

/** A model in the page: traits, and messages to and from its kernel. */
export interface HostModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: (ArrayBuffer | ArrayBufferView)[]): void;
  on(name: string, callback: Listener): void;
  off(name: string, callback: Listener): void;
}

/** `buffers` come with custom messages only. */
export type Listener = (payload: unknown, buffers?: readonly BufferSource[]) => void;

export interface HostArguments {
  model: HostModel;
  /** Hosts that speak an older protocol have none, and call what the door returned. */
  signal?: AbortSignal;
}

/** Where a host comes in: once a model, and once a view. Each returns how to end it. */
export interface EntryPoints {
  initialize(door: HostArguments): () => void;
  render(door: HostArguments & { el: HTMLElement }): () => void;
}

/** Gets a further piece of the front end by its name; rejects where the model names none. */
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
  signal.addEventListener("abort", () => model.off(event, callback), { once: true });
}

/** Ends with the host's signal, or before. */
export function lifetime(signal?: AbortSignal): AbortController {
  const own = new AbortController();
  if (signal?.aborted) own.abort();
  signal?.addEventListener("abort", () => own.abort(), { once: true });
  return own;
}

/** A name that no other page or model has; `crypto.randomUUID` is for secure origins only. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
