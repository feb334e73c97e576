// A minimal widget host: a model that records its messages, a scripted kernel, and a service.

const packs = new Map();

/** A chunk of the front end, compressed as the kernel sends it. */
function packed(name) {
  if (!packs.has(name)) {
    const gzip = ({ body }) => new Response(body.pipeThrough(new CompressionStream("gzip")));
    packs.set(name, fetch(`/static/${name}.js`).then((r) => gzip(r).arrayBuffer()));
  }
  return packs.get(name);
}

const digests = new Map();

/** A chunk's hash, as the kernel computes it; its name on an insecure origin, where no page can check it. */
function digest(name) {
  if (!digests.has(name)) {
    const named = () => new TextEncoder().encode(name.padEnd(32)).buffer;
    const sha256 = async (code) => (await crypto.subtle?.digest("SHA-256", code)) ?? named();
    const hash = async (code) => [...new Uint8Array(await sha256(code), 0, 16)];
    const hex = (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const code = fetch(`/static/${name}.js`).then((response) => response.arrayBuffer());
    digests.set(name, code.then(hash).then(hex));
  }
  return digests.get(name);
}

/** The trait `_chunks`: names and hashes. */
async function chunks(names) {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await digest(name)])));
}

/** A model with the synced traits; `sent` records what the widget sends. */
class Model {
  constructor(state) {
    this.state = { ...state };
    this.handlers = new Map();
    this.sent = [];
    /** Messages with a buffer, and its size in bytes. */
    this.pieces = [];
    this.waiting = [];
    this.saves = 0;
  }
  get(name) { return this.state[name]; }
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.emit(`change:${name}`, value);
  }
  save_changes() { this.saves++; }
  send(content, _callbacks, buffers) {
    this.sent.push(structuredClone(content));
    if (buffers?.length) this.pieces.push({ ...content, bytes: buffers[0].byteLength });
    for (const notify of this.waiting.splice(0)) notify();
    this.onsend?.(content);
  }
  on(name, handler) {
    if (!this.handlers.has(name)) this.handlers.set(name, new Set());
    this.handlers.get(name).add(handler);
  }
  off(name, handler) { this.handlers.get(name)?.delete(handler); }
  emit(name, ...payload) { for (const handler of [...(this.handlers.get(name) ?? [])]) handler(...payload); }

  /** Delivers a message of the kernel. */
  receive(message, buffers = []) { this.emit("msg:custom", message, buffers); }
  /** Delivers a chunk of the front end, in a DataView as hosts pass buffers. */
  async push(name, hash = this.state._chunks[name]) {
    this.receive({ type: "chunk", name, hash, encoding: "gzip" }, [new DataView(await packed(name))]);
  }
  /** Sets traits as the kernel does. */
  update(traits) { for (const [name, value] of Object.entries(traits)) this.set(name, value); }
  count(type) { return this.sent.filter((m) => m.type === type).length; }
  last(type) { return this.sent.findLast((m) => m.type === type); }
  /** The first message of this type, from `since` on. */
  async until(type, since = 0) {
    for (;;) {
      const found = this.sent.slice(since).find((m) => m.type === type);
      if (found) return found;
      await new Promise((notify) => this.waiting.push(notify));
    }
  }
}

