// LiveKit's own client with nothing around it; the control channel is a plain WebSocket.

import { Room, RoomEvent, Track } from "./dist/livekit.js";

export async function connect({ camera, show, seen, prompt, codec = "h264", ...urls }) {
  const query = new URLSearchParams({
    api_key: urls.key, model: "lucy-latest", livekit_early_room_info: "true",
  });
  const socket = new WebSocket(`${urls.realtimeBaseUrl}/v1/stream?${query}`);
  const waiting = [];
  /** The next message of this type; requests here come one after the other. */
  const next = (type) =>
    new Promise((resolve, reject) => waiting.push({ type, resolve, reject }));
  const take = (type, how, value) => {
    const index = waiting.findIndex((one) => one.type === type || type === "error");
    if (index >= 0) waiting.splice(index, 1)[0][how](value);
  };
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "generation_tick") seen.ticks.push(message.seconds);
    if (message.type === "generation_started") seen.states.push("generating");
    if (message.type === "error" || message.success === false) {
      seen.errors.push(message.error);
      take(message.type, "reject", new Error(message.error));
    } else take(message.type, "resolve", message);
  });
  await new Promise((opened, failed) => {
    socket.addEventListener("open", opened, { once: true });
    socket.addEventListener("error", failed, { once: true });
  });
  const ask = (message, answer) => {
    const answered = next(answer);
    socket.send(JSON.stringify(message));
    return answered;
  };
  const setPrompt = (text, enhance) =>
    ask({ type: "prompt", prompt: text, enhance_prompt: enhance }, "prompt_ack");

  const joined = ask({ type: "livekit_join", passthrough: !prompt }, "livekit_room_info");
  const prompted = prompt && setPrompt(prompt, false);
  const info = await joined;
  await prompted;

  const room = new Room({ adaptiveStream: false, dynacast: false });
  room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
    if (participant.identity.startsWith("inference-server-")) {
      show(new MediaStream([track.mediaStreamTrack]));
    }
  });
  for (const event of ["Reconnecting", "SignalReconnecting", "Reconnected", "Disconnected"]) {
    room.on(RoomEvent[event], () => seen.states.push(RoomEvent[event]));
  }
  await room.connect(info.livekit_url, info.token);
  await room.localParticipant.publishTrack(camera.getVideoTracks()[0], {
    source: Track.Source.Camera,
    videoCodec: codec,
    simulcast: codec !== "vp9",
    videoEncoding: { maxBitrate: 3_500_000, maxFramerate: 30 },
  });
  return {
    prompt: (text) => setPrompt(text, true),
    async image(blob, text) {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const image_data = btoa(String.fromCharCode(...bytes));
      await ask({ type: "set_image", image_data, prompt: text, enhance_prompt: false }, "set_image_ack");
    },
    state: () => room.state,
    async end() {
      await room.disconnect();
      socket.close();
    },
    sessionId: () => info.session_id,
    subscribeToken: () => btoa(JSON.stringify({ room_name: info.room_name })),
  };
}
