import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { allowedSubscribers, liveTrack } from "../../src/media/live-track.ts";
import { harmless, publishOptions, roomConfiguration } from "../../src/media/room-options.ts";
import { desktopSafari } from "../../src/media/safari.ts";
import { Session } from "../../src/session/session.ts";
import {
  FakeCamera,
  FakeModel,
  FakePeer,
  FakeRooms,
  FakeTrack,
  prepare,
  settled,
} from "../fakes.ts";

const VIDEO = {
  preferred_codec: "H264",
  max_bitrate: 3_500_000,
  min_bitrate: 300_000,
  max_framerate: 30,
  start_bitrate: 3_000_000,
};

describe("how the camera is published", () => {
  test("H.264 is sent as simulcast, with the requested bitrate and frame rate", () => {
    expect(publishOptions(VIDEO, false)).toEqual({
      videoCodec: "h264",
      videoEncoding: { maxBitrate: 3_500_000, maxFramerate: 30 },
      simulcast: true,
      backupCodec: false,
      degradationPreference: "maintain-resolution",
    });
  });

  test.each(["VP9", "AV1"])("%s is sent without simulcast", (preferred_codec) => {
    const options = publishOptions({ ...VIDEO, preferred_codec }, false);
    expect(options).toMatchObject({ videoCodec: preferred_codec.toLowerCase(), simulcast: false });
  });

  test("a browser without the codec sends VP8; one that lists no codecs sends the preferred one", () => {
    const codec = (known: string[]) => publishOptions(VIDEO, false, known).videoCodec;
    expect(codec(["video/VP8", "video/rtx"])).toBe("vp8");
    expect(codec(["video/VP8", "video/H264"])).toBe("h264");
    expect(codec([])).toBe("h264");
  });

  test("desktop Safari sends VP8, whichever codec is preferred", () => {
    expect(publishOptions(VIDEO, true)).toMatchObject({ videoCodec: "vp8", simulcast: true });
  });
});

test.each([
  ["Apple Computer, Inc.", "Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605", 0, true],
  ["Apple Computer, Inc.", "Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605", 5, false],
  ["Apple Computer, Inc.", "iPhone; CPU iPhone OS 17_4) Version/17.4 Mobile Safari/604", 5, false],
  ["Google Inc.", "Macintosh; Intel Mac OS X 10_15_7) Chrome/120 Safari/537", 0, false],
  ["", "X11; Linux x86_64; rv:120.0) Gecko Firefox/120", 0, false],
])("%s, %s, %d touch points: desktop Safari is %s", (vendor, userAgent, maxTouchPoints, is) => {
  expect(desktopSafari({ vendor, userAgent, maxTouchPoints } as Navigator)).toBe(is);
});

describe("the connection's configuration", () => {
  test("keeps the room's own ICE servers where ours have no TURN server", () => {
    expect(roomConfiguration({ iceServers: [{ urls: "stun:stun.example" }] })).toEqual({});
    expect(roomConfiguration({ iceServers: [] })).toEqual({});
  });

  test("passes TURN servers and all other fields on", () => {
    const rtc: RTCConfiguration = {
      iceServers: [{ urls: ["stun:a.example", "turn:a.example"], username: "me" }],
      iceTransportPolicy: "relay",
    };
    expect(roomConfiguration(rtc)).toEqual(rtc);
    const policy: RTCConfiguration = { iceTransportPolicy: "relay" };
    expect(roomConfiguration(policy)).toEqual(policy);
  });
});

test.each([
  [
    Error("could not reach wss://a.example/rtc/v1?access_token=eyJhbGciOi.eyJ2aWRlbyI.sig-n_x now"),
    "could not reach … now",
  ],
  [Error("token eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e30.c2lnbmF0dXJl expired"), "token … expired"],
  ["ROOM_DELETED", "ROOM_DELETED"],
])("the reported reason of a failure has no token in it: %s", (reason, expected) => {
  expect(harmless(reason)).toBe(expected);
});

describe("the track that is shown", () => {
  const track = (readyState = "live") =>
    Object.assign(new FakeTrack(), { readyState }) as unknown as MediaStreamTrack;
  const service = (...tracks: (MediaStreamTrack | undefined)[]) => ({
    identity: "inference-server-1",
    tracks,
  });

  test("is the service's", () => {
    const picture = track();
    const others = { identity: "client-7", tracks: [track()] };
    expect(liveTrack([others, service(picture), others])).toBe(picture);
    expect(liveTrack([others])).toBeNull();
  });

  test("is the live one, before or after an ended one", () => {
    const picture = track();
    expect(liveTrack([service(track("ended")), service(picture)])).toBe(picture);
    expect(liveTrack([service(picture), service(track("ended"))])).toBe(picture);
    expect(liveTrack([service(track("ended"))])).toBeNull();
  });

  test("is the newest of several subscribed ones", () => {
    const picture = track();
    expect(liveTrack([service(track(), picture), service(undefined)])).toBe(picture);
  });
});