/** The service: fills the picture with a colour, so that pixels tell it from the camera's. */
class Service {
  constructor(model, attempt, colour) {
    this.model = model;
    this.attempt = attempt;
    this.peer = new RTCPeerConnection({ iceServers: [] });
    this.received = 0;
    /** Delay of each picture, in milliseconds. */
    this.late = 0;
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const context = canvas.getContext("2d");
    const video = Object.assign(document.createElement("video"), { muted: true });
    this.video = video;
    this.peer.addEventListener("track", ({ track }) => {
      video.srcObject = new MediaStream([track]);
      video.play().catch(() => {});
      const paint = () => {
        if (this.peer.connectionState === "closed") return;
        this.received++;
        createImageBitmap(video).then((picture) => setTimeout(() => {
          context.drawImage(picture, 0, 0, 640, 360);
          picture.close();
          context.fillStyle = colour;
          context.fillRect(0, 0, 640, 360);
        }, this.late), () => {}); // a video whose track is being replaced may have no frame for a moment
        video.requestVideoFrameCallback(paint);
      };
      video.requestVideoFrameCallback(paint);
    });
    this.track = canvas.captureStream(25).getVideoTracks()[0];
    this.early = [];
    this.peer.addEventListener("icecandidate", ({ candidate }) => {
      model.receive({ type: "candidate", attempt, candidate: candidate && candidate.toJSON() });
    });
  }
  async answer(sdp, { candidatesFirst = false } = {}) {
    await this.peer.setRemoteDescription({ type: "offer", sdp });
    const [transceiver] = this.peer.getTransceivers();
    transceiver.direction = "sendrecv";
    await transceiver.sender.replaceTrack(this.track);
    const answer = await this.peer.createAnswer();
    const gathered = new Promise((done) => {
      this.peer.addEventListener("icegatheringstatechange", () => this.peer.iceGatheringState === "complete" && done());
    });
    await this.peer.setLocalDescription(answer);
    if (candidatesFirst) await gathered;
    this.model.receive({ type: "answer", attempt: this.attempt, sdp: answer.sdp });
    for (const candidate of this.early.splice(0)) await this.peer.addIceCandidate(candidate);
    this.answered = true;
  }
  async candidate(candidate) {
    if (!this.answered) this.early.push(candidate ?? undefined);
    else await this.peer.addIceCandidate(candidate ?? undefined);
  }
  close() { this.peer.close(); this.track.stop(); }
}

/** The kernel's engine: sends the pictures of each stream in a loop, two ahead of what is shown. */
class Engine {
  /** `clips`: by stream, its encoded pictures; the first one is a keyframe. */
  constructor(kernel, attempt, clips) {
    Object.assign(this, { kernel, attempt, clips, views: {}, sent: { output: 0, input: 0 } });
  }
  watch({ streams, codecs }) {
    this.views = {};
    for (const stream of streams) {
      this.views[stream] = { stream, clip: this.clips[stream], codec: codecs[0], next: 0, open: 0 };
      this.send(this.views[stream]);
      this.send(this.views[stream]);
    }
  }
  shown({ stream, number }) {
    const view = this.views[stream];
    if (!view || number >= view.next) return;
    view.open--;
    setTimeout(() => this.views[stream] === view && this.send(view), 30);
  }
  send(view) {
    if (this.isSilent || view.open >= 2 || this.kernel.engine !== this) return;
    view.open++;
    const number = view.next++;
    const { data, ...about } = view.clip[number % view.clip.length];
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    this.sent[view.stream]++;
    const { model, pageId: page_id } = this.kernel;
    const message = { type: "picture", page_id, attempt: this.attempt, stream: view.stream, number };
    model.receive({ ...message, ...about, at: null, dropped: 0 }, [new DataView(bytes.buffer)]);
  }
}

/** A scripted kernel: prepares attempts, passes messages to the service, and sets the state. */
class Kernel {
  constructor(model, options = {}) {
    this.model = model;
    this.options = { colour: "rgba(200, 0, 0, 0.8)", generate: true, ...options };
    this.attempts = 0;
    this.service = null;
    model.onsend = (message) => this.hear(message);
  }
  welcome(owner = true) {
    const { page_id } = this.model.last("hello");
    this.pageId = page_id;
    this.model.receive({ type: "welcome", page_id, owner, protocol: 1, version: "0", attempt: null });
  }
  prepare() {
    const attempt = ++this.attempts;
    const { width, height, fps } = this.model.get("_media");
    const { transport = "webrtc" } = this.options;
    this.service?.close();
    // With a room the test uses a real service.
    this.engine = transport === "kernel" ? new Engine(this, attempt, this.options.clips) : null;
    if (transport === "webrtc") this.service = new Service(this.model, attempt, this.options.colour);
    this.model.receive({
      type: "prepare", attempt, page_id: this.pageId, transport,
      model: { name: "lucy-latest", fps, width, height },
      video: { preferred_codec: "VP8", max_bitrate: 2_500_000, min_bitrate: 300_000, max_framerate: 26, start_bitrate: 2_500_000, ...this.options.video },
      rtc: { iceServers: [] }, timeout_s: this.options.timeout ?? 15,
    });
  }
  /** Sends the page the room to join. */
  room({ livekit_url: url, token, room_name }) {
    this.model.receive({
      type: "room", attempt: this.attempts, page_id: this.pageId, url, token, room_name,
    });
  }
  end(reason, keep_camera = false) {
    this.model.receive({ type: "end", attempt: this.attempts, reason, keep_camera });
  }
  hear(message) {
    if (message.type === "start") {
      this.model.update({ connection_state: "connecting", error: {} });
      this.prepare();
    } else if (message.type === "watch" || message.type === "shown") {
      if (message.attempt !== this.engine?.attempt) return;
      this.engine[message.type](message);
      if (message.streams?.length) this.model.update({ connection_state: "generating" });
    } else if (message.type === "offer") {
      this.service.answer(message.sdp, this.options);
    } else if (message.type === "candidate") {
      this.service.candidate(message.candidate);
    } else if (message.type === "media" && message.state === "connected") {
      this.model.update({ connection_state: this.options.generate ? "generating" : "connected" });
    } else if (message.type === "stop") {
      this.service?.close();
      this.engine = null;
      this.model.update({ connection_state: "disconnected" });
    }
  }
}

