import { expect, test } from "vitest";
import { withBitrates } from "../../src/media/sdp.ts";

const lines = (...all: string[]) => `${all.join("\r\n")}\r\n`;
const ANSWER = lines(
  "v=0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=rtpmap:111 opus/48000/2",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 45",
  "a=mid:0",
  "a=rtpmap:96 VP8/90000",
  "a=rtpmap:97 rtx/90000",
  "a=fmtp:97 apt=96",
  "a=rtpmap:102 H264/90000",
  "a=rtcp-fb:102 nack",
  "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f",
  "a=rtpmap:45 AV1/90000",
  "a=fmtp:45 level-idx=5",
);
const rates = (max_bitrate: number, min_bitrate: number, start_bitrate = max_bitrate) => ({
  max_bitrate,
  min_bitrate,
  start_bitrate,
});
const RATES_OF_2 = rates(2_500_000, 300_000);
const RATES = "x-google-min-bitrate=300;x-google-start-bitrate=2500;x-google-max-bitrate=2500";

test("bitrates are added to every video codec, and nothing else changes", () => {
  expect(withBitrates(ANSWER, RATES_OF_2)).toBe(
    lines(
      "v=0",
      "m=audio 9 UDP/TLS/RTP/SAVPF 111",
      "a=rtpmap:111 opus/48000/2",
      "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 45",
      "a=mid:0",
      "a=rtpmap:96 VP8/90000",
      `a=fmtp:96 ${RATES}`,
      "a=rtpmap:97 rtx/90000",
      "a=fmtp:97 apt=96",
      "a=rtpmap:102 H264/90000",
      "a=rtcp-fb:102 nack",
      `a=fmtp:102 packetization-mode=1;profile-level-id=42e01f;${RATES}`,
      "a=rtpmap:45 AV1/90000",
      `a=fmtp:45 level-idx=5;${RATES}`,
    ),
  );
});

test("applying it twice has the same result as once", () => {
  const once = withBitrates(ANSWER, RATES_OF_2);
  expect(withBitrates(once, RATES_OF_2)).toBe(once);
});

test.each([
  [
    8_000_000,
    300_000,
    3_000_000,
    "x-google-min-bitrate=300;x-google-start-bitrate=3000;x-google-max-bitrate=8000",
  ],
  [
    500_000,
    300_000,
    500_000,
    "x-google-min-bitrate=300;x-google-start-bitrate=500;x-google-max-bitrate=500",
  ],
  [
    2_500_000,
    300_000,
    10_000_000,
    "x-google-min-bitrate=300;x-google-start-bitrate=10000;x-google-max-bitrate=10000",
  ],
  [
    9_000_000,
    4_000_000,
    3_000_000,
    "x-google-min-bitrate=4000;x-google-start-bitrate=4000;x-google-max-bitrate=9000",
  ],
])("maximum %d, minimum %d, start %d bit/s", (max, min, start, expected) => {
  expect(withBitrates(ANSWER, rates(max, min, start))).toContain(`a=fmtp:96 ${expected}\r\n`);
});

test("anything but an answer with video is not changed", () => {
  for (const sdp of [
    "",
    "v=0\r\n",
    "junk",
    lines("v=0", "m=audio 9 X 0", "a=rtpmap:0 VP8/90000"),
  ]) {
    expect(withBitrates(sdp, rates(1e6, 1e5))).toBe(sdp);
  }
});

test("bare line feeds are kept", () => {
  const sdp = "v=0\nm=video 9 X 96\na=rtpmap:96 VP8/90000\n";
  expect(withBitrates(sdp, rates(1e6, 1e5))).not.toContain("\r");
});
