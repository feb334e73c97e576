// A page as the SDK's makers describe it.

import { createDecartClient, models, noopLogger } from "./dist/sdk.js";

function decart({ baseUrl, realtimeBaseUrl, key }) {
  return createDecartClient({
    apiKey: key, baseUrl, realtimeBaseUrl, telemetry: false, logger: noopLogger,
  });
}

export async function connect({ camera, show, seen, prompt, codec, ...urls }) {
  const live = await decart(urls).realtime.connect(camera, {
    model: models.realtime("lucy-latest"),
    onRemoteStream: show,
    onConnectionChange: (state) => seen.states.push(state),
    initialState: prompt ? { prompt: { text: prompt, enhance: false } } : undefined,
    preferredVideoCodec: codec,
  });
  live.on("generationTick", ({ seconds }) => seen.ticks.push(seconds));
  live.on("error", (error) => seen.errors.push(error.message));
  return {
    prompt: (text) => live.setPrompt(text, { enhance: true }),
    image: (blob, text) => live.set({ image: blob, prompt: text, enhance: false }),
    state: () => live.getConnectionState(),
    end: () => live.disconnect(),
    sessionId: () => live.sessionId,
    subscribeToken: () => live.subscribeToken,
  };
}

/** Watches somebody's running session. */
export async function watch({ token, show, ...urls }) {
  const viewer = await decart(urls).realtime.subscribe({ token, onRemoteStream: show });
  return { state: () => viewer.getConnectionState(), end: () => viewer.disconnect() };
}