const STATE = {
  model: "lucy-latest", prompt: "a pencil sketch", enrich: true, connection_state: "idle",
  service_status: "unknown", queue_position: null, queue_size: null, session_id: null,
  generation_tick: 0, applied_prompt: null, prompt_status: "idle", error: {}, endpoint: "decart",
  budget: null, _kind: "session", _media: { width: 640, height: 360, fps: 30, has_image: true }, _retry: {}, _applied_in: null,
};

/**
 * Loads the bundle as a host does, and renders `views` views of one model.
 *
 * The model's chunks are those that `options.chunks` names. The kernel sends them when it has been `"pushed"` or `"asked"` for, or `"never"`.
 */
async function mount(state = {}, options = {}) {
  const { views = 1, initialize = true, order = "first", kernel = {}, main = "pushed" } = options;
  const names = options.chunks ?? ["main", "peer", "capture", "tools", "take"];
  const module = await import("/static/loader.js");
  const definition = await module.default();
  const model = new Model({ ...STATE, _chunks: await chunks(names), ...state });
  const host = { model, shown: [], definition, kernel: null };
  const life = new AbortController();
  const begin = () => definition.initialize({ model, signal: life.signal, experimental: {} });
  host.show = async () => {
    const el = document.createElement("div");
    document.getElementById("views").append(el);
    const controller = new AbortController();
    const cleanup = await definition.render({ model, el, signal: controller.signal, experimental: {} });
    if (main !== "never") await shown(el);
    const view = {
      el,
      remove() { controller.abort(); cleanup?.(); el.remove(); },
    };
    host.shown.push(view);
    return view;
  };
  host.destroy = () => life.abort();
  if (main === "asked") {
    model.onsend = (message) => {
      if (message.type === "need") model.push(message.name, message.hash);
    };
  }
  if (initialize && order === "first") await begin();
  // A model without listeners would lose the messages.
  if (main === "pushed") {
    const heard = initialize && order === "first" ? Promise.resolve() : listens(model);
    heard.then(() => Promise.all(Object.keys(model.state._chunks).map((name) => model.push(name))));
  }
  for (let i = 0; i < views; i++) await host.show();
  if (initialize && order === "last") await begin();
  if (kernel && main !== "never") {
    await model.until("hello");
    host.kernel = new Kernel(model, kernel);
    host.kernel.welcome();
    // Messages that were sent before this kernel existed.
    for (const message of [...model.sent]) host.kernel.hear(message);
  }
  return host;
}

/** Waits until the model has a listener for messages. */
async function listens(model) {
  while (!model.handlers.get("msg:custom")?.size) await new Promise(requestAnimationFrame);
}

/** Waits until the front end has replaced the placeholder. */
async function shown(el) {
  while (!el.querySelector(".decart-widget")) await new Promise(requestAnimationFrame);
}

/** Mean colour of a video's picture, 0 to 255 per channel. */
function colour(video) {
  const canvas = new OffscreenCanvas(16, 9);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 16, 9);
  const { data } = context.getImageData(0, 0, 16, 9);
  const sum = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c];
  return sum.map((value) => Math.round(value / (data.length / 4)));
}

Object.assign(window, { mount, colour, Model, ready: true });
