/** The chunk `kernel` on fakes, new for each test; shared by the tests of this folder. */

import { afterEach, beforeEach, vi } from "vitest";
import type { Picture } from "../../src/kernel/messages.ts";
import type { Transport, TransportOptions } from "../../src/media/transport.ts";
import { open } from "../../src/pictures/index.ts";
import { FakeStream, type FakeTrack, type Message, settled } from "../fakes.ts";
import { fakePictures, observers } from "./fakes.ts";

export let sent: Message[];
export let streams: MediaStream[];
export let sources: (MediaStream | null)[];
export let states: string[];
export let scope: AbortController;
export let generators: ReturnType<typeof fakePictures>;
export let transport: Transport;
let hidden = false;
/** What was drawn on canvases, and how many frames they gave; decoders of images to be answered. */
export let drawn: unknown[];
export let requested: number;
export let bitmaps: { resolve: (bitmap: unknown) => void; reject: (error: Error) => void }[];

beforeEach(() => {
  vi.useFakeTimers();
  [drawn, requested, bitmaps] = [[], 0, []];
  const context = { drawImage: (picture: unknown) => drawn.push(picture) };
  const track = Object.assign(new EventTarget(), {
    ...{ kind: "video", readyState: "live", stop: () => undefined },
    requestFrame: () => requested++,
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  Object.assign(HTMLCanvasElement.prototype, {
    captureStream: () => new FakeStream([track as unknown as FakeTrack]),
  });
  const bitmap = () => new Promise((resolve, reject) => bitmaps.push({ resolve, reject }));
  vi.stubGlobal("createImageBitmap", bitmap);
  vi.stubGlobal("MediaStream", FakeStream);
  vi.stubGlobal("devicePixelRatio", 2);
  hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  [sent, streams, sources, states] = [[], [], [], []];
  scope = new AbortController();
});
afterEach(() => {
  scope.abort();
  vi.useRealTimers();
});

/** Opens the transport and shows it by an element of 600 by 340 CSS pixels. */
export async function watched({
  isVisible = true,
  webCodecs = true,
  h264 = true,
} = {}): Promise<HTMLVideoElement> {
  generators = fakePictures({ webCodecs, h264 });
  transport = open({
    ...({ attempt: 4, rtc: {}, camera: null, sound: false } as unknown as TransportOptions),
    send: (message) => void sent.push(structuredClone(message) as Message),
    onStream: (stream) => void streams.push(stream),
    onSent: (stream) => void sources.push(stream),
    onState: (state) => void states.push(state),
    signal: scope.signal,
  });
  const screen = sized(600, 340);
  transport.showOn?.(screen);
  await settled();
  if (isVisible) observers.see(screen, true);
  return screen;
}

export function sized(width: number, height: number): HTMLVideoElement {
  const screen = document.createElement("video");
  vi.spyOn(screen, "clientWidth", "get").mockReturnValue(width);
  vi.spyOn(screen, "clientHeight", "get").mockReturnValue(height);
  return screen;
}

/** A picture from the kernel. */
export async function receive(number: number, more: Partial<Picture> = {}): Promise<void> {
  const picture = {
    ...{ type: "picture", page_id: "p", attempt: 4, stream: "output", number, codec: "h264" },
    ...{ key: number === 0, config: "avc1.42E01F", width: 640, height: 360, at: null, dropped: 0 },
    ...more,
  } as Picture;
  void transport.receive(picture, new Uint8Array(100));
  await settled();
}

export const all = (type: string) => sent.filter((message) => message.type === type);
export const last = (type: string) => all(type).at(-1);
export const shownNumbers = () => all("shown").map(({ stream, number }) => `${stream} ${number}`);

/** Forgets the messages so far. */
export function forget(): void {
  sent = [];
}

/** Hides the tab, or shows it again. */
export function hide(isHidden: boolean): void {
  hidden = isHidden;
  document.dispatchEvent(new Event("visibilitychange"));
}
