import { expect, test, vi } from "vitest";

/** The browser's RTCPeerConnection; keeps the remote descriptions that are set. */
class BrowserPeer {
  readonly given: RTCSessionDescriptionInit[] = [];
  constructor(readonly configuration?: RTCConfiguration) {}
  async setRemoteDescription(description: RTCSessionDescriptionInit) {
    this.given.push(description);
  }
}
vi.stubGlobal("RTCPeerConnection", BrowserPeer);
const { RTCPeerConnection: RoomPeer } = await import("../../src/media/room-peer.ts");

const sdp = "v=0\r\nm=video 9 X 96\r\na=rtpmap:96 H264/90000\r\n";
const decartBitrates = { max_bitrate: 3_500_000, min_bitrate: 300_000, start_bitrate: 14_000_000 };

async function given(configuration: object, description: RTCSessionDescriptionInit) {
  const peer = new RoomPeer(configuration);
  await peer.setRemoteDescription(description);
  return (peer as unknown as BrowserPeer).given[0];
}

test("the requested bitrates are added to a room's answer", async () => {
  const seen = await given({ decartBitrates }, { type: "answer", sdp });
  expect(seen?.type).toBe("answer");
  expect(seen?.sdp).toContain("x-google-start-bitrate=14000");
});

test("offers, and answers without requested bitrates, are not changed", async () => {
  const offer = { type: "offer", sdp } as const;
  expect(await given({ decartBitrates }, offer)).toBe(offer);
  const answer = { type: "answer", sdp } as const;
  expect(await given({}, answer)).toBe(answer);
});
