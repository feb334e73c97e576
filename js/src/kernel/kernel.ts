/**
 * The only road to Python: nothing else in the front end sends or receives.
 *
 * It says `hello` until the kernel welcomes this page (a message sent while a cell runs may wait
 * for the cell, or be lost), beats while an attempt lives, and lets no message of a past attempt
 * through.
 */

import { type HostModel, listen, randomId } from "../host.ts";
import { desktopSafari } from "../media/safari.ts";
import type { Inbound } from "../media/transport.ts";
import { trait } from "../session/model.ts";
import { PageLog } from "./log.ts";
import {
  type ImageState,
  PROTOCOL,
  type Prepare,
  parse,
  type TapMessage,
  type ToBrowser,
  type ToKernel,
  type Welcome,
} from "./messages.ts";

declare const __VERSION__: string;

/** Waits between two hellos, in ms; the last one repeats. */
const HELLO_WAITS = [250, 500, 1000, 2000];
/** The kernel ends an attempt that it hears nothing of for 20 s. */
const HEARTBEAT_MS = 5000;

/** What a viewer keeps to itself. */
const QUIET = new Set(["heartbeat", "stats", "log"]);

/** What the session does with the messages that are for it. */
export interface Receiver {
  /** The kernel lives: it has said something, whatever it was. */
  heard(): void;
  welcome(message: Welcome): void;
  prepare(message: Prepare): void;
  /** `answer`, `candidate`, `room` and `end` of the live attempt. */
  attemptMessage(message: Inbound | Extract<ToBrowser, { type: "end" }>): void;
  ownerChanged(mine: boolean): void;
  /** @param request the kernel's number for it */
  switchCamera(request: number): void;
  imageState(message: ImageState, thumbnail?: BufferSource): void;
  /** What is to be taken from the picture, or how that is doing. */
  tap(message: TapMessage): void;
  /** The host lost or regained its connection to the kernel. */
  interrupted(): void;
}

export class Kernel {
  /** Names this page's instance of the model among all that show it. */
  readonly pageId: string = randomId();
  /** What was let go: messages of other attempts, unknown ones, and those the host did not send. */
  readonly counts = { dropped: 0, unknown: 0, unsent: 0 };
  readonly log = new PageLog(this);
  welcomed = false;

  readonly #viewer: boolean;
  #attempt: number | null = null;
  #last = Number.NEGATIVE_INFINITY;
  #beat: ReturnType<typeof setInterval> | undefined;
  #hello: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly model: HostModel,
    private readonly receiver: Receiver,
    signal: AbortSignal,
  ) {
    this.#viewer = trait(model, "_kind") === "viewer";
    listen(model, "msg:custom", (message, data) => this.#receive(message, data?.[0]), signal);
    // A restarted kernel, or a lost and regained socket: say who we are again.
    listen(
      model,
      "comm_live_update",
      () => {
        this.log.add("warning", "interrupted");
        this.hello();
        receiver.interrupted();
      },
      signal,
    );
    window.addEventListener("pagehide", () => this.send({ type: "pagehide" }), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.hello(), { signal });
    signal.addEventListener(
      "abort",
      () => {
        this.attempt = null;
        clearTimeout(this.#hello);
      },
      { once: true },
    );
    this.hello();
  }

  /** The attempt of this page, also until the next one begins; it beats while there is one. */
  get attempt(): number | null {
    return this.#attempt;
  }

  set attempt(attempt: number | null) {
    // What led here is told at once, and what ends the attempt with it.
    if (attempt !== this.#attempt) this.log.flush();
    this.#attempt = attempt;
    clearInterval(this.#beat);
    if (attempt === null) return;
    this.#last = attempt;
    this.#beat = setInterval(() => this.send({ type: "heartbeat", attempt }), HEARTBEAT_MS);
  }

  /** `data`, at most 1 MB, travels beside the message as bytes. */
  send(message: ToKernel, data?: ArrayBuffer | ArrayBufferView): void {
    // A viewer's kernel owes nobody an account, and traffic would keep it from being culled.
    if (this.#viewer && QUIET.has(message.type)) return;
    try {
      const whole = { ...message, page_id: this.pageId };
      this.model.send(whole, undefined, data && [data]);
    } catch {
      // The host has closed its channel; whatever has to stop stops in this page all the same.
      this.counts.unsent++;
    }
  }

  /** Says hello now and again until the kernel's welcome. */
  hello(round = 0): void {
    if (round === 0) this.welcomed = false;
    clearTimeout(this.#hello);
    this.send({
      type: "hello",
      protocol: PROTOCOL,
      version: __VERSION__,
      page: {
        secure: window.isSecureContext === true,
        host: location.host,
        visible: document.visibilityState === "visible",
        safari: desktopSafari(navigator),
        agent: navigator.userAgent,
      },
    });
    const wait = HELLO_WAITS[Math.min(round, HELLO_WAITS.length - 1)];
    this.#hello = setTimeout(() => this.hello(round + 1), wait);
  }

  #receive(content: unknown, data?: BufferSource): void {
    const message = parse(content);
    if (!message) {
      this.counts.unknown++;
      return;
    }
    this.receiver.heard();
    switch (message.type) {
      case "beat":
        return;
      case "welcome":
        if (message.page_id !== this.pageId) return; // another page's
        clearTimeout(this.#hello);
        this.welcomed = true;
        this.receiver.welcome(message);
        return;
      case "chunk":
        return; // the loader takes these
      case "owner":
        this.receiver.ownerChanged(message.page_id === this.pageId);
        return;
      case "switch-camera":
        if (message.page_id === this.pageId) this.receiver.switchCamera(message.request);
        return;
      case "image-state":
        this.receiver.imageState(message, data);
        return;
      case "tap":
        if (message.page_id !== this.pageId) return; // another page's
        this.receiver.tap(message);
        return;
      case "credit":
      case "untap":
      case "recording":
        this.receiver.tap(message);
        return;
      case "prepare":
        if (message.page_id !== this.pageId) return; // another page's
        if (message.attempt <= this.#last) this.counts.dropped++;
        else {
          this.#last = message.attempt;
          this.receiver.prepare(message);
        }
        return;
      default:
        if ("page_id" in message && message.page_id !== this.pageId) return; // another page's
        if (message.attempt !== this.#attempt) this.counts.dropped++;
        else this.receiver.attemptMessage(message);
    }
  }
}
