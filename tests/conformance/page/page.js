// What every client's page has: a camera, a picture to look at, and a memory of what happened.
// `open("sdk" | "livekit", …)` starts the client of that name; `client` then has its methods.

const video = document.querySelector("video");

/** Sockets that the page opened, newest last: the control channel's and the room's. */
const sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(url, ...rest) {
    super(url, ...rest);
    const path = new URL(url).pathname;
    const entry = { kind: path.startsWith("/rtc") ? "signal" : "control", path, open: false };
    sockets.push(entry);
    this.addEventListener("open", () => { entry.open = true; });
    this.addEventListener("close", () => { entry.open = false; });
  }
};

/** Size, mean colour and number of the picture shown; as long as there is none, number 0. */
function look() {
  if (video.readyState < 2 || !video.videoWidth) return { frames: 0, mean: [] };
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0, 64, 36);
  const { data } = context.getImageData(0, 0, 64, 36);
  const [sum, spread] = [[0, 0, 0], []];
  for (let i = 0; i < data.length; i += 4) {
    const pixel = [...data.subarray(i, i + 3)];
    pixel.forEach((value, channel) => { sum[channel] += value; });
    spread.push(Math.max(...pixel) - Math.min(...pixel));
  }
  const pixels = spread.length;
  return {
    width: video.videoWidth,
    height: video.videoHeight,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
    mean: sum.map((value) => value / pixels),
    colourfulness: spread.reduce((a, b) => a + b) / pixels,
  };
}

/** The very first picture that this page was shown. */
let first = null;
video.requestVideoFrameCallback(() => { first = look(); });

/** A PNG of one colour and its darker shade, striped. */
function picture(red, green, blue) {
  const canvas = new OffscreenCanvas(64, 64);
  const context = canvas.getContext("2d");
  for (let y = 0; y < 64; y++) {
    const light = y % 2 ? 1 : 0.5;
    context.fillStyle = `rgb(${red * light} ${green * light} ${blue * light})`;
    context.fillRect(0, y, 64, 1);
  }
  return canvas.convertToBlob({ type: "image/png" });
}

/** The loudest sample of what comes back since the page was opened, 0 to 1; null without sound. */
let loudest = null;
let listening = null;
setInterval(() => {
  const [track] = video.srcObject?.getAudioTracks() ?? [];
  if (track && listening?.track !== track) {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    listening = { track, analyser };
  }
  if (!listening) return;
  const wave = new Float32Array(listening.analyser.fftSize);
  listening.analyser.getFloatTimeDomainData(wave);
  loudest = Math.max(loudest ?? 0, ...wave.map(Math.abs));
}, 20);

async function open(name, options) {
  const { connect } = await import(`./${name}-client.js`);
  const size = { width: { ideal: options.width }, height: { ideal: options.height } };
  const camera = await navigator.mediaDevices.getUserMedia({
    video: { ...size, frameRate: 30 }, audio: options.microphone === true,
  });
  const seen = { ticks: [], states: [], errors: [] };
  const show = (stream) => {
    video.srcObject = stream;
    video.play().catch(() => {}); // a newer stream came
  };
  Object.assign(page, { camera, seen });
  page.client = await connect({ ...options, camera, show, seen });
}

const page = { video, sockets, look, picture, open, client: null, get first() { return first; }, get loudest() { return loudest; } };
window.page = page;
