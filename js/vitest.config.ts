import { defineConfig } from "vitest/config";

export default defineConfig({
  define: {
    __VERSION__: JSON.stringify("0.0.0-test"),
    __STYLES__: JSON.stringify(".decart-widget{}"),
    __TOOLS_STYLES__: JSON.stringify(".dw-tools{}"),
    __DECK_STYLES__: JSON.stringify(".dw-deck{}"),
    __EXPLORE_STYLES__: JSON.stringify(".decart-sheet{}"),
  },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "happy-dom",
    environmentOptions: { happyDOM: { url: "http://localhost:8888/lab" } },
    restoreMocks: true,
    unstubGlobals: true,
    coverage: {
      provider: "v8",
      // Every source file counts, also one that no test imports; none is excluded.
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "json"],
      reportsDirectory: "../.coverage-data/unit",
    },
  },
});
