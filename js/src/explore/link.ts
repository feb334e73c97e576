/**
 * A sheet in the kernel. All views of a model share one link: document and pictures come once to each page.
 *
 * It says hello until a document comes, because a message that is sent while a cell runs may wait for it. It
 * asks for pictures in the order in which they are wanted, a few at a time.
 */

import { type HostModel, listen, onAbort, randomId } from "../host.ts";
import { PROTOCOL, parseSheet } from "../kernel/messages.ts";
import { type Patch, patched, type SheetDocument } from "./document.ts";
import { Pieces } from "./pieces.ts";
import { type Ask, type Port, STATIC_PICTURE } from "./port.ts";

declare const __VERSION__: string;

/** Waits before `hello` is sent again; the last one repeats. */
const HELLO_WAITS_MS = [250, 500, 1000, 2000];
/** Pictures that are asked for and have not come; the kernel sends no more at a time. */
const MAX_ASKED = 4;
/** After this long a picture is asked for again: the kernel was restarted, or a message was lost. */
const ASK_AGAIN_MS = 5000;
/** Pictures that are kept; of more, those go that were asked for first. */
const MAX_KEPT = 1500;

interface Wanted {
  url: Promise<string>;
  resolve(url: string): void;
  reject(error: Error): void;
  address?: string;
}

export class SheetLink implements Port {
  document: SheetDocument | null = null;
  readonly isLive = true;
  readonly pageId: string = randomId();
  readonly #listeners = new Set<() => void>();
  readonly #wanted = new Map<string, Wanted>();
  readonly #queue: string[] = [];
  readonly #asked = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #documents = new Pieces();
  readonly #pictures = new Pieces();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly model: HostModel,
    signal: AbortSignal,
  ) {
    listen(model, "msg:custom", (message, data) => this.#receive(message, data?.[0]), signal);
    listen(model, "comm_live_update", () => this.#hello(), signal);
    onAbort(signal, () => this.#end());
    this.#hello();
  }

  onChange(callback: () => void): void {
    this.#listeners.add(callback);
  }

  ask(ask: Ask): void {
    this.#send(ask);
  }

  picture(name: string): Promise<string> {
    // The whole sheet as one picture is another one each time.
    const known = name === STATIC_PICTURE ? undefined : this.#wanted.get(name);
    if (known) return known.url;
    let resolve: (url: string) => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    const url = new Promise<string>((onValue, onError) => {
      [resolve, reject] = [onValue, onError];
    });
    url.catch(() => undefined);
    this.#wanted.set(name, { url, resolve, reject });
    this.#queue.push(name);
    this.#askForPictures();
    return url;
  }

  #send(content: Record<string, unknown>): void {
    try {
      this.model.send({ ...content, page_id: this.pageId });
    } catch {
      // The host has closed its channel; what is shown stays.
    }
  }

  #hello(round = 0): void {
    clearTimeout(this.#timer);
    const page = { visible: document.visibilityState === "visible" };
    this.#send({ type: "hello", protocol: PROTOCOL, version: __VERSION__, page });
    const waitMs = HELLO_WAITS_MS[Math.min(round, HELLO_WAITS_MS.length - 1)];
    this.#timer = setTimeout(() => this.#hello(round + 1), waitMs);
  }

  #askForPictures(): void {
    const names = this.#queue.splice(0, MAX_ASKED - this.#asked.size);
    if (!names.length) return;
    for (const name of names) {
      const timer = setTimeout(() => {
        this.#asked.delete(name);
        this.#queue.push(name);
        this.#askForPictures();
      }, ASK_AGAIN_MS);
      this.#asked.set(name, timer);
    }
    this.#send({ type: "sheet-pictures", names });
  }

  #receive(content: unknown, data?: BufferSource): void {
    const message = parseSheet(content);
    if (!message) return;
    if (message.page_id !== null && message.page_id !== this.pageId) return;
    if (message.type === "sheet") {
      clearTimeout(this.#timer);
      const { number, at, total } = message;
      const whole = this.#documents.add(String(number), at, total, data);
      if (whole) this.#take(JSON.parse(new TextDecoder().decode(whole)), message.patch);
    } else {
      const { name, at, total } = message;
      if (total === 0) this.#took(name, null);
      const whole = this.#pictures.add(name, at, total, data);
      if (whole?.length) this.#took(name, whole);
    }
  }

  #take(values: SheetDocument | Patch, isPatch: boolean): void {
    if (!isPatch) this.document = values as SheetDocument;
    else if (this.document) this.document = patched(this.document, values);
    for (const listener of this.#listeners) listener();
  }

  #took(name: string, data: Uint8Array<ArrayBuffer> | null): void {
    clearTimeout(this.#asked.get(name));
    this.#asked.delete(name);
    const wanted = this.#wanted.get(name);
    if (wanted && data) {
      const type = name === STATIC_PICTURE ? "image/png" : "image/jpeg";
      wanted.address = URL.createObjectURL(new Blob([data], { type }));
      wanted.resolve(wanted.address);
    } else if (wanted) {
      this.#wanted.delete(name);
      wanted.reject(Error("The kernel has no such picture."));
    }
    if (this.#wanted.size > MAX_KEPT) this.#forget();
    this.#askForPictures();
  }

  #forget(): void {
    for (const [name, { address }] of this.#wanted) {
      if (!address) continue;
      URL.revokeObjectURL(address);
      this.#wanted.delete(name);
      return;
    }
  }

  #end(): void {
    clearTimeout(this.#timer);
    for (const timer of this.#asked.values()) clearTimeout(timer);
    for (const { address } of this.#wanted.values()) if (address) URL.revokeObjectURL(address);
    this.#listeners.clear();
  }
}
