import { expect, test, vi } from "vitest";
import { preferred } from "../../src/media/peer.ts";
import { read } from "../../src/media/stats.ts";
import { FakePeer } from "../fakes.ts";

const codecs = (...names: string[]) =>
  names.map((name) => ({ mimeType: `video/${name}`, clockRate: 90_000 }));
const names = (list: { mimeType: string }[]) => list.map((codec) => codec.mimeType.slice(6));

test("the preferred codec comes first, rtx, red and ulpfec come last, the order is otherwise kept", () => {
  const offered = codecs("rtx", "VP9", "red", "H264", "VP8", "AV1", "ulpfec");
  expect(names(preferred(offered, "vp8"))).toEqual([
    ...["VP8", "VP9", "H264", "AV1"],
    ...["rtx", "red", "ulpfec"],
  ]);
  expect(names(preferred(offered, "H265"))).toEqual([
    ...["VP9", "H264", "VP8", "AV1"],
    ...["rtx", "red", "ulpfec"],
  ]);
  expect(preferred(undefined, "VP8")).toEqual([]);
});

const report = (at: number, inbound: object, rtt: number | undefined = 0.0212) =>
  new Map<string, object>([
    ["codec", { id: "codec", type: "codec", mimeType: "video/VP8" }],
    ["audio", { id: "audio", type: "inbound-rtp", kind: "audio", packetsLost: 99 }],
    [
      "in",
      { id: "in", type: "inbound-rtp", kind: "video", codecId: "codec", timestamp: at, ...inbound },
    ],
    ["old", { id: "old", type: "candidate-pair", state: "failed", currentRoundTripTime: 9 }],
    [
      "pair",
      {
        id: "pair",
        type: "candidate-pair",
        nominated: true,
        state: "succeeded",
        ...(rtt === undefined ? {} : { currentRoundTripTime: rtt }),
      },
    ],
  ]) as unknown as RTCStatsReport;

test("rates are computed from two reports", () => {
  const size = { frameWidth: 1280, frameHeight: 720 };
  const first = read(
    report(1000, {
      ...size,
      framesDecoded: 10,
      bytesReceived: 1000,
      packetsReceived: 100,
      packetsLost: 0,
    }),
  );
  expect(first).toMatchObject({
    fps: 0,
    bitrate: 0,
    loss: 0,
    width: 1280,
    height: 720,
    codec: "VP8",
  });
  const second = read(
    report(3000, {
      ...size,
      framesDecoded: 60,
      bytesReceived: 251_000,
      packetsReceived: 199,
      packetsLost: 1,
    }),
    first,
  );
  expect(second).toMatchObject({
    fps: 25,
    bitrate: 1_000_000,
    loss: 0.01,
    rtt_s: 0.0212,
    framesDecoded: 60,
  });
});

test("a report without video has zero for every rate", () => {
  expect(read(new Map() as unknown as RTCStatsReport)).toMatchObject({
    fps: 0,
    width: 0,
    rtt_s: null,
    loss: 0,
    framesDecoded: 0,
    codec: "",
  });
});

test("warming up creates one peer connection and closes it", async () => {
  const { warmUp } = await import("../../src/media/warm.ts");
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  const before = FakePeer.made.length;
  warmUp();
  warmUp();
  await Promise.resolve();
  await Promise.resolve();
  const made = FakePeer.made.slice(before);
  expect(made).toHaveLength(1);
  expect(made[0]).toMatchObject({ connectionState: "closed", localDescription: null });
  vi.unstubAllGlobals();
});
