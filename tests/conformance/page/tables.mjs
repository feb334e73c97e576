// Prints the tables of @decartai/sdk as JSON. What the package doesn't export is read from its files.

import { readFileSync } from "node:fs";
import { ERROR_CODES, isRealtimeModel, modelAliases, models } from "@decartai/sdk";

const read = (path) =>
  readFileSync(new URL(`node_modules/@decartai/sdk/dist/${path}`, import.meta.url), "utf-8");
const found = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

const declared = /declare const realtimeModels: (.*);/.exec(read("shared/model.d.ts"))[1];
const names = found(declared, /ZodLiteral<"([^"]+)">/g).filter((name) => !(name in modelAliases));
const channel = read("realtime/signaling-channel.js");
const connect = read("realtime/client.d.ts");
const choices = (option) => {
  const [, block] = new RegExp(`${option}: z\\.ZodOptional<z\\.ZodEnum<\\{([^}]*)\\}`).exec(connect) ?? [];
  return block ? found(block, /"?([\w-]+)"?: "/g) : [];
};
const received = [
  ...found(channel, /case "([a-z_-]+)"/g),
  ...found(channel, /msg\.type === "([a-z_-]+)"/g),
];

console.log(
  JSON.stringify({
    models: Object.fromEntries(
      names.map((name) => {
        const { fps, width, height, urlPath, supportedSpeeds = [] } = models.realtime(name);
        return [name, { fps: fps.ideal ?? fps, width, height, url_path: urlPath, speeds: supportedSpeeds }];
      }),
    ),
    aliases: Object.fromEntries(Object.entries(modelAliases).filter(([, to]) => isRealtimeModel(to))),
    options: {
      resolution: choices("resolution"),
      preferred_video_codec: choices("preferredVideoCodec"),
      speed: choices("speed"),
    },
    received: [...new Set(received)].sort(),
    sent: Object.fromEntries([...new Set(found(channel, /\btype: "([a-z_-]+)"/g))].map((type) => [type, null])),
    errors: Object.values(ERROR_CODES).sort(),
  }),
);
