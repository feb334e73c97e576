// Bundles clients by others, untouched, for pages in Chromium: package -> dist/NAME.js, an ES module.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

await build({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: { sdk: "@decartai/sdk", livekit: "livekit-client" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: "chrome111",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});
