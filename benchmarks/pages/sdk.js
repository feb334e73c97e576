// What one writes with the SDK's own introduction at hand, with the picture that the model takes
// today (this SDK's table has an older size). Options are in the address: base and realtime, where
// the service is, and its key.

import { createDecartClient, models, noopLogger } from "/client/dist/sdk.js";

const options = new URLSearchParams(location.search);
const picture = document.querySelector("#picture");
const model = models.realtime("lucy-latest");
const client = createDecartClient({
  apiKey: options.get("key"),
  baseUrl: options.get("base"),
  realtimeBaseUrl: options.get("realtime"),
  telemetry: false,
  logger: noopLogger,
});
let camera = null;
let live = null;

document.querySelector("#start").addEventListener("click", async () => {
  camera = await navigator.mediaDevices.getUserMedia({
    video: { width: 1280, height: 720, frameRate: 30 },
  });
  live = await client.realtime.connect(camera, {
    model,
    onRemoteStream: (stream) => { picture.srcObject = stream; },
    initialState: { prompt: { text: "greyscale", enhance: false } },
  });
  document.body.dataset.state = "connected";
});

window.stop = () => {
  live.disconnect();
  for (const track of camera.getTracks()) track.stop();
};
window.ready = true;
