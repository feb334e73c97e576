// Fails where the front end uses what a browser that chunks.json promises lacks: `npm run compat`.
//
// Syntax is esbuild's matter, which lowers it. livekit-client is not looked at: it brings its own
// polyfills. What is used all the same, because something guards it, is in ALLOWED.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { lacking } from "./compat-data.mjs";
import { scriptUses } from "./compat-scripts.mjs";
import { styleUses } from "./compat-styles.mjs";

/**
 * What may be used although a promised browser lacks it: the feature, or a dot and star behind it for
 * what belongs to it, as browser-compat-data names them; in which files; and why.
 */
const ALLOWED = [
  {
    features: ["api.VideoFrame", "api.VideoFrame.*", "api.VideoColorSpace.toJSON"],
    files: [
      ...["src/capture/worker.ts", "src/take/still.ts", "src/take/worker.ts"],
      "src/relay/worker.ts",
    ],
    reason: "reached by way of MediaStreamTrackProcessor only, which its callers look for first",
  },
  {
    features: [
      ...["api.VideoDecoder", "api.VideoDecoder.*", "api.EncodedVideoChunk"],
      ...["api.VideoFrame", "api.VideoFrame.*"],
    ],
    files: ["src/pictures/decoder.ts", "src/pictures/stream.ts", "src/pictures/track.ts"],
    reason: "looked for first; without them the kernel sends JPEG, which is drawn on a canvas",
  },
  {
    features: ["api.VideoEncoder", "api.VideoEncoder.*", "api.EncodedVideoChunk.*"],
    files: ["src/relay/worker.ts"],
    reason: "looked for first; without it the camera's frames are sent as JPEG",
  },
  {
    features: ["api.HTMLVideoElement.requestVideoFrameCallback"],
    files: ["src/media/each-frame.ts", "src/view/stage.ts"],
    reason: "guarded; each-frame.ts has a fallback, stage.ts listens to `loadeddata` too",
  },
  {
    features: ["api.Element.checkVisibility"],
    files: ["src/view/view.ts"],
    reason: "guarded by `?.`; without it the focus is not moved",
  },
  {
    features: ["api.RTCRtpTransceiver.setCodecPreferences"],
    files: ["src/media/peer.ts"],
    reason: "guarded by `?.`; without it the browser's own order of codecs is offered",
  },
  {
    features: ["api.MediaDevices.getDisplayMedia"],
    files: ["src/capture/sources.ts"],
    reason: "phones have none; the call is in a `try`, and the error becomes a refusal",
  },
  {
    features: ["css.types.color.light-dark"],
    files: ["src/view/styles.css"],
    reason: "the fallback for hosts without JupyterLab's colours; such a view has the page's own",
  },
  {
    features: ["css.properties.text-wrap", "css.properties.text-wrap.balance"],
    files: ["src/view/styles.css"],
    reason: "cosmetic: lines of a notice are of even length",
  },
  {
    features: ["css.properties.user-select"],
    files: ["src/tools/styles.css"],
    reason: "esbuild adds Safari's prefix",
  },
  {
    features: ["css.properties.cursor.*"],
    files: ["src/view/styles.css", "src/tools/styles.css"],
    reason: "iPhones have no pointer",
  },
];

const root = fileURLToPath(new URL("..", import.meta.url));
const { browsers } = JSON.parse(await readFile(`${root}/chunks.json`, "utf8"));
const used = new Set();
const problems = [];

function isAllowed(feature, file) {
  for (const { features, files } of ALLOWED) {
    const entry = features.find((one) =>
      one.endsWith(".*") ? feature.startsWith(one.slice(0, -1)) : feature === one,
    );
    if (!entry || !files.includes(file)) continue;
    used.add(`${entry} in ${file}`);
    return true;
  }
  return false;
}

const sheets = ["src/view/styles.css", "src/tools/styles.css"];
for (const { file, line, feature, found } of [
  ...scriptUses(root),
  ...(await styleUses(root, sheets)),
]) {
  const place = `${file}:${line}: ${feature}`;
  if (!found) problems.push(`${place} is unknown to browser-compat-data: map its name`);
  else {
    const missing = lacking(found.compat, browsers);
    if (missing.length && !isAllowed(feature, file))
      problems.push(`${place} (${missing.join(", ")})`);
  }
}
for (const { features, files } of ALLOWED) {
  // An entry of several features and files may be used for some of them only, but each for something.
  for (const feature of features) {
    if (!files.some((file) => used.has(`${feature} in ${file}`))) {
      problems.push(`compat.mjs: nothing needs ${feature} any more`);
    }
  }
  for (const file of files) {
    if (!features.some((feature) => used.has(`${feature} in ${file}`))) {
      problems.push(`compat.mjs: ${file} needs none of ${features.join(", ")} any more`);
    }
  }
}

if (problems.length) {
  const promise = Object.entries(browsers).map(([name, version]) => `${name} ${version}`);
  console.error(
    `chunks.json promises ${promise.join(", ")}. Use something older, guard it and say`,
  );
  console.error("so in ALLOWED of tools/compat.mjs, or promise newer browsers:");
  for (const problem of problems) console.error(`  ${problem}`);
  process.exit(1);
}
