/** Pictures of looks: small ones that all pages share, and larger ones that this page keeps for itself. */

import { listen, onAbort } from "../host.ts";
import type { DeckMessage } from "../kernel/messages.ts";
import type { Session } from "../session/session.ts";
import { looksOf } from "./looks.ts";

/** The longer side of a thumbnail in pixels. */
const SMALL_PX = 192;
/** That of a picture that is kept for comparing. */
const LARGE_PX = 960;
const QUALITY = 0.6;
/** Larger pictures that are kept in this page; the one that was used longest ago goes first. */
const MAX_LARGE = 12;

/** Draws what a video shows, scaled to a longest side; null where it shows nothing. */
function drawn(video: HTMLVideoElement, longest: number): HTMLCanvasElement | null {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width || !height) return null;
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** A small JPEG file of what a video shows; null where it shows nothing. */
export async function thumbnail(video: HTMLVideoElement): Promise<ArrayBuffer | null> {
  const canvas = drawn(video, SMALL_PX);
  const blob = await new Promise<Blob | null>((resolve) =>
    canvas ? canvas.toBlob(resolve, "image/jpeg", QUALITY) : resolve(null),
  );
  return blob ? blob.arrayBuffer() : null;
}

/** The pictures of one view. */
export class Pictures {
  readonly #small = new Map<number, string>();
  readonly #large = new Map<number, HTMLCanvasElement>();

  /** @param changed called when a thumbnail has come */
  constructor(session: Session, changed: () => void, signal: AbortSignal) {
    const take = (content: unknown, buffers?: readonly BufferSource[]) => {
      const message = content as DeckMessage | null;
      const data = buffers?.[0];
      if (message?.type !== "thumbnails" || !data || !Array.isArray(message.sizes)) return;
      const bytes = ArrayBuffer.isView(data)
        ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        : new Uint8Array(data);
      let at = 0;
      for (const [number, size] of message.sizes) {
        this.#set(number, new Blob([bytes.slice(at, at + size)], { type: "image/jpeg" }));
        at += size;
      }
      changed();
    };
    listen(session.model, "msg:custom", take, signal);
    // Those that came before this view was there; later ones are sent to all pages.
    if (looksOf(session.model).length) session.kernel.send({ type: "thumbnails" });
    onAbort(signal, () => {
      for (const url of this.#small.values()) URL.revokeObjectURL(url);
    });
  }

  /** The address of a look's thumbnail; null where there is none. */
  small(number: number): string | null {
    return this.#small.get(number) ?? null;
  }

  /** Forgets the thumbnails of looks that are gone. */
  keepOnly(numbers: ReadonlySet<number>): void {
    for (const [number, url] of this.#small) {
      if (numbers.has(number)) continue;
      URL.revokeObjectURL(url);
      this.#small.delete(number);
    }
  }

  /** Keeps what a video shows now as the picture of a look. */
  keep(number: number, video: HTMLVideoElement): void {
    const canvas = drawn(video, LARGE_PX);
    if (!canvas) return;
    this.#large.delete(number);
    this.#large.set(number, canvas);
    const [oldest] = this.#large.keys();
    if (this.#large.size > MAX_LARGE && oldest !== undefined) this.#large.delete(oldest);
  }

  /** The picture that was kept of a look; null where there is none in this page. */
  kept(number: number): HTMLCanvasElement | null {
    return this.#large.get(number) ?? null;
  }

  #set(number: number, picture: Blob): void {
    const before = this.#small.get(number);
    if (before) URL.revokeObjectURL(before);
    this.#small.set(number, URL.createObjectURL(picture));
  }
}
