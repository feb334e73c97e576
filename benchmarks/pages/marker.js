// A camera that writes the time into its picture, and a reader that takes it from the received picture:
// the difference is the glass-to-glass latency, on one clock. Installed before any script of a page.
//
// The time is 16 bits of milliseconds, one black or white block per bit, along the top edge; two more
// blocks, black and white, mark a readable picture. An effect that keeps black black
// and white white (greyscale) leaves it readable.

(() => {
  // A page that sends another size sets it before. To draw this camera costs more than a real one does.
  const [WIDTH, HEIGHT] = window.dwCameraSize ?? [1280, 720];
  const FPS = 25;
  const [BLOCK, BITS] = [WIDTH / 80, 16];
  const RANGE = 1 << BITS;

  /** The same random numbers in every run (mulberry32). */
  const random = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };

  const painted = (width, height, paint) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    paint(canvas.getContext("2d"));
    return canvas;
  };

  /** Soft shapes with edges and fine detail, about as hard to encode as a room. */
  const backdrop = () =>
    painted(WIDTH + 80, HEIGHT + 80, (context) => {
      const next = random(1);
      const sky = context.createLinearGradient(0, 0, WIDTH, HEIGHT);
      sky.addColorStop(0, "#7da0b8");
      sky.addColorStop(1, "#54453c");
      context.fillStyle = sky;
      context.fillRect(0, 0, WIDTH + 80, HEIGHT + 80);
      for (let i = 0; i < 900; i++) {
        const size = 4 + 90 * next() ** 4;
        context.fillStyle = `hsl(${360 * next()} ${50 * next()}% ${20 + 60 * next()}% / 0.6)`;
        context.fillRect((WIDTH + 80) * next(), (HEIGHT + 80) * next(), size, size * (0.4 + next()));
      }
    });

  /** Faint camera noise. */
  const grain = (seed) =>
    painted(WIDTH, HEIGHT, (context) => {
      const next = random(seed);
      const image = context.createImageData(WIDTH, HEIGHT);
      for (let i = 0; i < image.data.length; i += 4) {
        image.data.fill(255 * next(), i, i + 3);
        image.data[i + 3] = 6;
      }
      context.putImageData(image, 0, 0);
    });

  const openCamera = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const context = canvas.getContext("2d", { alpha: false, desynchronized: true });
    const [room, grains] = [backdrop(), [2, 3, 4, 5].map(grain)];
    const stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks();
    let count = 0;
    const draw = () => {
      const i = count++;
      context.drawImage(room, -40 - 6 * Math.sin(i / 25), -40 - 4 * Math.cos(i / 31));
      context.fillStyle = "#c98d6a"; // a moving person
      context.beginPath();
      context.ellipse(WIDTH * (0.5 + 0.15 * Math.sin(i / 12)), HEIGHT * 0.6, WIDTH * 0.12, HEIGHT * 0.32, 0, 0, 7);
      context.fill();
      context.drawImage(grains[i % grains.length], 0, 0);
      const time = Math.round(performance.now()) % RANGE;
      for (let bit = 0; bit < BITS; bit++) {
        context.fillStyle = (time >> bit) & 1 ? "#fff" : "#000";
        context.fillRect(bit * BLOCK, 0, BLOCK, BLOCK);
      }
      context.fillStyle = "#000";
      context.fillRect(BITS * BLOCK, 0, BLOCK, BLOCK);
      context.fillStyle = "#fff";
      context.fillRect((BITS + 1) * BLOCK, 0, BLOCK, BLOCK);
      track.requestFrame();
    };
    let due = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      if (track.readyState === "ended") clearInterval(timer);
      else if (now >= due) {
        due = Math.max(due + 1000 / FPS, now - 1000 / FPS);
        draw();
      }
    }, 4);
    draw();
    return stream;
  };

  // Replaces the camera in a notebook's page and in a plain one.
  navigator.mediaDevices.getUserMedia = async () => openCamera();

  /**
   * Reads the pictures of a video as they are shown.
   *
   * @param picture CSS selector
   * @param warm seconds before, in which the connection finds its bitrate
   * @param seconds how long to read
   * @returns ms of each picture, those that weren't readable, and size and rate that were shown
   */
  window.dwGlassToGlass = async (picture, warm, seconds) => {
    const video = document.querySelector(picture);
    const [width, height] = [(BITS + 2) * BLOCK, BLOCK];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
    const read = (scale) => {
      context.drawImage(video, 0, 0, width * scale, height * scale, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      const light = (block) => data[4 * ((BLOCK / 2) * width + block * BLOCK + BLOCK / 2)];
      if (light(BITS) > 100 || light(BITS + 1) < 150) return null;
      let time = 0;
      for (let bit = 0; bit < BITS; bit++) if (light(bit) > 128) time |= 1 << bit;
      return time;
    };
    const begin = performance.now() + 1000 * warm;
    const end = begin + 1000 * seconds;
    const seen = { ms: [], unread: 0, width: 0, height: 0, fps: 0 };
    await new Promise((done) => {
      const look = (_, frame) => {
        const now = performance.now();
        if (now >= end) return done();
        video.requestVideoFrameCallback(look);
        if (now < begin) return;
        [seen.width, seen.height] = [frame.width, frame.height];
        const time = read(frame.width / WIDTH);
        if (time === null) seen.unread++;
        else seen.ms.push((Math.round(now) - time + RANGE) % RANGE);
      };
      video.requestVideoFrameCallback(look);
    });
    seen.fps = (seen.ms.length + seen.unread) / seconds;
    return seen;
  };
})();