test("only the service's participants may subscribe to the camera", () => {
  const allowed = (...identities: string[]) =>
    allowedSubscribers(identities).map(({ participantIdentity }) => participantIdentity);
  expect(allowed("viewer-1", "client-2", "inference-server-7")).toEqual([
    "inference-server-1",
    "inference-server-7",
  ]);
  expect(allowed("inference-server-1")).toEqual(["inference-server-1"]);
});

describe("a session in a room", () => {
  let model: FakeModel;
  let camera: FakeCamera;
  let rooms: FakeRooms;
  let scope: AbortController;
  let session: Session;

  const begin = (state: Record<string, unknown> = {}) => {
    model = new FakeModel({ connection_state: "idle", ...state });
    session = new Session(model, rooms.load, scope.signal);
    session.attachView(new AbortController().signal);
  };
  const prepared = (attempt = 1) =>
    model.receive({ ...prepare(model, attempt), transport: "livekit" as const });
  const room = (more: object = {}) => {
    const message = { type: "room", attempt: 1, page_id: model.pageId, room_name: "r" };
    model.receive({ ...message, url: "wss://r.example", token: "eyJ", ...more });
  };
  const media = () => model.all("media").map((m) => m.state);

  beforeEach(() => {
    vi.useFakeTimers();
    FakePeer.made = [];
    camera = new FakeCamera();
    rooms = new FakeRooms();
    scope = new AbortController();
  });
  afterEach(() => {
    scope.abort();
    vi.useRealTimers();
  });

  test("joins without waiting for the camera, and publishes it when it opens", async () => {
    begin();
    await settled();
    session.start();
    prepared();
    room();
    await settled();
    expect(rooms.received).toMatchObject([{ url: "wss://r.example", token: "eyJ" }]);
    expect(rooms.published).toEqual([]);
    const track = await camera.open();
    expect(rooms.published).toEqual([track]);
    expect(FakePeer.made).toEqual([]);
  });

  test("ignores a room that is for another page", async () => {
    begin();
    prepared();
    room({ page_id: "another" });
    await settled();
    expect(rooms.received).toEqual([]);
    expect(session.kernel.counts.dropped).toBe(0);
  });

  test("waits for the chunk `room`, and joins when it is loaded", async () => {
    let come = () => {};
    const { load } = rooms;
    Object.assign(rooms, {
      load: async (name: string) => {
        if (name !== "room") return load(name);
        await new Promise<void>((resolve) => {
          come = resolve;
        });
        return load("room");
      },
    });
    begin();
    await settled();
    session.start();
    prepared();
    const track = await camera.open();
    room();
    await settled();
    expect(rooms.received).toEqual([]);
    come();
    await settled();
    expect(rooms.received).toHaveLength(1);
    expect(rooms.published).toEqual([track]);
  });

  test("reports a failure when the chunk `room` can't be loaded", async () => {
    const { load } = rooms;
    Object.assign(rooms, {
      load: async (name: string) => {
        if (name !== "room") return load(name);
        throw Error("no such chunk");
      },
    });
    begin();
    await settled();
    session.start();
    prepared();
    await camera.open();
    expect(model.all("media")).toContainEqual(
      expect.objectContaining({
        state: "failed",
        detail: { reason: "Error: no such chunk" },
      }),
    );
  });

  test("tells the kernel when the room reconnects by itself", async () => {
    begin();
    await settled();
    session.start();
    prepared();
    await camera.open();
    rooms.become("connected");
    rooms.become("reconnecting");
    rooms.become("connected");
    expect(media()).toEqual(["camera", "connected", "reconnecting", "connected"]);
    expect(camera.on).toBe(true);
  });

  test("shows every new stream", async () => {
    begin();
    await settled();
    session.start();
    prepared();
    await camera.open();
    rooms.show();
    const first = session.attempt?.stream;
    rooms.show();
    expect(first).toBeTruthy();
    expect(session.attempt?.stream).not.toBe(first);
  });

  test("a viewer starts by itself, opens no camera, and sends neither heartbeats nor statistics", async () => {
    begin({ _kind: "viewer" });
    expect(model.all("start")).toHaveLength(1);
    model.set("connection_state", "connecting");
    prepared();
    room();
    await settled();
    rooms.become("connected");
    rooms.show();
    rooms.framesDecoded = 1;
    await vi.advanceTimersByTimeAsync(12_000);
    expect(camera.asked).toEqual([]);
    expect(rooms.received).toHaveLength(1);
    expect(media()).toEqual(["connected", "first-frame"]);
    expect(model.all("heartbeat").concat(model.all("stats"))).toEqual([]);
    expect(session.attempt?.reading?.width).toBe(1280);
  });

  test("a viewer that is shown again after it was hidden starts again", async () => {
    begin({ _kind: "viewer" });
    scope.abort();
    scope = new AbortController();
    model = new FakeModel({ connection_state: "idle", _kind: "viewer" });
    session = new Session(model, rooms.load, scope.signal);
    const view = new AbortController();
    session.attachView(view.signal);
    model.set("connection_state", "connecting");
    prepared();
    await settled();
    view.abort();
    await vi.advanceTimersByTimeAsync(5000);
    expect(model.all("stop")).toHaveLength(1);
    model.set("connection_state", "disconnected");
    session.attachView(new AbortController().signal);
    expect(model.all("start")).toHaveLength(2);
  });
});
